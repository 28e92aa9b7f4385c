"""`duplicate-fallback`: fallback repeats an earlier model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from genesis_config.diagnostics.finding import Edit, Fix, Related
from genesis_config.diagnostics.source import Span
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import ModelRef
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "duplicate-fallback",
    title="fallback repeats an earlier model",
    severity="warning",
    kind="advice",
    stage="config",
    fixable=True,
    why="""A fallback that repeats the primary model or an earlier fallback is the same model on the same server:
after it has failed once, trying it again immediately only wastes time.""",
    bad="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: { primary: "vllm/llama-3-8b", fallbacks: ["vllm/llama-3-8b"] } } } }""",
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: { primary: "vllm/llama-3-8b", fallbacks: [] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each fallback that repeats an earlier reference."""
    seen: dict[str, ModelRef] = {}
    for reference in context.config.selection.references:
        first = seen.setdefault(reference.text, reference) if reference.is_known else reference
        if first is not reference:
            repeated = "an earlier fallback" if first.is_fallback else "the primary model"
            yield RULE.finding(
                reference.place,
                f"the fallback `{reference}` in `{reference.place}` repeats {repeated}",
                "remove it",
                related=(Related("first listed here", first.place.span),),
                fix=_removal(reference.place.span),
            )


def _removal(item: Span) -> Fix:
    """Return the fix that removes an array item, including its comma unless a comment separates them."""
    text = item.source.text
    after = re.compile(r"\s*,[ \t]*").match(text, item.end)
    if after is not None:
        start, end = item.start, after.end()
        line = item.source.position(start).line
        first, last = item.source.line_span(line)
        if end == last and not text[first:start].strip():
            # Nothing else is on its line, so the whole line is removed.
            start, end = first, next(iter(item.source.line_starts[line : line + 1]), len(text))
        return Fix("remove it", (Edit(Span(item.source, start, end), ""),))
    before = re.search(r",\s*$", text[: item.start])
    start = before.start() if before is not None else item.start
    return Fix("remove it", (Edit(Span(item.source, start, item.end), ""),))
