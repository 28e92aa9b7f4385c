"""The request: which model, which fields, which headers. Nothing goes out that was not stated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from genesis_config.credentials.lookup import MissingSecretError, SecretRef, echoed_parts, secret_value
from genesis_config.credentials.names import AUTHORIZATION, BEARER, find_authorization
from genesis_config.manifest.model import MaxTokensField
from genesis_config.manifest.params import merge_params
from genesis_config.net.policy import FRAMING_HEADERS, HEADER_NAME, NATIVE_ONLY, OWN_FIELDS
from genesis_config.runtime.arguments import check
from genesis_config.runtime.errors import CredentialError, InvalidRequestError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis_config.manifest import Manifest, Model, Provider

__all__ = ["LIMIT_FIELDS", "Target", "authorization", "build_body", "build_headers", "find_model"]

# What HTTP itself needs, beside Host and Content-Length, which the client library adds.
_OWN_HEADERS: Final = {"Content-Type": "application/json", "Accept": "text/event-stream"}
_HEADER_NAME: Final = re.compile(HEADER_NAME)
# The fields that limit output tokens: servers know one or the other.
LIMIT_FIELDS: Final = get_args(MaxTokensField)
# Params that are held back, by the reason.
_NEVER_SENT: Final = {
    "they belong to the native OpenAI endpoint": NATIVE_ONLY,
    "the runtime sets them": OWN_FIELDS,
}


class Target(NamedTuple):
    """A model to ask, and the provider that serves it."""

    provider_id: str
    provider: Provider
    model: Model


def find_model(manifest: Manifest, reference: str | None) -> Target:
    """Find a model by `provider/model` or alias; None is the primary.

    Raises:
        UnknownModelError: There is none; the message lists what there is.
        InvalidRequestError: The reference is no text.
    """
    stated = reference if reference is not None else manifest.selection.primary
    if stated is None:
        raise UnknownModelError(
            "no model was named, and the manifest selects no primary",
            help="name one as `provider/model`, or set agents.defaults.model in the configuration",
        )
    if not isinstance(stated, str):
        raise InvalidRequestError("the model's name is no text", help="name it as `provider/model`, or by an alias")
    provider_id, slash, model_id = manifest.selection.aliases.get(stated, stated).partition("/")
    if not slash:
        aliases = ", ".join(manifest.selection.aliases) or "none"
        raise UnknownModelError(
            f"`{stated}` is no alias of the manifest", help=f"its aliases: {aliases}; else write `provider/model`"
        )
    provider = manifest.providers.get(provider_id)
    if provider is None:
        raise UnknownModelError(
            f"`{stated}` names no provider of the manifest",
            help=f"it has {', '.join(manifest.providers) or 'no providers'}",
        )
    for model in provider.models:
        if model.id == model_id:
            return Target(provider_id, provider, model)
    known = [f"{provider_id}/{model.id}" for model in provider.models[:12]]
    raise UnknownModelError(
        f"the manifest has no model `{stated}`", help=f"the provider has {', '.join(known) or 'no models'}"
    )


def build_body(  # noqa: PLR0913 - a request's parts
    model: Model,
    messages: Sequence[Mapping[str, object]],
    *,
    params: Mapping[str, object],
    max_tokens: int | None,
    tools: Sequence[Mapping[str, object]] | None,
    tool_choice: str | Mapping[str, object] | None,
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Make the request's body, and say which params are not in it.

    The caller's params come after the manifest's; in either, the fields of an `extra_body` are fields of the body, as
    in the openai SDK. There is one token limit, under the name that the server takes: the caller's, else the params',
    else the entry's where the configuration states it. vLLM 0.32 answers 400 to a limit past the window, so an assumed
    one is not sent.

    Raises:
        InvalidRequestError: No request can be made of them, or the model does not take what a message holds.
    """
    check(model, messages, params, tools)
    stated_params, params = _flat(model.params), _flat(params)
    merged = merge_params(stated_params, params)
    notes = [
        f"not sent, since {reason}: {', '.join(sorted(names & merged.keys()))}"
        for reason, names in _NEVER_SENT.items()
        if names & merged.keys()
    ]
    fields = {key: value for key, value in merged.items() if key not in {*NATIVE_ONLY, *LIMIT_FIELDS, *OWN_FIELDS}}
    stated = [max_tokens, *(given[name] for given in (params, stated_params) for name in LIMIT_FIELDS if name in given)]
    if model.max_tokens_from == "config":
        stated.append(model.max_tokens)
    limit = next((each for each in stated if each is not None), None)
    if limit is not None:
        fields[model.compat.max_tokens_field] = limit
    if tools is not None:
        fields["tools"] = list(tools)
    if tool_choice is not None:
        fields["tool_choice"] = tool_choice
    # No parameter turns the usage off.
    options = fields.get("stream_options")
    fields["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    return {"model": model.id, "messages": list(messages), **fields, "stream": True}, tuple(notes)


def authorization(target: Target) -> SecretRef | None:
    """Say where the value of the Authorization header comes from: a declared one wins, the model's over all."""
    for headers in (target.model.headers, target.provider.headers):
        if (ref := find_authorization(headers)) is not None:
            return ref
    return target.provider.credential


def build_headers(target: Target, environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Give the headers with their values, and what of them is secret.

    A declared header wins over what Genesis itself would send, whatever its case: one Authorization goes out, and the
    key that it replaces need not be there.

    Raises:
        CredentialError: A variable, file or profile has no value, or one that cannot be a header.
    """
    declared: dict[str, tuple[str, SecretRef]] = {}
    for headers in (target.provider.headers, target.model.headers):
        declared |= {name.lower(): (name, ref) for name, ref in headers.items()}
    values = {name.lower(): (name, value) for name, value in _OWN_HEADERS.items()}
    secrets: list[str] = []
    credential = target.provider.credential
    if credential is not None and AUTHORIZATION.lower() not in declared:
        key = _value(credential, f"the key of `{target.provider_id}`", environment, secrets)
        if not key.strip():
            raise CredentialError(f"the key of `{target.provider_id}` is empty", help="set the variable that it names")
        values[AUTHORIZATION.lower()] = (AUTHORIZATION, f"{BEARER}{key}")
    for lowered, (name, ref) in declared.items():
        what = f"the header `{name}` of `{target.provider_id}`"
        if lowered in FRAMING_HEADERS or not _HEADER_NAME.fullmatch(name):
            reason = "is set by HTTP itself" if lowered in FRAMING_HEADERS else "has a name that HTTP does not allow"
            raise CredentialError(f"{what} {reason}", help="remove it from the configuration's `headers`")
        values[lowered] = (name, _value(ref, what, environment, secrets))
    return dict(values.values()), tuple(secrets)


def _value(ref: SecretRef, what: str, environment: Mapping[str, str], secrets: list[str]) -> str:
    """Return the value of a secret position, and add what servers may repeat of it to the secrets."""
    try:
        value = secret_value(ref, environment.get, what)
    except MissingSecretError as error:
        failure = CredentialError(str(error), help=error.help)
    else:
        secrets += echoed_parts(ref, value, environment.get)
        return value
    raise failure


def _flat(params: Mapping[str, object]) -> Mapping[str, object]:
    """Put the fields of `extra_body` where the others are."""
    extra = params.get("extra_body")
    if not isinstance(extra, Mapping):
        return params
    return merge_params({name: value for name, value in params.items() if name != "extra_body"}, extra)
