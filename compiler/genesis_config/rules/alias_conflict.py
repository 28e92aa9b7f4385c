"""`alias-conflict`: alias does not name exactly one model."""

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
    title="alias does not name exactly one model",
    severity="error",
    kind="required",
    stage="config",
    why="""An alias is a short name for exactly one model. It must be unique, must not contain a `/` (it would look
like a model reference), and cannot be set on a wildcard, which matches many models.""",
    bad="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { models: { "vllm/*": { alias: "fast" } } } } }""",
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { models: { "vllm/llama-3-8b": { alias: "fast" } } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each alias that does not name exactly one model."""
    selection = context.config.selection
    for alias, entries in selection.aliases.items():
        first = entries[0]
        for entry in entries:
            place = entry.at(keys.ALIAS)
            if not entry.has_known_alias:
                continue
            if entry.reference.text.endswith("/*"):
                message = f"`{place}` sets an alias on a wildcard, which matches many models"
                help_ = f'set it on a single model: `"{entry.reference.provider}/MODEL"`'
                yield RULE.finding(place, message, help_)
            elif "/" in alias or not alias.strip():
                message = f"the alias `{place.show(alias)}` in `{place}` is empty or contains a `/`"
                yield RULE.finding(place, message, "choose a name without `/`")
            elif entry is not first:
                message = f"the alias `{place.show(alias)}` in `{place}` is already used for `{first.reference}`"
                related = (Related("first used here", first.at(keys.ALIAS).span),)
                yield RULE.finding(place, message, "choose a different alias", related=related)
