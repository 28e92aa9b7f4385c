"""`duplicate-model`: two models of one provider have the same id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.diagnostics.finding import Related
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import ModelEntry
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "duplicate-model",
    title="two models of one provider have the same id",
    severity="error",
    kind="required",
    stage="config",
    why="It is ambiguous which entry applies: the window, prices and limits of the other would be silently lost.",
    bad="""{ models: { providers: { vllm: { models: [
  { id: "llama", contextWindow: 8192 },
  { id: "llama", contextWindow: 8192, maxTokens: 64 },
] } } } }""",
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192, maxTokens: 64 }] } } } }',
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each model whose id its provider has already declared."""
    for provider in context.config.providers:
        seen: dict[str, ModelEntry] = {}
        for model in provider.models:
            first = seen.setdefault(model.id, model)
            if first is not model and model.has_known_id:
                yield RULE.finding(
                    model.at(keys.ID),
                    f"`{provider.place}` declares the model `{model.at(keys.ID).show(model.id)}` twice",
                    "keep only one of the two entries",
                    related=(Related("first declared here", first.at(keys.ID).span),),
                )
