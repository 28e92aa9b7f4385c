"""`duplicate-model`: two entries of one provider have the same id."""

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
    title="two entries of one provider have the same id",
    severity="error",
    kind="required",
    stage="config",
    why="Which of the two would hold is anybody's guess: the window, prices and limits of one are silently lost.",
    bad="""{ models: { providers: { vllm: { models: [
  { id: "llama", contextWindow: 8192 },
  { id: "llama", contextWindow: 8192, maxTokens: 64 },
] } } } }""",
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192, maxTokens: 64 }] } } } }',
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the models that their provider has declared before."""
    for provider in context.config.providers:
        seen: dict[str, ModelEntry] = {}
        for model in provider.models:
            first = seen.setdefault(model.id, model)
            if first is not model and model.has_known_id:
                yield RULE.finding(
                    model.at(keys.ID),
                    f"the model `{model.at(keys.ID).show(model.id)}` is declared twice by `{provider.place}`",
                    "keep one of the two entries",
                    related=(Related("first declared here", first.at(keys.ID).span),),
                )
