"""`invalid-value`: value is not allowed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.defaults import APIS, INPUTS, MAX_TOKENS_FIELDS
from genesis_config.diagnostics.suggestions import listed, nearest
from genesis_config.net.policy import FRAMING_HEADERS, HEADER_NAME
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import ModelEntry, Place, Provider
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "invalid-value",
    title="value is not allowed",
    severity="error",
    kind="required",
    stage="config",
    why="""Some settings accept only a few names: `api`, the items of `input`, `compat.maxTokensField`. Some lists must
not be empty or repeat an item. A provider id must not contain a `/`, because model references are split at the first
one, and a model id must not be `*`, which is the wildcard. Header names must be valid in HTTP (RFC 9110, §5.6.2) and
must not control how the body is sent, and header values must not contain line breaks.

A key file (`source: "file"`) needs a path. An `apiKey` that contains only whitespace counts as unset, which is a
warning; use `""` to send no key on purpose.""",
    bad="""{ models: { providers: { vllm: { api: "openai-responses",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { api: "openai-completions",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)

# Compiled when first needed: most configurations declare no header. RFC 9110, §5.5.
_CONTROLS: Final = r"[\x00-\x08\x0a-\x1f\x7f]"
_COMMON_INPUT: Final = ["text"]


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each id, name and header that cannot be used in a request."""
    for provider in context.config.providers:
        yield from _check_provider(provider)
        for model in provider.models:
            yield from _check_model(model)


def _check_provider(provider: Provider) -> Iterator[Diagnostic]:
    if "/" in provider.id or not provider.id.strip():
        message = f"the provider id `{provider.id}` is empty or contains a `/`, so no reference can name it"
        yield RULE.finding(provider.place.key, message, "rename the provider")
    yield from _check_name(provider.at(keys.API), provider.api, APIS, "API")
    yield from _check_key(provider)
    yield from _check_headers(provider)


def _check_key(provider: Provider) -> Iterator[Diagnostic]:
    """Check a provider's key. An empty one is deliberate: no key is sent."""
    file = provider.text(keys.API_KEY, keys.PATH)
    if file is not None and not file.strip():
        place = provider.at(keys.API_KEY, keys.PATH)
        yield RULE.finding(place, f"`{place}` is empty", "set it to the path of the file that contains the key")
    key = provider.text(keys.API_KEY)
    if key and not key.strip():
        place = provider.at(keys.API_KEY)
        message = f"`{place}` contains only whitespace, so no key is sent"
        help_ = 'use a reference to the variable that contains the key, or `""` if the server needs no key'
        yield RULE.finding(place, message, help_, severity="warning")


def _check_model(model: ModelEntry) -> Iterator[Diagnostic]:
    identifier = model.id
    if identifier == "*":
        place = model.at(keys.ID)
        message = f"the model id `*` in `{place}` is the wildcard, which matches many models"
        wildcard = f'`"{model.provider.id}/*": {{}}` to `agents.defaults.models`'
        help_ = f"use the id of a single model, or add {wildcard} to discover all models of the server"
        yield RULE.finding(place, message, help_)
    elif identifier != identifier.strip() or not identifier:
        place = model.at(keys.ID)
        message = f"`{place}` is empty or has surrounding whitespace, so no reference can name it"
        yield RULE.finding(place, message, "use the model's name on the server")
    inputs = model.value.get(keys.INPUT)
    if inputs != _COMMON_INPUT and isinstance(inputs, list):
        for index, kind in enumerate(inputs):
            place = model.at(keys.INPUT, index)
            name = kind if isinstance(kind, str) and model.config.is_known(*place.path) else None
            yield from _check_name(place, name, INPUTS, "input type")
    if model.sets(keys.COMPAT):
        place = model.at(keys.COMPAT, keys.MAX_TOKENS_FIELD)
        yield from _check_name(place, model.max_tokens_field, MAX_TOKENS_FIELDS, "request field")


def _check_headers(provider: Provider) -> Iterator[Diagnostic]:
    """Check the headers of a provider and of its models."""
    for header in provider.all_headers:
        where = str(header.place)
        if not re.fullmatch(HEADER_NAME, header.name):
            # The name may be a complete header, including its key, so the message does not repeat it.
            where = str(header.owner.at(keys.HEADERS))
            message = f"a header in `{where}` has a name that HTTP does not allow"
            yield RULE.finding(header.place.key, message, "use only letters, digits and `-`")
        elif header.name.lower() in FRAMING_HEADERS:
            yield RULE.finding(header.place.key, f"`{where}` is set by HTTP itself", "remove it")
        if header.value is not None and re.search(_CONTROLS, header.value):
            message = f"`{where}` contains a line break or another control character"
            yield RULE.finding(header.place, message, "put the value on one line")


def _check_name(place: Place, name: str | None, supported: tuple[str, ...], what: str) -> Iterator[Diagnostic]:
    """Check a value that must be one of a few names."""
    if name is None or name in supported:
        return
    near = nearest(name, supported) if len(supported) > 1 else None
    help_ = f"did you mean `{near}`?" if near else f"supported: {listed(supported)}"
    yield RULE.finding(place, f"the {what} `{place.show(name)}` in `{place}` is not supported", help_)
