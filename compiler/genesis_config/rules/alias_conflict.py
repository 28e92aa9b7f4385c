"""`alias-conflict`: an alias that does not stand for one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.diagnostics.finding import Related
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "alias-conflict",
    title="an alias that does not stand for one model",
    severity="error",
    kind="required",
    stage="config",
    why="""An alias is another name for exactly one model. It cannot be given twice, cannot hold a `/` (it would
look like a reference), and cannot be given to a wildcard, which stands for many.""",
    bad="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { models: { "vllm/*": { alias: "fast" } } } } }""",
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { models: { "vllm/llama-3-8b": { alias: "fast" } } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the aliases that do not stand for one model."""
    selection = context.config.selection
    for alias, entries in selection.aliases.items():
        first = entries[0]
        for entry in entries:
            place = entry.at(keys.ALIAS)
            if not entry.has_known_alias:
                continue
            if entry.reference.text.endswith("/*"):
                message = f"`{place}` gives an alias to a wildcard, which stands for many models"
                help_ = f'give it to one model: `"{entry.reference.provider}/MODEL"`'
                yield RULE.finding(place, message, help_)
            elif "/" in alias or not alias.strip():
                what = f"the alias `{place.show(alias)}` in `{place}`"
                message = f"{what} is empty or holds a `/`, so it looks like a reference"
                yield RULE.finding(place, message, "write it without `/`")
            elif entry is not first:
                message = f"the alias `{place.show(alias)}` in `{place}` stands for `{first.reference}` already"
                related = (Related("first given here", first.at(keys.ALIAS).span),)
                yield RULE.finding(place, message, "give it another name", related=related)
