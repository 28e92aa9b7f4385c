"""The request: which model, which fields, which headers. Nothing goes out that was not stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from genesis.manifest import NATIVE_ONLY, MissingSecretError, SecretRef, secret_value
from genesis.runtime.errors import CredentialError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from genesis.manifest import Manifest, Model, Provider

__all__ = ["Target", "body", "find", "header_values"]

# What HTTP itself needs, beside Host and Content-Length, which the client library adds.
_OWN_HEADERS: Final = {"Content-Type": "application/json", "Accept": "text/event-stream"}


class Target(NamedTuple):
    """A model to ask, and the provider that serves it."""

    provider_id: str
    provider: Provider
    model: Model


def find(manifest: Manifest, reference: str | None) -> Target:
    """Find a model by `provider/model` or alias; None is the primary.

    Raises:
        UnknownModelError: There is none; the message lists what there is.
    """
    stated = reference if reference is not None else manifest.selection.primary
    if stated is None:
        raise UnknownModelError(
            "no model was named, and the manifest selects no primary",
            help="name one as `provider/model`, or set agents.defaults.model in the configuration",
        )
    provider_id, _, model_id = manifest.selection.aliases.get(stated, stated).partition("/")
    provider = manifest.providers.get(provider_id)
    if provider is None or not model_id:
        known = [*manifest.providers, *(f"the alias {alias}" for alias in manifest.selection.aliases)]
        raise UnknownModelError(
            f"`{stated}` names no provider of the manifest", help=f"it has {', '.join(known) or 'no providers'}"
        )
    for model in provider.models:
        if model.id == model_id:
            return Target(provider_id, provider, model)
    known = [f"{provider_id}/{model.id}" for model in provider.models[:12]]
    raise UnknownModelError(
        f"the manifest has no model `{stated}`", help=f"the provider has {', '.join(known) or 'no models'}"
    )


def body(  # noqa: PLR0913 - a request's parts
    model: Model,
    messages: Sequence[Mapping[str, Any]],
    *,
    params: Mapping[str, Any],
    max_tokens: int | None,
    tools: Sequence[Mapping[str, Any]] | None,
    tool_choice: str | Mapping[str, Any] | None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Make the request's body, and name the fields that were held back.

    The caller's params come after the manifest's. The token limit is the caller's, else the params', else the entry's
    where the configuration states it: vLLM 0.32 answers 400 to a limit past the window, so an assumed one is not sent.
    """
    merged = _merged(model.params, params)
    held_back = tuple(sorted(NATIVE_ONLY & merged.keys()))
    fields = {key: value for key, value in merged.items() if key not in NATIVE_ONLY}
    limit_field = model.compat.max_tokens_field
    if max_tokens is not None:
        fields.pop("max_tokens", None)
        fields.pop("max_completion_tokens", None)
        fields[limit_field] = max_tokens
    elif not {"max_tokens", "max_completion_tokens"} & fields.keys() and model.max_tokens_from == "config":
        fields[limit_field] = model.max_tokens
    if tools is not None:
        fields["tools"] = list(tools)
    if tool_choice is not None:
        fields["tool_choice"] = tool_choice
    # Last, so that no parameter can turn the stream or its usage off: the rest of the runtime relies on both.
    options = fields.get("stream_options")
    fields["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    return {"model": model.id, "messages": list(messages), **fields, "stream": True}, held_back


def header_values(target: Target, environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Give the headers with their values, and those values that are secret.

    A declared header wins over what Genesis itself would send, whatever its case: one Authorization goes out.

    Raises:
        CredentialError: A variable, file or profile has no value, or one that cannot be a header.
    """
    headers: dict[str, tuple[str, str]] = {name.lower(): (name, value) for name, value in _OWN_HEADERS.items()}
    secrets = []
    if target.provider.credential is not None:
        key = _value(target.provider.credential, f"the key of `{target.provider_id}`", environment)
        headers["authorization"] = ("Authorization", f"Bearer {key}")
        secrets.append(key)
    for declared in (target.provider.headers, target.model.headers):
        for name, ref in declared.items():
            value = _value(ref, f"the header `{name}` of `{target.provider_id}`", environment)
            headers[name.lower()] = (name, value)
            secrets.append(value)
            # Servers echo the key without its scheme.
            secrets += value.partition(" ")[2:]
    return dict(headers.values()), tuple(filter(None, secrets))


def _value(ref: SecretRef, what: str, environment: Mapping[str, str]) -> str:
    try:
        value = secret_value(ref, environment.get, what)
    except MissingSecretError as error:
        raise CredentialError(str(error), help=error.help) from None
    if not value.isprintable():
        raise CredentialError(
            f"{what} holds a line break or a control character", help="remove it where the value is set"
        )
    return value


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge request fields: `over` wins, objects deep, arrays replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
