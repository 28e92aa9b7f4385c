"""A tolerant view of a configuration's value: what has the right type is given, what has not is passed over.

Wrong types are findings of validation; the stages after it need not check them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genesis_config.config.defaults import DEFAULT_BASE_URL, IMPLICIT_PROVIDERS
from genesis_config.diagnostics.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Path

__all__ = [
    "DEFAULT_BASE_URL",
    "IMPLICIT_PROVIDERS",
    "ModelRef",
    "declared_models",
    "declared_profiles",
    "extension",
    "is_dynamic",
    "mapping",
    "model_refs",
    "named_providers",
    "needed_providers",
    "profile_order",
    "providers",
    "selected_entries",
    "split_ref",
    "states_key",
]


class ModelRef(NamedTuple):
    """A place that names a model: `agents.defaults.model`, its `primary`, one of its `fallbacks`."""

    path: Path
    text: str


def extension(key: str) -> bool:
    """Tell whether a key is allowed anywhere and means nothing to Genesis."""
    return key.startswith("x-") or key in {"$schema", "$include"}


def mapping(value: Any, *keys: str) -> dict[str, Any]:
    """Give the object at `keys` below `value`, an empty one where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def providers(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the declared providers: id and object."""
    for name, provider in mapping(value, "models", "providers").items():
        if isinstance(provider, dict) and not extension(name):
            yield name, provider


def states_key(provider: dict[str, Any]) -> bool:
    """Tell whether a provider states a key. One of white space alone is none, like an empty one."""
    key = provider.get("apiKey")
    return bool(key.strip() if isinstance(key, str) else key)


def declared_models(provider: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """List a provider's declared models that have an id: index and object."""
    models = provider.get("models")
    if isinstance(models, list):
        for index, model in enumerate(models):
            if isinstance(model, dict) and isinstance(model.get("id"), str):
                yield index, model


def selected_entries(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the entries of `agents.defaults.models`: `provider/model` (or `provider/*`) and object."""
    for reference, entry in mapping(value, "agents", "defaults", "models").items():
        if isinstance(entry, dict) and not extension(reference):
            yield reference, entry


def is_dynamic(value: Any, provider: str) -> bool:
    """Tell whether a wildcard in `agents.defaults.models` asks for the provider's own list of models."""
    return f"{provider}/*" in mapping(value, "agents", "defaults", "models")


def split_ref(reference: str) -> tuple[str, str] | None:
    """Split `provider/model` at the first slash; None where a side is missing or holds white space at its ends."""
    provider, slash, model = reference.partition("/")
    if not slash or not provider or not model or provider != provider.strip() or model != model.strip():
        return None
    return provider, model


def model_refs(value: Any) -> Iterator[ModelRef]:
    """List the model references of the selection: the primary, then the fallbacks, in order."""
    base = ("agents", "defaults", "model")
    selection = mapping(value, "agents", "defaults").get("model")
    if isinstance(selection, str):
        yield ModelRef(base, selection)
    elif isinstance(selection, dict):
        if isinstance(selection.get("primary"), str):
            yield ModelRef((*base, "primary"), selection["primary"])
        fallbacks = selection.get("fallbacks")
        if isinstance(fallbacks, list):
            for index, reference in enumerate(fallbacks):
                if isinstance(reference, str):
                    yield ModelRef((*base, "fallbacks", index), reference)


def named_providers(value: Any) -> list[str]:
    """List the ids of the providers that are declared, or that a model is named of."""
    references = [reference.text for reference in model_refs(value)]
    references += [reference for reference, _ in selected_entries(value)]
    named = {split[0] for split in map(split_ref, references) if split is not None}
    return sorted(named | {name for name, _ in providers(value)})


def needed_providers(value: Any) -> Iterator[tuple[str, Path, bool]]:
    """List the providers without which the configuration cannot do what it says, each with the place that names it.

    Those are of models that are selected, and of wildcards. A place is a path, and whether it is the key there.
    """
    references = [(reference.text, reference.path, False) for reference in model_refs(value)]
    references += [
        (text, ("agents", "defaults", "models", text), True)
        for text, _ in selected_entries(value)
        if text.endswith("/*")
    ]
    for text, path, key in references:
        parts = split_ref(text)
        if parts is not None:
            yield parts[0], path, key


def profile_order(value: Any, provider: str) -> list[str] | None:
    """Give the auth profiles that are to be tried for a provider, in order; None where that is not stated."""
    order = mapping(value, "auth", "order").get(provider)
    return [name for name in order if isinstance(name, str)] if isinstance(order, list) else None


def declared_profiles(value: Any, provider: str) -> list[str]:
    """List the ids of the auth profiles that the configuration says a provider has."""
    profiles = mapping(value, "auth", "profiles")
    return [name for name in profiles if not extension(name) and mapping(profiles, name).get("provider") == provider]
