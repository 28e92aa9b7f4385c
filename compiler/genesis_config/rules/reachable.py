"""Whether what the configuration selects can be had, once it is known which providers there are and what they serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config.lookup import declared_models, mapping, needed_providers
from genesis_config.diagnostics.finding import config_path
from genesis_config.rules.models import MAX_TOKENS_EXCEEDS_CONTEXT
from genesis_config.rules.rule import Rule
from genesis_config.rules.selection import check_served

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.manifest import Provider
    from genesis_config.resolve.decision import Decision
    from genesis_config.rules.rule import Context

__all__ = ["NOT_CONFIGURED", "check"]

NOT_CONFIGURED: Final = Rule(
    "not-configured",
    "error",
    "a model of a provider that nothing opted in to",
    """The selection names a model of `vllm`, or a wildcard asks for all of its models, and it is neither declared nor
opted in to. Without an opt-in no
request is made: a machine that has no vLLM server hears nothing of Genesis. There are two ways out: set
`VLLM_API_KEY` (any value does where the server asks for no key), and its models are discovered at
`http://127.0.0.1:8000/v1`; or declare `models.providers.vllm`. `genesis check` does not look at the environment and
leaves this to `genesis compile`.""",
    '{ agents: { defaults: { model: { primary: "vllm/llama-3-8b" } } } }  // and VLLM_API_KEY is not set',
    """{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: { primary: "vllm/llama-3-8b" } } } }""",
)


_TOLD: Final = {"server": " that its server states", "parent": " that its server states for its base model"}


def check(
    context: Context,
    decisions: Iterable[Decision],
    resolved: Mapping[str, Provider],
    served: Mapping[str, Collection[str]],
) -> Iterator[Diagnostic]:
    """Check the selection, and what entries declare, against the decisions and the models that servers list.

    Args:
        context: The configuration.
        decisions: Those of the providers that are wanted; references to others are left alone.
        resolved: The providers of the manifest, with their models.
        served: The ids of the models that servers list, or that the lock has in their place, by provider.
    """
    unconfigured = {decision.provider: decision for decision in decisions if decision.kind == "none"}
    for provider, path, key in needed_providers(context.value):
        decision = unconfigured.get(provider)
        if decision is not None:
            where = config_path(path)
            message = f"`{where}` names the provider `{provider}`, which is not configured: {decision.reason}"
            yield NOT_CONFIGURED.finding(context, path, message, decision.change, key=key)
    yield from check_served(context, served)
    for name in served:
        yield from _check_limits(context, name, resolved[name])


def _check_limits(context: Context, name: str, provider: Provider) -> Iterator[Diagnostic]:
    """Check the token limits of entries that leave the window to the server, once it was asked."""
    path = ("models", "providers", name)
    models = {model.id: model for model in provider.models}
    for index, stated in declared_models(mapping(context.value, *path)):
        model = models[stated["id"]]
        if "contextWindow" not in stated and model.max_tokens > model.context_window:
            place = (*path, "models", index, "maxTokens")
            told = _TOLD.get(model.context_window_from, ", the default where none is stated")
            window = f"the context window of {model.context_window} tokens{told}"
            message = f"`{config_path(place)}` is {model.max_tokens}, more than {window}"
            help_ = f"write at most {model.context_window}, less what prompts need"
            yield MAX_TOKENS_EXCEEDS_CONTEXT.finding(context, place, message, help_)
