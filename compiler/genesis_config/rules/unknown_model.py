"""`unknown-model`: provider does not have the model."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.defaults import IMPLICIT_PROVIDERS
from genesis_config.credentials.patterns import without_keys
from genesis_config.diagnostics.suggestions import listed, nearest
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from genesis_config.config.views import Config, ModelRef, Provider
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context, Resolved

__all__ = ["RULE", "check", "check_resolved"]

RULE: Final = Rule(
    "unknown-model",
    title="provider does not have the model",
    severity="error",
    kind="required",
    stage="config",
    why="""A declared provider has only the models that it lists; for any other, the server would respond with 404 to
the first request. For a discovered or wildcard provider, the server's model list decides, so only commands that query
the server can report an unknown model.""",
    bad="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "vllm/llama-3-8" } } }""",
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "vllm/llama-3-8b" } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each reference to a model that is neither declared nor locked."""
    config = context.config
    known = {*(provider.id for provider in config.providers), *IMPLICIT_PROVIDERS}
    locked = {name: provider.rows for name, provider in context.locked.items()}
    references = [reference for reference in config.references if reference.is_known and reference.provider in known]
    yield from _check(config, references, locked)


def check_resolved(context: Context, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield a finding for each reference to a model that its server does not list."""
    references = [reference for reference in context.config.references if reference.provider in resolved.served]
    yield from _check(context.config, references, resolved.served)


def _check(config: Config, references: list[ModelRef], served: Mapping[str, Collection[str]]) -> Iterator[Diagnostic]:
    # Many references name the same provider.
    models_of = cache(lambda provider: _models(config, provider, served.get(provider)))
    for reference in references:
        provider, model = reference.provider, reference.model
        models = None if reference.is_wildcard else models_of(provider)
        if model is None or models is None or model in models:
            continue
        near = nearest(model, models)
        available = f"available: {listed(sorted(models))}" if models else "the provider has no models"
        help_ = f"did you mean `{provider}/{near}`?" if near else available
        message = f"`{reference}` in `{reference.owner}`: the provider `{provider}` does not have this model"
        yield RULE.finding(reference.place, message, without_keys(help_))


def _models(config: Config, name: str, served: Collection[str] | None) -> frozenset[str] | None:
    """Return the ids of a provider's models; None if only its server knows them, or if an id is unknown."""
    provider = config.provider(name)
    if served is None and (provider is None or provider.is_dynamic):
        return None
    declared = provider.models if provider else ()
    if not all(model.has_known_id for model in declared):
        return None
    if provider is not None and config.document.damaged and _lost_an_id(provider):
        return None
    return frozenset(model.id for model in declared).union(served or ())


def _lost_an_id(provider: Provider) -> bool:
    """Return whether the id of a model could not be read."""
    models = provider.at(keys.MODELS)
    places = [provider.place, models]
    for index in range(provider.model_count or 0):
        places += [models.at(index), models.at(index, keys.ID)]
    return any(place.is_damaged for place in places)
