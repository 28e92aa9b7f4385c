"""`hardcoded-secret`: a hard-coded key in the configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.credentials.markers import is_marker
from genesis_config.credentials.names import (
    AUTH_SCHEME,
    header_variable,
    is_secret_field,
    is_secret_header,
    is_secret_variable,
    provider_variable,
)
from genesis_config.credentials.patterns import is_key, is_revision
from genesis_config.rules.rule import Rule
from genesis_config.syntax.references import Malformed, Reference, foreign_dialect, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import Config, Place
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "hardcoded-secret",
    title="hard-coded key in the configuration",
    severity="error",
    kind="required",
    stage="config",
    why="""A key in a file ends up in version control, in every clone, and in every manifest compiled from it.
Write a reference instead, such as `"${VLLM_API_KEY}"`: the manifest keeps the reference, and the value is read when
a request is made. Rotate a key that was ever committed: removing the line does not remove it from the history.

A marker for a server that needs no key is not a secret: `EMPTY`, `none`, `not-needed`, `dummy`, `vllm-local`,
`sk-no-key-required` and the like. A header contains a key if its name says so (`Authorization`, `Cookie`, `…key`,
`…token`, `…secret`, `…password`). In other headers, `params`, base URLs and `env.vars`, keys are recognized by their
shape: known prefixes such as `sk-` and `hf_`, and long random words; in `params` also by names such as `api_key`.
A literal key next to a reference is still a key.""",
    bad="""{ models: { providers: { vllm: { apiKey: "sk-4f9a2b7c",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


_ROTATE: Final = "rotate the key if it was ever committed or shared"
_LONG_URL: Final = 28  # characters: a scheme, a host, a key
# What is long enough to be a key, or a part of one, among references. Compiled when first needed.
_WORD: Final = r"[^\s;,=]{8,}+(?!=(?!=))"


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the keys in secret positions, then those in places where none is expected."""
    config = context.config
    for provider in config.providers:
        key = provider.api_key
        if key is not None and key.written is not None:
            variable = provider_variable(provider.id)
            yield from _check_secret(config, key.place, key.written, variable)
        for header in provider.all_headers:
            if header.value is not None and is_secret_header(header.name):
                authorizes = header.name.lower().endswith("authorization")
                variable = provider_variable(provider.id) if authorizes else header_variable(header.name)
                yield from _check_secret(config, header.place, header.value, variable)
    for place, text in _plain_strings(config):
        if _holds_key(config, place, text):
            help_ = f"put keys in `apiKey` or `headers`, as references to variables; {_ROTATE}"
            yield RULE.finding(place, f"`{place}` contains what looks like a key in plain text", help_)
    yield from _check_variables(config)


def _check_secret(config: Config, place: Place, text: str, variable: str) -> Iterator[Diagnostic]:
    """Check the string in a secret position, which may hold references; `variable` is where its key belongs."""
    string = config.expansion.strings.get(place.path)
    if string is not None:
        yield from _check_defaults(place, string.template)
        yield from _check_rest(place, string.template)
        if string.resolved.value is None or not _is_literal(text):
            return
    if not text.strip() or is_marker(re.sub(AUTH_SCHEME, "", text, count=1)):
        return
    message = f"`{place}` contains a key in plain text"
    scheme = re.match(AUTH_SCHEME, text)
    reference = f"{scheme[0] if scheme else ''}${{{variable}}}"
    help_ = f'write `"{reference}"` and set {variable}; {_ROTATE}'
    yield RULE.finding(place, message, help_)


def _check_defaults(place: Place, template: str) -> Iterator[Diagnostic]:
    """Check the defaults of references, which the manifest keeps as they are written."""
    for part in parse(template):
        if isinstance(part, Reference) and part.default and not is_marker(part.default):
            message = f"`{place}` contains a key in plain text, as the default of `{part.name}`"
            help_ = f"write `${{{part.name}}}`; {_ROTATE}"
            yield RULE.finding(place.part(template, part.start, part.end), message, help_)


def _check_rest(place: Place, template: str) -> Iterator[Diagnostic]:
    """Check the text next to references: `hunter2-${NAME}` may be a key, `Bearer ${NAME}` is not."""
    if _is_literal(template) or foreign_dialect(template):
        return
    # In a header any first word is the scheme, if more follows it.
    scheme = re.match(AUTH_SCHEME if place.path[-1] == keys.API_KEY else r"[A-Za-z][\w-]*\s+", template)
    done = scheme.end() if scheme else 0
    for start, text in _literals(template):
        for word in re.finditer(_WORD, text):
            if start + word.start() >= done:
                message = f"`{place}` contains a key, or part of one, in plain text"
                help_ = f"move all of it into the variable; {_ROTATE}"
                yield RULE.finding(place.part(template, start + word.start(), start + word.end()), message, help_)
                return


def _literals(template: str) -> Iterator[tuple[int, str]]:
    """Yield the pieces of a string that are not references, with their offsets."""
    done = 0
    for part in parse(template):
        if isinstance(part, Reference | Malformed):
            yield done, template[done : part.start]
            done = part.end
    yield done, template[done:]


def _holds_key(config: Config, place: Place, text: str) -> bool:
    """Return whether what is literal in a string looks like a key; a value of `api_key` does, whatever its shape."""
    path = place.path
    string = config.expansion.strings.get(path)
    if string is None:
        pieces = [text]
    else:
        pieces = [piece for _, piece in _literals(string.template)]
        pieces += [part.default for part in parse(string.template) if isinstance(part, Reference) and part.default]
    if any(map(is_key, pieces)):
        return True
    if keys.PARAMS not in path[3:] or not any(isinstance(key, str) and is_secret_field(key) for key in path[4:]):
        return False
    if is_marker(text) or (string is not None and foreign_dialect(string.template)):
        return False
    # Next to a reference, anything shorter than a word is not a key.
    least = r"\S" if string is None or _is_literal(string.template) else _WORD
    return any(re.search(least, re.sub(AUTH_SCHEME, "", piece)) for piece in pieces)


def _plain_strings(config: Config) -> Iterator[tuple[Place, str]]:
    """Yield the strings in which a key may hide: plain headers, request parameters, the path of a base URL."""
    for provider in config.providers:
        url = provider.value.get(keys.BASE_URL)
        if isinstance(url, str) and len(url) > _LONG_URL:
            yield provider.at(keys.BASE_URL), url
        for header in provider.all_headers:
            if header.value is not None and not is_secret_header(header.name):
                yield header.place, header.value
        for owner in (provider, *provider.models):
            if owner.sets(keys.PARAMS):
                yield from _strings(owner.at(keys.PARAMS), owner.params)
    for entry in config.selection.entries:
        yield from _strings(entry.at(keys.PARAMS), entry.params)


def _strings(place: Place, value: object) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _strings(place.at(key), item)


def _check_variables(config: Config) -> Iterator[Diagnostic]:
    """Check `env.vars`, whose values are in the file whatever they are used for."""
    secret = config.expansion.secret_names()
    for name, value in config.variables.items():
        if not value or is_marker(value):
            continue
        named = name in secret or is_secret_variable(name)
        # A Git revision is an ordinary value here, but has the shape of a key.
        if named or (is_key(value) and not is_revision(value)):
            place = config.at(*keys.ENV_VARS, name)
            message = f"`{place}` contains what looks like a key in plain text"
            if named:
                message = f"`{place}` contains a key in plain text, but is never used as one"
            help_ = f"set {name} in the environment or an --env-file; rotate the key if this file was ever shared"
            yield RULE.finding(place, message, help_)


def _is_literal(text: str) -> bool:
    """Return whether a string in a secret position contains no reference, not even a malformed or foreign one."""
    return not foreign_dialect(text) and not any(isinstance(part, Reference | Malformed) for part in parse(text))
