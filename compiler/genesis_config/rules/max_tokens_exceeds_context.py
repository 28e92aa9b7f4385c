"""`max-tokens-exceeds-context`: more output tokens than the context window holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.defaults import DEFAULT_CONTEXT_WINDOW
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context, Resolved

__all__ = ["RULE", "check", "check_resolved"]

RULE: Final = Rule(
    "max-tokens-exceeds-context",
    title="more output tokens than the context window holds",
    severity="error",
    kind="advice",
    stage="config",
    why="""The window holds the prompt and the answer together. A server refuses a request for more tokens than its
window (vLLM answers 400), so an entry like this fails at its first use. A window that is not stated is taken as
128000.""",
    bad='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 4096, maxTokens: 8192 }] } } } }',
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 16384, maxTokens: 8192 }] } } } }',
)

_REPORTED: Final = {"server": " that its server states", "parent": " that its server states for its base model"}
_ASSUMED: Final = ", the default where none is stated"


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the models whose limit is more than the window that the configuration sets for them."""
    for provider in context.config.providers:
        assumed = None if provider.is_dynamic else DEFAULT_CONTEXT_WINDOW
        for model in provider.models:
            limit = model.max_tokens
            if limit is None:
                continue
            sets_window = model.sets(keys.CONTEXT_WINDOW)
            window = model.context_window if sets_window else assumed
            if window is not None and limit > window > 0:
                place = model.at(keys.MAX_TOKENS)
                words = f"the context window of {window} tokens{'' if sets_window else _ASSUMED}"
                help_ = f"write at most {window}, less what prompts need, or state the model's true `contextWindow`"
                yield RULE.finding(place, f"`{place}` is {limit}, more than {words}", help_)


def check_resolved(context: Context, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield the models whose limit is more than the window that their server reports."""
    for name in resolved.served:
        provider = context.config.provider(name)
        models = {model.id: model for model in resolved.providers[name].models}
        for declared in provider.models if provider else ():
            model = models[declared.id]
            if not declared.sets(keys.CONTEXT_WINDOW) and model.max_tokens > model.context_window:
                place = declared.at(keys.MAX_TOKENS)
                reported = _REPORTED.get(model.context_window_from, _ASSUMED)
                words = f"the context window of {model.context_window} tokens{reported}"
                help_ = f"write at most {model.context_window}, less what prompts need"
                yield RULE.finding(place, f"`{place}` is {model.max_tokens}, more than {words}", help_)
