"""`invalid-value`: a value that is none of those allowed."""

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
    title="a value that is none of those allowed",
    severity="error",
    kind="required",
    stage="config",
    why="""Some settings take one of a few names: `api`, the items of `input`, `compat.maxTokensField`. A list must
not be empty or repeat an item where the schema says so. A provider's id holds no `/`, since references split on the
first one, and a model's id is not `*`, which in a reference stands for all of them. A header has a name that HTTP
allows (RFC 9110, §5.6.2), is none that says how the body is sent, and a value on one line.

A key's file (`source: "file"`) has a path. An `apiKey` of white space alone counts as none, which is a warning; `""`
says on purpose that no key is sent.""",
    bad="""{ models: { providers: { vllm: { api: "openai-responses",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { api: "openai-completions",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)

# Compiled when first needed: most configurations declare no header. RFC 9110, §5.5.
_CONTROLS: Final = r"[\x00-\x08\x0a-\x1f\x7f]"
_COMMON_INPUT: Final = ["text"]


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the ids, names and headers that no request could be made with."""
    for provider in context.config.providers:
        yield from _check_provider(provider)
        for model in provider.models:
            yield from _check_model(model)


def _check_provider(provider: Provider) -> Iterator[Diagnostic]:
    if "/" in provider.id or not provider.id.strip():
        message = f"the provider id `{provider.id}` holds a `/` or is empty, so no reference can name it"
        yield RULE.finding(provider.place.key, message, "rename it")
    yield from _check_name(provider.at(keys.API), provider.api, APIS, "API")
    yield from _check_key(provider)
    yield from _check_headers(provider)


def _check_key(provider: Provider) -> Iterator[Diagnostic]:
    """Check that a key is one. An empty one says on purpose that none is sent."""
    file = provider.text(keys.API_KEY, keys.PATH)
    if file is not None and not file.strip():
        place = provider.at(keys.API_KEY, keys.PATH)
        yield RULE.finding(place, f"`{place}` names no file", "write the path of the file that holds the key")
    key = provider.text(keys.API_KEY)
    if key and not key.strip():
        place = provider.at(keys.API_KEY)
        message = f"`{place}` holds white space alone, which counts as no key: none is sent"
        help_ = 'write the reference to the variable that holds the key, or `""` where the server asks for none'
        yield RULE.finding(place, message, help_, severity="warning")


def _check_model(model: ModelEntry) -> Iterator[Diagnostic]:
    identifier = model.id
    if identifier == "*":
        place = model.at(keys.ID)
        message = f"the model id `*` in `{place}` is the wildcard, which stands for many models"
        wildcard = f'`"{model.provider.id}/*": {{}}` in `agents.defaults.models`'
        yield RULE.finding(place, message, f"write the model's id; {wildcard} asks the server for all it has")
    elif identifier != identifier.strip() or not identifier:
        place = model.at(keys.ID)
        message = f"`{place}` is empty or has white space around it, so no reference can name it"
        yield RULE.finding(place, message, "write what the server calls the model")
    inputs = model.value.get(keys.INPUT)
    if inputs != _COMMON_INPUT and isinstance(inputs, list):
        for index, kind in enumerate(inputs):
            place = model.at(keys.INPUT, index)
            known = kind if isinstance(kind, str) and model.config.is_known(*place.path) else None
            yield from _check_name(place, known, INPUTS, "kind of input")
    if model.sets(keys.COMPAT):
        place = model.at(keys.COMPAT, keys.MAX_TOKENS_FIELD)
        yield from _check_name(place, model.max_tokens_field, MAX_TOKENS_FIELDS, "request field")
    if model.sets(keys.HEADERS):
        yield from _check_headers(model)


def _check_headers(owner: Provider | ModelEntry) -> Iterator[Diagnostic]:
    for header in owner.headers:
        where = str(header.place)
        if not re.fullmatch(HEADER_NAME, header.name):
            # It may be a whole header, with its key: the name is not repeated.
            where = str(owner.at(keys.HEADERS))
            message = f"a header in `{where}` has a name that HTTP does not allow"
            yield RULE.finding(header.place.key, message, "write it in letters, digits and `-`")
        elif header.name.lower() in FRAMING_HEADERS:
            yield RULE.finding(header.place.key, f"`{where}` is set by HTTP itself", "remove it")
        if header.value is not None and re.search(_CONTROLS, header.value):
            message = f"`{where}` holds a line break or another control character"
            yield RULE.finding(header.place, message, "write the value on one line")


def _check_name(place: Place, name: str | None, known: tuple[str, ...], what: str) -> Iterator[Diagnostic]:
    """Check a value that is one of a few names."""
    if name is None or name in known:
        return
    near = nearest(name, known) if len(known) > 1 else None
    help_ = f"did you mean `{near}`?" if near else f"supported: {listed(known)}"
    yield RULE.finding(place, f"the {what} `{place.show(name)}` in `{place}` is not supported", help_)
