"""`assumed-context-window`: context window is not set."""

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
    title="context window is not set",
    severity="info",
    kind="advice",
    stage="config",
    why="""The server of a declared model is not queried, so without `contextWindow` Genesis assumes 128000 tokens
and records the assumption in the manifest (`contextWindowFrom: "default"`). If it is wrong, so is the context usage
that is reported for each completion. Set `contextWindow` to the value that the server was started with
(vLLM: `--max-model-len`).""",
    bad='{ models: { providers: { vllm: { models: [{ id: "llama" }] } } } }',
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield one finding per provider that has models with an assumed window, however many."""
    for provider in context.config.providers:
        if provider.is_dynamic:
            continue
        assumed = [model for model in provider.models if not _sets_window(model)]
        # The part of an entry that could not be read may set its window.
        assumed = [model for model in assumed if not (model.sets(keys.INCLUDE) or model.place.is_damaged)]
        if assumed:
            first, more = assumed[0], len(assumed) - 1
            others = f" and {more} other model{'s' if more > 1 else ''} of its provider do" if more else " does"
            message = f"`{first.place}`{others} not set `contextWindow`; assuming {DEFAULT_CONTEXT_WINDOW} tokens"
            help_ = "set it to the context window of the server (vLLM: `--max-model-len`)"
            yield RULE.finding(first.at(keys.ID), message, help_)


def _sets_window(model: ModelEntry) -> bool:
    """Return whether an entry sets its window, even under a misspelled name, which is reported by another rule."""
    if model.sets(keys.CONTEXT_WINDOW):
        return True
    return any(part in key.lower() for key in model.value for part in ("context", "window"))
