"""Request parameters that are never sent: those that are not a configuration's to set, and those of a wildcard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.lookup import declared_models, providers, selected_entries
from genesis_config.diagnostics.finding import config_path
from genesis_config.net.policy import NATIVE_ONLY, OWN_FIELDS
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.rules.rule import Context

__all__ = ["NATIVE_ONLY_PARAM", "check"]

NATIVE_ONLY_PARAM: Final = Rule(
    "native-only-param",
    "warning",
    "a parameter that is not sent",
    """`service_tier`, `store`, `prompt_cache_key` and `prompt_cache_retention` belong to the native OpenAI
endpoint. vLLM takes them without complaint and does nothing with them, so they are left out of every request and of
the manifest: whoever wrote one believes in an effect that it does not have. `model`, `messages` and `stream` are what
a request is made of, and no parameter sets them.

The same holds for `params` of a wildcard (`"vllm/*"` in `agents.defaults.models`): it keeps a provider dynamic, and
has no model of its own. What all models of a provider are sent stands in the provider's `params`.""",
    """{ models: { providers: { vllm: { params: { service_tier: "flex" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    """{ models: { providers: { vllm: { params: { temperature: 0.2 },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Check the `params` of providers, models and selected models."""
    for name, provider in providers(context.value):
        path = ("models", "providers", name)
        yield from _check_params(context, path, provider)
        for index, model in declared_models(provider):
            if "params" in model:
                yield from _check_params(context, (*path, "models", index), model)
    for reference, entry in selected_entries(context.value):
        selected = ("agents", "defaults", "models", reference)
        if reference.endswith("/*") and entry.get("params"):
            message = f"`{config_path((*selected, 'params'))}` are sent with no model: a wildcard takes none"
            provider_params = config_path(("models", "providers", reference.removesuffix("/*"), "params"))
            help_ = f"write them at `{provider_params}`, which all of its models have, or at each model's own reference"
            yield NATIVE_ONLY_PARAM.finding(context, (*selected, "params"), message, help_, key=True)
        else:
            yield from _check_params(context, selected, entry)


def _check_params(context: Context, path: Path, owner: dict[str, Any]) -> Iterator[Diagnostic]:
    params = owner.get("params")
    for key in params if isinstance(params, dict) else ():
        if key in NATIVE_ONLY or key in OWN_FIELDS:
            place = (*path, "params", key)
            why = "it belongs to the native OpenAI endpoint" if key in NATIVE_ONLY else "each request has its own"
            message = f"`{config_path(place)}` is never sent: {why}"
            yield NATIVE_ONLY_PARAM.finding(context, place, message, "remove it", key=True)
