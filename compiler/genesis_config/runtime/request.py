"""The request: its model, body and headers. Nothing is sent that was not configured or passed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from genesis_config.credentials.lookup import MissingSecretError, SecretRef, echoed_parts, secret_value
from genesis_config.credentials.names import AUTHORIZATION, BEARER, find_authorization
from genesis_config.manifest.model import MaxTokensField
from genesis_config.manifest.params import merge_params
from genesis_config.net.policy import FRAMING_HEADERS, HEADER_NAME, NATIVE_ONLY, OWN_FIELDS
from genesis_config.runtime.arguments import check_arguments
from genesis_config.runtime.errors import CredentialError, InvalidRequestError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis_config.manifest import Manifest, Model, Provider

__all__ = ["LIMIT_FIELDS", "Target", "authorization_source", "build_body", "build_headers", "find_model"]

# Headers that HTTP needs. The client library adds Host and Content-Length.
_OWN_HEADERS: Final = {"Content-Type": "application/json", "Accept": "text/event-stream"}
_HEADER_NAME: Final = re.compile(HEADER_NAME)
# The request fields that limit output tokens. Servers know one or the other.
LIMIT_FIELDS: Final = get_args(MaxTokensField)
# Params that are never sent, by the reason.
_NEVER_SENT: Final = {
    "only for the native OpenAI endpoint": NATIVE_ONLY,
    "set by the runtime": OWN_FIELDS,
}


class Target(NamedTuple):
    """A requested model and the provider that serves it."""

    provider_id: str
    provider: Provider
    model: Model


def find_model(manifest: Manifest, reference: str | None) -> Target:
    """Return a model by `provider/model` or alias; None is the primary.

    Raises:
        UnknownModelError: The manifest does not have it. The help lists what is available.
        InvalidRequestError: The reference is not a string.
    """
    name = reference if reference is not None else manifest.selection.primary
    if name is None:
        raise UnknownModelError(
            "no model given, and the manifest has no primary model",
            help="pass `provider/model`, or set agents.defaults.model in the configuration",
        )
    if not isinstance(name, str):
        raise InvalidRequestError("the model must be a string", help="pass `provider/model` or an alias")
    provider_id, slash, model_id = manifest.selection.aliases.get(name, name).partition("/")
    if not slash:
        aliases = f" or an alias ({', '.join(manifest.selection.aliases)})" if manifest.selection.aliases else ""
        raise UnknownModelError(f"`{name}` is not an alias in the manifest", help=f"use `provider/model`{aliases}")
    provider = manifest.providers.get(provider_id)
    if provider is None:
        providers = ", ".join(manifest.providers) or "none"
        raise UnknownModelError(f"unknown provider in `{name}`", help=f"available providers: {providers}")
    for model in provider.models:
        if model.id == model_id:
            return Target(provider_id, provider, model)
    available = ", ".join(f"{provider_id}/{model.id}" for model in provider.models[:12]) or "none"
    raise UnknownModelError(f"unknown model `{name}`", help=f"available models: {available}")


def build_body(  # noqa: PLR0913 - a request's parts
    model: Model,
    messages: Sequence[Mapping[str, object]],
    *,
    params: Mapping[str, object],
    max_tokens: int | None,
    tools: Sequence[Mapping[str, object]] | None,
    tool_choice: str | Mapping[str, object] | None,
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the request's body, and a note on each group of params that are not sent.

    The caller's params override the manifest's. In both, the fields of an `extra_body` become fields of the body, as in
    the openai SDK. There is one token limit, under the name that the server expects: the caller's, otherwise that of
    the params, otherwise the entry's if the configuration sets it. vLLM 0.32 rejects a limit beyond its window with
    400, so an assumed limit is not sent.

    Raises:
        InvalidRequestError: The arguments cannot form a request, or the model does not accept them.
    """
    check_arguments(model, messages, params, tools)
    model_params, params = _flatten_extra_body(model.params), _flatten_extra_body(params)
    merged = merge_params(model_params, params)
    notes = [
        f"not sent ({reason}): {', '.join(sorted(names & merged.keys()))}"
        for reason, names in _NEVER_SENT.items()
        if names & merged.keys()
    ]
    fields = {key: value for key, value in merged.items() if key not in {*NATIVE_ONLY, *LIMIT_FIELDS, *OWN_FIELDS}}
    limits: list[object] = [max_tokens]
    limits += [source[name] for source in (params, model_params) for name in LIMIT_FIELDS if name in source]
    if model.max_tokens_from == "config":
        limits.append(model.max_tokens)
    limit = next((limit for limit in limits if limit is not None), None)
    if limit is not None:
        fields[model.compat.max_tokens_field] = limit
    if tools is not None:
        fields["tools"] = list(tools)
    if tool_choice is not None:
        fields["tool_choice"] = tool_choice
    # Params cannot turn the usage off.
    options = fields.get("stream_options")
    fields["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    return {"model": model.id, "messages": list(messages), **fields, "stream": True}, tuple(notes)


def authorization_source(target: Target) -> SecretRef | None:
    """Return the source of the Authorization header: the model's headers, the provider's headers, or its key."""
    for headers in (target.model.headers, target.provider.headers):
        if (ref := find_authorization(headers)) is not None:
            return ref
    return target.provider.credential


def build_headers(target: Target, environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the headers with their values, and the secrets in them.

    A declared header replaces the one that Genesis would send, regardless of case. If it is the Authorization header,
    the key is not needed.

    Raises:
        CredentialError: A variable, file or profile has no value, or a value that is not allowed in a header.
    """
    declared: dict[str, tuple[str, SecretRef]] = {}
    for headers in (target.provider.headers, target.model.headers):
        declared |= {name.lower(): (name, ref) for name, ref in headers.items()}
    values = {name.lower(): (name, value) for name, value in _OWN_HEADERS.items()}
    secrets: list[str] = []
    credential = target.provider.credential
    if credential is not None and AUTHORIZATION.lower() not in declared:
        key = _resolve_value(credential, f"the key of `{target.provider_id}`", environment, secrets)
        if not key.strip():
            message = f"the key of `{target.provider_id}` is empty"
            raise CredentialError(message, help="set the variable that `apiKey` refers to")
        values[AUTHORIZATION.lower()] = (AUTHORIZATION, f"{BEARER}{key}")
    for lowered, (name, ref) in declared.items():
        what = f"the header `{name}` of `{target.provider_id}`"
        if lowered in FRAMING_HEADERS or not _HEADER_NAME.fullmatch(name):
            reason = "is set by HTTP itself" if lowered in FRAMING_HEADERS else "has a name that HTTP does not allow"
            raise CredentialError(f"{what} {reason}", help="remove it from the configuration's `headers`")
        values[lowered] = (name, _resolve_value(ref, what, environment, secrets))
    return dict(values.values()), tuple(secrets)


def _resolve_value(ref: SecretRef, what: str, environment: Mapping[str, str], secrets: list[str]) -> str:
    """Return the value of a secret position. Add the parts of it that a server may echo to `secrets`."""
    try:
        value = secret_value(ref, environment.get, what)
    except MissingSecretError as error:
        failure = CredentialError(str(error), help=error.help)
    else:
        secrets += echoed_parts(ref, value, environment.get)
        return value
    raise failure


def _flatten_extra_body(params: Mapping[str, object]) -> Mapping[str, object]:
    """Return the params with the fields of `extra_body` moved to the top level."""
    extra = params.get("extra_body")
    if not isinstance(extra, Mapping):
        return params
    return merge_params({name: value for name, value in params.items() if name != "extra_body"}, extra)
