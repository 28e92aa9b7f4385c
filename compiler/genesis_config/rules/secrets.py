"""Secrets in places where they can be read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from genesis_config.config.expansion import text_span
from genesis_config.config.lookup import DEFAULT_BASE_URL, declared_models, mapping, providers, states_key
from genesis_config.config.positions import config_path
from genesis_config.credentials.markers import is_marker
from genesis_config.credentials.names import (
    AUTH_SCHEME,
    header_variable,
    is_authorization,
    is_secret_field,
    is_secret_header,
    is_secret_variable,
    provider_variable,
)
from genesis_config.credentials.patterns import is_key, is_revision
from genesis_config.diagnostics.finding import Related
from genesis_config.net.hosts import is_private
from genesis_config.rules.rule import Rule
from genesis_config.syntax.references import Malformed, Reference, foreign_dialect, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.rules.rule import Context

__all__ = [
    "AUTHORIZATION_CONFLICT",
    "HARDCODED_SECRET",
    "RULES",
    "SECRET_IN_PLAIN_POSITION",
    "check",
]

# Compiled when first needed.
_LONG_URL: Final = 28  # characters: a scheme, a host, a key
# What is long enough to be a key, or a part of one, among references.
_WORD = r"[^\s;,=]{8,}+(?!=(?!=))"

HARDCODED_SECRET: Final = Rule(
    "hardcoded-secret",
    title="a key that stands in the configuration itself",
    severity="error",
    kind="required",
    stage="config",
    why="""A key in a file is a key in version control, in every clone of it and in every manifest made from it.
Write a reference, `"${VLLM_API_KEY}"`: the manifest then holds the reference, and the value is read when a request
is made. Replace a key that was committed; removing the line does not take it out of the history.

