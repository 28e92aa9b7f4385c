"""`max-tokens-exceeds-context`: `maxTokens` exceeds the context window."""

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
    title="`maxTokens` exceeds the context window",
    severity="error",
    kind="advice",
    stage="config",
    why="""The prompt and the response share the context window. Servers reject requests for more tokens than their
window (vLLM responds with 400), so such a model fails on first use. If `contextWindow` is not set, 128000 tokens are
assumed.""",
    bad='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 4096, maxTokens: 8192 }] } } } }',
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 16384, maxTokens: 8192 }] } } } }',
)

_REPORTED: Final = {"server": " reported by the server", "parent": " reported by the server for its base model"}
_ASSUMED: Final = " (the default)"


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each model whose limit exceeds the window in the configuration, or the default window."""
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
                origin = "" if sets_window else _ASSUMED
                message = f"`{place}` is {limit}, which exceeds the context window of {window} tokens{origin}"
                help_ = f"set it below {window} to leave room for the prompt, or correct `contextWindow`"
                yield RULE.finding(place, message, help_)


def check_resolved(context: Context, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield a finding for each model whose limit exceeds the window that its server reports."""
    for name in resolved.served:
        provider = context.config.provider(name)
        models = {model.id: model for model in resolved.providers[name].models}
        for declared in provider.models if provider else ():
            model = models[declared.id]
            if not declared.sets(keys.CONTEXT_WINDOW) and model.max_tokens > model.context_window:
                place = declared.at(keys.MAX_TOKENS)
                window, origin = model.context_window, _REPORTED.get(model.context_window_from, _ASSUMED)
                message = (
                    f"`{place}` is {model.max_tokens}, which exceeds the context window of {window} tokens{origin}"
                )
                help_ = f"set it below {window} to leave room for the prompt"
                yield RULE.finding(place, message, help_)
