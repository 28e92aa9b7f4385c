"""`hardcoded-secret`: a key in the configuration itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.expansion import text_span
from genesis_config.config.positions import config_path
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
    from collections.abc import Iterable, Iterator, Mapping

    from genesis_config.config.views import Header
    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

# Compiled when first needed.
_LONG_URL: Final = 28  # characters: a scheme, a host, a key
# What is long enough to be a key, or a part of one, among references.
_WORD = r"[^\s;,=]{8,}+(?!=(?!=))"

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
`…key`, `…token`, `…secret`, `…password`). Elsewhere, in other headers, `params`, base URLs and `env.vars`, keys are
found by their shape: known prefixes such as `sk-` and `hf_`, and long words without any order in them; in `params` also
by names such as `api_key`. A reference beside a key makes it no better.""",
    bad="""{ models: { providers: { vllm: { apiKey: "sk-4f9a2b7c",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the literal keys in secret positions, and what looks like a key elsewhere."""
    for provider in context.config.providers:
        yield from _check_literal(context, provider.at(keys.API_KEY).path, None)
        for owner in (provider, *provider.models):
            yield from _check_headers(context, owner.headers)
    yield from _check_shapes(context)
    yield from _check_variables(context)


def _text(context: Context, *path: str | int) -> str | None:
    """Return the string at `path`; None if there is none or its value is not known."""
    value: object = context.config.value
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        else:
            value = value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else None
    return value if isinstance(value, str) and context.config.is_known(*path) else None


def _check_literal(context: Context, path: Path, variable: str | None) -> Iterator[Diagnostic]:
    if path in context.config.expansion.strings:
        yield from _check_defaults(context, path)
        yield from _check_beside(context, path)
    text = _text(context, *path)
    if text is None or (path in context.config.expansion.strings and not _literal(text)):
        return
    if not text.strip() or is_marker(re.sub(AUTH_SCHEME, "", text, count=1)):
        return
    where = config_path(path)
    variable = variable or provider_variable(str(path[2]))
    message = f"`{where}` holds a key in plain text"
    scheme = re.match(AUTH_SCHEME, text)
    help_ = f'write `"{scheme[0] if scheme else ""}${{{variable}}}"` and set it; replace the key if it was ever shared'
    yield RULE.finding(context.config.at(*path), message, help_)


def _check_defaults(context: Context, path: Path) -> Iterator[Diagnostic]:
    """Look for keys in the defaults of references, which the manifest keeps as they are written."""
    template = context.config.expansion.strings[path].template
    for part in parse(template):
        if isinstance(part, Reference) and part.default and not is_marker(part.default):
            message = f"`{config_path(path)}` holds a key in plain text, as the default of `{part.name}`"
            help_ = f"write `${{{part.name}}}`; replace the key if it was ever shared"
            span = text_span(context.config.document, path, template, part.start, part.end)
            yield RULE.finding(context.config.at(*path), message, help_)._replace(span=span)


def _check_beside(context: Context, path: Path) -> Iterator[Diagnostic]:
    """Look for a key beside references: `hunter2-${NAME}` may be one, `Bearer ${NAME}` and `user=${NAME}` are not."""
    template = context.config.expansion.strings[path].template
    if _literal(template) or foreign_dialect(template):
        return
    # In a header any first word is the scheme, if more follows it.
    scheme = re.match(AUTH_SCHEME if path[-1] == keys.API_KEY else r"[A-Za-z][\w-]*\s+", template)
    done = scheme.end() if scheme else 0
    for start, text in _literals(template):
        for word in re.finditer(_WORD, text):
            if start + word.start() >= done:
                message = f"`{config_path(path)}` holds a key, or a part of one, in plain text"
                help_ = "put the whole of it into the variable; replace the key if it was ever shared"
                span = text_span(context.config.document, path, template, start + word.start(), start + word.end())
                yield RULE.finding(context.config.at(*path), message, help_)._replace(span=span)
                return


def _literals(template: str) -> Iterator[tuple[int, str]]:
    """Return the pieces of a string that are no references, with their offsets."""
    done = 0
    for part in parse(template):
        if isinstance(part, Reference | Malformed):
            yield done, template[done : part.start]
            done = part.end
    yield done, template[done:]


def _check_headers(context: Context, headers: Iterable[Header]) -> Iterator[Diagnostic]:
    for header in headers:
        if is_secret_header(header.name):
            variable = None if header.name.lower().endswith("authorization") else header_variable(header.name)
            yield from _check_literal(context, header.place.path, variable)


def _check_shapes(context: Context) -> Iterator[Diagnostic]:
    """Look for keys where none is expected, by shape or name: plain headers, request parameters, a base URL's path."""
    for path, text in _plain_strings(context):
        if _holds_key(context, path, text):
            message = f"`{config_path(path)}` holds what looks like a key, in plain text"
            help_ = "keys go into `apiKey` or `headers`, as references to variables; replace it if it was ever shared"
            yield RULE.finding(context.config.at(*path), message, help_)


def _holds_key(context: Context, path: Path, text: str) -> bool:
    """Return whether what is literal in a string looks like a key; the value of `api_key` does, whatever its shape."""
    string = context.config.expansion.strings.get(path)
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
    least = r"\S" if string is None or _literal(string.template) else _WORD
    return any(re.search(least, re.sub(AUTH_SCHEME, "", piece)) for piece in pieces)


def _plain_strings(context: Context) -> Iterator[tuple[Path, str]]:
    """Find the strings in which a key may hide."""
    for provider in context.config.providers:
        url = provider.value.get(keys.BASE_URL)
        if isinstance(url, str) and len(url) > _LONG_URL:
            yield provider.at(keys.BASE_URL).path, url
        for owner in (provider, *provider.models):
            for header in owner.headers:
                if header.value is not None and not is_secret_header(header.name):
                    yield header.place.path, header.value
            yield from _strings(owner.params, owner.at(keys.PARAMS).path)
    for entry in context.config.selection.entries:
        yield from _strings(entry.params, entry.at(keys.PARAMS).path)


def _strings(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _strings(item, (*path, key))


def _variables(context: Context) -> Mapping[str, object]:
    value: object = context.config.value
    for key in keys.ENV_VARS:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _check_variables(context: Context) -> Iterator[Diagnostic]:
    """Look for keys in `env.vars`: what is there is in the file, whatever it is used for."""
    secret = context.config.expansion.secret_names()
    for name, value in _variables(context).items():
        if not isinstance(value, str) or not value or is_marker(value):
            continue
        named = name in secret or is_secret_variable(name)
        # A revision of Git's is an ordinary value here, and has the shape of a key.
        if named or (is_key(value) and not is_revision(value)):
            path = (*keys.ENV_VARS, name)
            message = f"`{config_path(path)}` holds what looks like a key, in plain text"
            if named:
                message = f"`{config_path(path)}` holds a key in plain text, and is never used as one"
            help_ = (
                f"set {name} in the environment or an --env-file instead; replace the key if this file was ever shared"
            )
            yield RULE.finding(context.config.at(*path), message, help_)


def _literal(text: str) -> bool:
    """Return whether a string in a secret position holds no reference at all, not even a malformed or foreign one."""
    return not foreign_dialect(text) and not any(isinstance(part, Reference | Malformed) for part in parse(text))