A placeholder for a server that asks for no key is fine on a loopback or private host: `vllm-local`, `EMPTY`,
`none`, `local`, `dummy`, `x`. Elsewhere, in plain headers, `params`, base URLs and `env.vars`, keys are found by their
shape: known prefixes such as `sk-` and `hf_`, and long words without any order in them; in `params` also by names such
as `api_key`. A reference beside a key makes it no better.""",
    bad="""{ models: { providers: { vllm: { apiKey: "sk-4f9a2b7c",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)
SECRET_IN_PLAIN_POSITION: Final = Rule(
    "secret-in-plain-position",
    title="a secret variable where its value would be written out",
    severity="error",
    kind="required",
    stage="config",
    why="""In `apiKey` and in the values of `headers` the manifest keeps the reference. Everywhere else it holds the
value, so a variable that is used as a key, or is named like one (`…KEY`, `…TOKEN`, `…SECRET`, `…PASSWORD`), would
end up in plain text in the manifest.""",
    bad="""{ models: { providers: { vllm: { params: { user: "${VLLM_API_KEY}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { headers: { "X-User": "${VLLM_API_KEY}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


AUTHORIZATION_CONFLICT: Final = Rule(
    "authorization-conflict",
    title="a key and a header that both authorize",
    severity="warning",
    kind="advice",
    stage="config",
    why="""`apiKey` is sent as `Authorization: Bearer …`. Where `headers` declares an `Authorization` of its own,
that one is sent, and the key is not used for requests of this provider or model. State one of them.""",
    bad='{ models: { providers: { vllm: { apiKey: "${VLLM_API_KEY}", headers: { Authorization: "Basic ${LOGIN}" },\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
    good='{ models: { providers: { vllm: { headers: { Authorization: "Basic ${LOGIN}" },\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)


RULES: Final = (HARDCODED_SECRET, SECRET_IN_PLAIN_POSITION, AUTHORIZATION_CONFLICT)


def check(context: Context) -> Iterator[Diagnostic]:
    """Look for literal keys in secret positions, and for secret variables in all others."""
    for name, provider in providers(context.config.value):
        path = ("models", "providers", name)
        url = _text(context, *path, "baseUrl") if "baseUrl" in provider else DEFAULT_BASE_URL
        private = url is None or _is_private_host(url)
        yield from _check_literal(context, (*path, "apiKey"), None, private=private)
        owners: list[tuple[Path, dict[str, Any]]] = [(path, provider)]
        owners += [
            ((*path, "models", index), model) for index, model in declared_models(provider) if "headers" in model
        ]
        for owner, entry in owners:
            yield from _check_headers(context, owner, entry.get("headers"))
            if states_key(provider):
                yield from _check_conflict(context, owner, entry.get("headers"))
    yield from _check_shapes(context)
    yield from _check_variables(context)
    yield from _check_plain_positions(context)


def _text(context: Context, *path: str | int) -> str | None:
    """Return the string at `path`; None if there is none or its value is not known."""
    value: object = context.config.value
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        else:
            value = value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else None
    return value if isinstance(value, str) and context.config.is_known(*path) else None


def _is_private_host(url: str) -> bool:
    """Tell whether a URL's host is this machine or in a private network."""
    try:
        return is_private(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _check_literal(context: Context, path: Path, variable: str | None, *, private: bool) -> Iterator[Diagnostic]:
    if path in context.config.expansion.strings:
        yield from _check_defaults(context, path, private=private)
        yield from _check_beside(context, path)
    text = _text(context, *path)
    if text is None or (path in context.config.expansion.strings and not _literal(text)):
        return
    if not text.strip() or (private and is_marker(re.sub(AUTH_SCHEME, "", text, count=1))):
        return
    where = config_path(path)
    variable = variable or provider_variable(str(path[2]))
    message = f"`{where}` holds a key in plain text"
    if not private and is_marker(text):
        message = f"`{where}` holds a placeholder for a key, and the server is on a public host"
    scheme = re.match(AUTH_SCHEME, text)
    help_ = f'write `"{scheme[0] if scheme else ""}${{{variable}}}"` and set it; replace the key if it was ever shared'
    yield HARDCODED_SECRET.finding(context.config.at(*path), message, help_)


def _check_defaults(context: Context, path: Path, *, private: bool) -> Iterator[Diagnostic]:
    """Look for keys in the defaults of references, which the manifest keeps as they are written."""
    template = context.config.expansion.strings[path].template
    for part in parse(template):
        if isinstance(part, Reference) and part.default and not (private and is_marker(part.default)):
            message = f"`{config_path(path)}` holds a key in plain text, as the default of `{part.name}`"
            help_ = f"write `${{{part.name}}}`; replace the key if it was ever shared"
            span = text_span(context.config.document, path, template, part.start, part.end)
            yield HARDCODED_SECRET.finding(context.config.at(*path), message, help_)._replace(span=span)


def _check_beside(context: Context, path: Path) -> Iterator[Diagnostic]:
    """Look for a key beside references: `hunter2-${NAME}` may be one, `Bearer ${NAME}` and `user=${NAME}` are none."""
    template = context.config.expansion.strings[path].template
    if _literal(template) or foreign_dialect(template):
        return
    # In a header any first word is the scheme, if more follows it.
    scheme = re.match(AUTH_SCHEME if path[-1] == "apiKey" else r"[A-Za-z][\w-]*\s+", template)
    done = scheme.end() if scheme else 0
    for start, text in _literals(template):
        for word in re.finditer(_WORD, text):
            if start + word.start() >= done:
                message = f"`{config_path(path)}` holds a key, or a part of one, in plain text"
                help_ = "put the whole of it into the variable; replace the key if it was ever shared"
                span = text_span(context.config.document, path, template, start + word.start(), start + word.end())
                yield HARDCODED_SECRET.finding(context.config.at(*path), message, help_)._replace(span=span)
                return


def _literals(template: str) -> Iterator[tuple[int, str]]:
    """Give the pieces of a string that are no references, with their offsets."""
    done = 0
    for part in parse(template):
        if isinstance(part, Reference | Malformed):
            yield done, template[done : part.start]
            done = part.end
    yield done, template[done:]


def _check_conflict(context: Context, path: Path, headers: object) -> Iterator[Diagnostic]:
    for name in headers if isinstance(headers, dict) else ():
        if is_authorization(name):
            place = (*path, "headers", name)
            key = (*path[:3], "apiKey")
            message = f"`{config_path(place)}` is sent in place of the key of `{config_path(key)}`"
            finding = AUTHORIZATION_CONFLICT.finding(context.config.at(*place).key, message, "keep one of the two")
            yield finding._replace(related=(Related("the key is stated here", context.config.at(*key).span),))


def _check_headers(context: Context, path: Path, headers: object) -> Iterator[Diagnostic]:
    for name in headers if isinstance(headers, dict) else ():
        if is_secret_header(name):
            variable = None if name.lower().endswith("authorization") else header_variable(name)
            yield from _check_literal(context, (*path, "headers", name), variable, private=True)


def _check_shapes(context: Context) -> Iterator[Diagnostic]:
    """Look for keys where none is expected, by shape or name: plain headers, request parameters, a base URL's path."""
    for path, text in _plain_strings(context):
        if _holds_key(context, path, text):
            message = f"`{config_path(path)}` holds what looks like a key, in plain text"
            help_ = "keys go into `apiKey` or `headers`, as references to variables; replace it if it was ever shared"
            yield HARDCODED_SECRET.finding(context.config.at(*path), message, help_)


def _holds_key(context: Context, path: Path, text: str) -> bool:
    """Tell whether what is literal in a string looks like a key; the value of `api_key` does, whatever its shape."""
    string = context.config.expansion.strings.get(path)
    if string is None:
        pieces = [text]
    else:
        pieces = [piece for _, piece in _literals(string.template)]
        pieces += [part.default for part in parse(string.template) if isinstance(part, Reference) and part.default]
    if any(map(is_key, pieces)):
        return True
    if "params" not in path[3:] or not any(isinstance(key, str) and is_secret_field(key) for key in path[4:]):
        return False
    if is_marker(text) or (string is not None and foreign_dialect(string.template)):
        return False
    # Beside a reference less than a word is none.
    least = r"\S" if string is None or _literal(string.template) else _WORD
    return any(re.search(least, re.sub(AUTH_SCHEME, "", piece)) for piece in pieces)


def _plain_strings(context: Context) -> Iterator[tuple[Path, str]]:
    """Find the strings in which a key may hide."""
    for name, provider in providers(context.config.value):
        path: Path = ("models", "providers", name)
        url = provider.get("baseUrl")
        if isinstance(url, str) and len(url) > _LONG_URL:
            yield (*path, "baseUrl"), url
        owners: list[tuple[Path, dict[str, Any]]] = [(path, provider)]
        owners += [((*path, "models", index), model) for index, model in declared_models(provider)]
        for owner, entry in owners:
            if "headers" in entry:
                headers = _strings(entry["headers"], (*owner, "headers"))
                yield from (item for item in headers if not is_secret_header(str(item[0][-1])))
            if "params" in entry:
                yield from _strings(entry["params"], (*owner, "params"))
    for name, entry in mapping(context.config.value, "agents", "defaults", "models").items():
        if isinstance(entry, dict):
            yield from _strings(entry.get("params"), ("agents", "defaults", "models", name, "params"))


def _strings(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _strings(item, (*path, key))


def _check_variables(context: Context) -> Iterator[Diagnostic]:
    """Look for keys in `env.vars`: what is there is in the file, whatever it is used for."""
    secret = context.config.expansion.secret_names()
    for name, value in mapping(context.config.value, "env", "vars").items():
        if not isinstance(value, str) or is_marker(value):
            continue
        named = name in secret or is_secret_variable(name)
        # A revision of Git's is an ordinary value here, and has the shape of a key.
        if named or (is_key(value) and not is_revision(value)):
            path = ("env", "vars", name)
            message = f"`{config_path(path)}` holds what looks like a key, in plain text"
            if named:
                message = f"`{config_path(path)}` holds a key in plain text, and is never used as one"
            help_ = (
                f"set {name} in the environment or an --env-file instead; replace the key if this file was ever shared"
            )
            yield HARDCODED_SECRET.finding(context.config.at(*path), message, help_)


def _check_plain_positions(context: Context) -> Iterator[Diagnostic]:
    secret = context.config.expansion.secret_names()
    for path, string in context.config.expansion.strings.items():
        for part in () if string.secret else parse(string.template):
            if isinstance(part, Reference) and part.name in secret:
                span = text_span(context.config.document, path, string.template, part.start, part.end)
                message = (
                    f"the value of `{part.name}` would stand in plain text in the manifest, at `{config_path(path)}`"
                )
                help_ = "use it in `apiKey` or `headers` only, or rename the variable if it holds no secret"
                finding = SECRET_IN_PLAIN_POSITION.finding(context.config.at(*path), message, help_)
                yield finding._replace(span=span)


def _literal(text: str) -> bool:
    """Tell whether a string in a secret position holds no reference at all, not even a malformed or foreign one."""
    return not foreign_dialect(text) and not any(isinstance(part, Reference | Malformed) for part in parse(text))
