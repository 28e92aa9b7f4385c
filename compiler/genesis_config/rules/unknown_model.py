"""`unknown-model`: a reference to a model that its provider does not have."""

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
    title="a reference to a model that its provider does not have",
    severity="error",
    kind="required",
    stage="config",
    why="""A declared provider has the models that it lists, and nothing else: the server would answer 404 to the
first request. Where a wildcard keeps the provider dynamic, or it is discovered, its server's list is what counts,
and only commands that ask the server can tell.""",
    bad="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "vllm/llama-3-8" } } }""",
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "vllm/llama-3-8b" } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the references to models that are neither declared nor in the lock."""
    config = context.config
    known = {*(provider.id for provider in config.providers), *IMPLICIT_PROVIDERS}
    locked = {name: provider.rows for name, provider in context.locked.items()}
    references = [reference for reference in config.references if reference.is_known and reference.provider in known]
    yield from _check(config, references, locked)


def check_resolved(context: Context, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield the references to models that servers do not list."""
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
        help_ = f"did you mean `{provider}/{near}`?" if near else f"it has {listed(sorted(models)) or 'no models'}"
        message = f"`{reference}` in `{reference.owner}` names a model that the provider `{provider}` does not have"
        yield RULE.finding(reference.place, message, without_keys(help_))


def _models(config: Config, name: str, served: Collection[str] | None) -> frozenset[str] | None:
    """Return the ids of a provider's models; None if only its server knows them, or an id is not known."""
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
