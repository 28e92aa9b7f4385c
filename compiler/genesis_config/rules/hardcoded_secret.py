"""`hardcoded-secret`: a key that stands in the configuration itself."""

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
    title="a key that stands in the configuration itself",
    severity="error",
    kind="required",
    stage="config",
    why="""A key in a file is a key in version control, in every clone of it and in every manifest made from it.
Write a reference, `"${VLLM_API_KEY}"`: the manifest then holds the reference, and the value is read when a request
is made. Replace a key that was committed; removing the line does not take it out of the history.

A marker for a server that needs no key is not a secret: `EMPTY`, `none`, `not-needed`, `dummy`, `vllm-local`,
`sk-no-key-required` and the like. The value of a header is a key if its name says so (`Authorization`, `Cookie`,
`…key`, `…token`, `…secret`, `…password`). In other headers, `params`, base URLs and `env.vars`, keys are found by their
shape: known prefixes such as `sk-` and `hf_`, and long words without any order in them; in `params` also by names such
as `api_key`. A reference beside a key makes it no better.""",
    bad="""{ models: { providers: { vllm: { apiKey: "sk-4f9a2b7c",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


_LONG_URL: Final = 28  # characters: a scheme, a host, a key
# What is long enough to be a key, or a part of one, among references. Compiled when first needed.
_WORD: Final = r"[^\s;,=]{8,}+(?!=(?!=))"


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the keys in secret positions, then those where none is expected."""
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
            help_ = "keys go into `apiKey` or `headers`, as references to variables; replace it if it was ever shared"
            yield RULE.finding(place, f"`{place}` holds what looks like a key, in plain text", help_)
    yield from _check_variables(config)


def _check_secret(config: Config, place: Place, text: str, variable: str) -> Iterator[Diagnostic]:
    """Check the string in a secret position, which may hold references; `variable` is where its key belongs."""
    string = config.expansion.strings.get(place.path)
    if string is not None:
        yield from _check_defaults(place, string.template)
        yield from _check_beside(place, string.template)
        if string.resolved.value is None or not _is_literal(text):
            return
    if not text.strip() or is_marker(re.sub(AUTH_SCHEME, "", text, count=1)):
        return
    message = f"`{place}` holds a key in plain text"
    scheme = re.match(AUTH_SCHEME, text)
    help_ = f'write `"{scheme[0] if scheme else ""}${{{variable}}}"` and set it; replace the key if it was ever shared'
    yield RULE.finding(place, message, help_)


def _check_defaults(place: Place, template: str) -> Iterator[Diagnostic]:
    """Check the defaults of references, which the manifest keeps as they are written."""
    for part in parse(template):
        if isinstance(part, Reference) and part.default and not is_marker(part.default):
            message = f"`{place}` holds a key in plain text, as the default of `{part.name}`"
            help_ = f"write `${{{part.name}}}`; replace the key if it was ever shared"
            yield RULE.finding(place.part(template, part.start, part.end), message, help_)


def _check_beside(place: Place, template: str) -> Iterator[Diagnostic]:
    """Check the text next to references: `hunter2-${NAME}` may be a key, `Bearer ${NAME}` is not."""
    if _is_literal(template) or foreign_dialect(template):
        return
    # In a header any first word is the scheme, if more follows it.
    scheme = re.match(AUTH_SCHEME if place.path[-1] == keys.API_KEY else r"[A-Za-z][\w-]*\s+", template)
    done = scheme.end() if scheme else 0
    for start, text in _literals(template):
        for word in re.finditer(_WORD, text):
            if start + word.start() >= done:
                message = f"`{place}` holds a key, or a part of one, in plain text"
                help_ = "put the whole of it into the variable; replace the key if it was ever shared"
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
    # Beside a reference less than a word is none.
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
    """Check `env.vars`: what is there is in the file, whatever it is used for."""
    secret = config.expansion.secret_names()
    for name, value in config.variables.items():
        if not value or is_marker(value):
            continue
        named = name in secret or is_secret_variable(name)
        # A Git revision is an ordinary value here, but has the shape of a key.
        if named or (is_key(value) and not is_revision(value)):
            place = config.at(*keys.ENV_VARS, name)
            message = f"`{place}` holds what looks like a key, in plain text"
            if named:
                message = f"`{place}` holds a key in plain text, and is never used as one"
            help_ = (
                f"set {name} in the environment or an --env-file instead; replace the key if this file was ever shared"
            )
            yield RULE.finding(place, message, help_)


def _is_literal(text: str) -> bool:
    """Return whether a string in a secret position holds no reference at all, not even a malformed or foreign one."""
    return not foreign_dialect(text) and not any(isinstance(part, Reference | Malformed) for part in parse(text))
