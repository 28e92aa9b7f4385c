"""`native-only-param`: a parameter that is not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.positions import config_path
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
    title="a parameter that is not sent",
    severity="warning",
    kind="advice",
    stage="config",
    why="""`service_tier`, `store`, `prompt_cache_key` and `prompt_cache_retention` belong to the native OpenAI
endpoint. vLLM takes them without complaint and does nothing with them, so they are left out of every request and of
the manifest: whoever wrote one believes in an effect that it does not have. `model`, `messages` and `stream` are what
a request is made of, and no parameter sets them.

The same holds for `params` of a wildcard (`"vllm/*"` in `agents.defaults.models`): it keeps a provider dynamic, and
has no model of its own. What all models of a provider are sent stands in the provider's `params`.""",
    bad="""{ models: { providers: { vllm: { params: { service_tier: "flex" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { params: { temperature: 0.2 },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the parameters of providers, models and selected models that are never sent."""
    for provider in context.config.providers:
        yield from _check(provider)
        for model in provider.models:
            if model.sets(keys.PARAMS):
                yield from _check(model)
    for entry in context.config.selection.entries:
        if entry.reference.text.endswith("/*") and entry.value.get(keys.PARAMS):
            yield _of_wildcard(entry)
        else:
            yield from _check(entry)


def _check(owner: Provider | ModelEntry | SelectedModel) -> Iterator[Diagnostic]:
    for name in owner.params:
        if name in NATIVE_ONLY or name in OWN_FIELDS:
            place = owner.at(keys.PARAMS, name).key
            why = "it belongs to the native OpenAI endpoint" if name in NATIVE_ONLY else "each request has its own"
            yield RULE.finding(place, f"`{place}` is never sent: {why}", "remove it")


def _of_wildcard(entry: SelectedModel) -> Diagnostic:
    place = entry.at(keys.PARAMS).key
    provider_params = config_path((*keys.PROVIDERS, entry.reference.text.removesuffix("/*"), keys.PARAMS))
    help_ = f"write them at `{provider_params}`, which all of its models have, or at each model's own reference"
    return RULE.finding(place, f"`{place}` are sent with no model: a wildcard takes none", help_)
