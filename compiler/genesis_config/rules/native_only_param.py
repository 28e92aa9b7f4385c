"""`native-only-param`: parameter is never sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.paths import config_path
from genesis_config.net.policy import NATIVE_ONLY, OWN_FIELDS
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import ModelEntry, Provider, SelectedModel
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "native-only-param",
    title="parameter is never sent",
    severity="warning",
    kind="advice",
    stage="config",
    why="""`service_tier`, `store`, `prompt_cache_key` and `prompt_cache_retention` are specific to OpenAI's own API.
vLLM accepts them silently but ignores them, so Genesis leaves them out of the manifest and of every request, and
setting them has no effect. `model`, `messages` and `stream` are set for each request and cannot be parameters.

The `params` of a wildcard (`"vllm/*"` in `agents.defaults.models`) are not sent either, because a wildcard only
enables discovery. To set parameters for all models of a provider, use the provider's own `params`.""",
    bad="""{ models: { providers: { vllm: { params: { service_tier: "flex" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { params: { temperature: 0.2 },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each parameter of a provider, model or selected model that is never sent."""
    for provider in context.config.providers:
        yield from _check(provider)
        for model in provider.models:
            if model.sets(keys.PARAMS):
                yield from _check(model)
    for entry in context.config.selection.entries:
        if entry.reference.text.endswith("/*") and entry.value.get(keys.PARAMS):
            yield _wildcard_finding(entry)
        else:
            yield from _check(entry)


def _check(owner: Provider | ModelEntry | SelectedModel) -> Iterator[Diagnostic]:
    for name in owner.params:
        if name in NATIVE_ONLY or name in OWN_FIELDS:
            place = owner.at(keys.PARAMS, name).key
            reason = "only OpenAI's own API supports it" if name in NATIVE_ONLY else "it is set for each request"
            yield RULE.finding(place, f"`{place}` is never sent: {reason}", "remove it")


def _wildcard_finding(entry: SelectedModel) -> Diagnostic:
    place = entry.at(keys.PARAMS).key
    provider_params = config_path((*keys.PROVIDERS, entry.reference.text.removesuffix("/*"), keys.PARAMS))
    help_ = f"move them to `{provider_params}`, which applies to all of its models, or to the entry of a single model"
    return RULE.finding(place, f"`{place}` is never sent: a wildcard cannot have parameters", help_)
