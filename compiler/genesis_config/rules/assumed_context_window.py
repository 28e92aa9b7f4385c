"""`assumed-context-window`: a context window that nobody stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.defaults import DEFAULT_CONTEXT_WINDOW
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import ModelEntry
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "assumed-context-window",
    title="a context window that nobody stated",
    severity="info",
    kind="advice",
    stage="config",
    why="""A declared model without `contextWindow` is taken to have one of 128000 tokens, since its server is not
asked. The manifest says so (`contextWindowFrom: "default"`), and the share of the window that a completion used is as
wrong as the guess. State what the server was started with (vLLM: `--max-model-len`).""",
    bad='{ models: { providers: { vllm: { models: [{ id: "llama" }] } } } }',
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield one finding for each provider with models whose window is assumed, however many they are."""
    for provider in context.config.providers:
        if provider.is_dynamic:
            continue
        assumed = [model for model in provider.models if not _sets_window(model)]
        # What could not be read of an entry may be its window.
        assumed = [model for model in assumed if not (model.sets(keys.INCLUDE) or model.place.is_damaged)]
        if assumed:
            states = f" and {len(assumed) - 1} more of its provider state" if len(assumed) > 1 else " states"
            first = assumed[0]
            message = f"`{first.place}`{states} no `contextWindow`, and {DEFAULT_CONTEXT_WINDOW} tokens are assumed"
            yield RULE.finding(first.at(keys.ID), message, "state the window of the server that serves it")


def _sets_window(model: ModelEntry) -> bool:
    """Return whether an entry sets its window, be it under a misspelt name, which is a finding of its own."""
    if model.sets(keys.CONTEXT_WINDOW):
        return True
    return any(part in key.lower() for key in model.value for part in ("context", "window"))
