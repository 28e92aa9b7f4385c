"""Decides by its path whether a string of a configuration may be shown.

A string is shown if the schema has a plain value at its path: an id, a name, a model reference, a base URL. An unknown
key that can only be a misspelling is treated as the known key; the strings of any other unknown key are not shown.
Values enter messages through `shown`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from genesis_config.config import keys
from genesis_config.credentials.markers import is_marker
from genesis_config.credentials.names import AUTH_SCHEME, is_secret_field, is_secret_variable
from genesis_config.credentials.patterns import is_key, is_revision, key_spans
from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.diagnostics.suggestions import correct_spelling
from genesis_config.syntax.references import NAME, Malformed, Reference, foreign_dialect, names, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from genesis_config.diagnostics.finding import Path

__all__ = [
    "MASK",
    "Position",
    "base_url_secrets",
    "could_name_secret",
    "hidden_texts",
    "is_plain_word",
    "masked",
    "merged",
    "plain_names",
    "position_of",
    "root",
    "secret_parts",
    "shown",
    "url_secrets",
    "variables_in_secrets",
]

MASK: Final = "***"

# Names of secret fields, used to recognize misspellings where no schema lists the keys: `apiKye`, `headrs`.
_SECRET_NAMES: Final = (
    "apiKey", "authorization", "bearer", "cookie", "credentials", "extraHeaders", "headers", "password", "passphrase",
    "secret", "token",
)  # fmt: skip
# Ordinary words that may be found where a key is possible: `"auth": "api-key"`.
_WORDS: Final = frozenset(
    {
        "api-key", "api_key", "apikey", "aws-sdk", "basic", "bearer", "env", "exec", "false", "file", "oauth",
        "openai-completions", "replace", "store", "text", "true",
    }
)  # fmt: skip
# The members of `apiKey: { … }` that locate the key, with the pattern of their values.
_POINTERS: Final = {
    "source": "env|file|exec|store",
    "id": NAME,
    "env": NAME,
    "path": r"(?!sk-)[^\n]*",
    "provider": r"[a-z][a-z-]{0,30}",
}
_URL: Final = r"://([^/?#\s\"'`]*+)[^\s\"'`]*+"
_HOST: Final = r"(?:\[[^\]]*\]|[^:@]*)(?::[0-9]*|:?\$[{<].*)?"
_PARAMETER: Final = r"[?&#;]([^=&#;?]++)=([^&#;]*+)"
# In the string of a base URL: what precedes the user info, a part of the query, and the parameters without secrets.
_SCHEME: Final = r"(?i)\s*(?:https?:/*|[a-z][a-z0-9+.-]*://|/+)?"
_LIKE_URL: Final = r"(?i)\s*[a-z][a-z0-9+.-]*:/"
_QUERY_PART: Final = r"[?&#;](?:([^=?&#;]*+)=)?([^?&#;]*+)"
_HARMLESS_PARAMETERS: Final = frozenset(
    {
        "api-version", "deployment", "format", "lang", "language", "limit", "model", "offset", "order", "page",
        "per_page", "project", "region", "sort", "timeout", "v", "version",
    }
)  # fmt: skip
_HARMLESS_VALUE: Final = r"[0-9]{1,3}|true|false"

Kind = Literal["plain", "url", "object", "params", "variables", "variable", "secret", "pointer", "unknown", "withheld"]


class Position(NamedTuple):
    """A position in a configuration, which determines what may be shown there.

    Attributes:
        kind: What may be shown. At a `plain`, `params` or `variable` position, a string unless it looks like a key; at
            a `url`, a string without its user info and its query parameters that are not known to be harmless; at a
            `pointer`, a string that matches `form`; at all others, only references and markers. At a `secret` or
            `withheld` position, below an unknown key with the name of a secret, numbers are not shown, either.
        keys: The positions of an object's known keys.
        rest: The position of all other keys.
        items: The position of an array's items.
        form: The regular expression of a pointer.
    """

    kind: Kind
    keys: Mapping[str, Position] = MappingProxyType({})
    rest: Position | None = None
    items: Position | None = None
    form: str = ""

    def child(self, key: str | int, secret_variables: Collection[str] = ()) -> Position:
        """Return the position of a member of an object or an item of an array.

        Args:
            key: The member's key, or the item's index.
            secret_variables: The variables that secret positions use.
        """
        if key in _PATH_KEYS and self.kind != "secret":
            return _PLAIN
        if self.kind == "variables":
            return _SECRET if key in secret_variables or is_secret_variable(str(key)) else _VARIABLE
        if isinstance(key, int):
            return self.items or (_UNKNOWN if self.kind == "object" else self)
        if self.kind == "params":
            return _SECRET if could_name_secret(key) else self
        if self.kind == "secret":
            return _POINTER_POSITIONS.get(key, self)
        known = self.keys.get(key)
        if known is None and self.keys and (near := correct_spelling(key, self.keys)) is not None:
            known = self.keys[near]
        return known or self.rest or (_WITHHELD if self.kind == "withheld" or could_name_secret(key) else _UNKNOWN)

    @property
    def shows_strings(self) -> bool:
        """Whether strings at this position may be shown, except for keys and the secret parts of URLs."""
        return self.kind in {"plain", "params", "variable"} or (self.items is not None and self.items.kind == "plain")

    def hidden_parts(self, text: str) -> list[tuple[int, int]]:
        """Return the parts of a string at this position that must not be shown, in order."""
        if self.kind == "variable" and is_revision(text):
            return []
        if self.kind == "pointer" and re.fullmatch(self.form, text) and not is_key(text):
            return []
        if self.kind == "url" or (self.kind == "variable" and re.match(_LIKE_URL, text)):
            return merged([*key_spans(text), *url_secrets(text), *base_url_secrets(text)])
        if self.shows_strings:
            return merged([*key_spans(text), *url_secrets(text)])
        return list(secret_parts(text))


# These keys have the same meaning in every object.
_PATH_KEYS: Final = ("$include", "$schema")
_PLAIN: Final = Position("plain")
_UNKNOWN: Final = Position("unknown")
_WITHHELD: Final = Position("withheld")
_SECRET: Final = Position("secret")
_PARAMS: Final = Position("params")
_VARIABLE: Final = Position("variable")
_POINTER_POSITIONS: Final = {key: Position("pointer", form=form) for key, form in _POINTERS.items()}
_roots: dict[str, Position] = {}


def variables_in_secrets(value: object) -> Iterator[str]:
    """Yield the names of the variables that secret positions of a configuration use.

    Args:
        value: The value of a configuration as written, of any type.
    """
    providers = value
    for key in keys.PROVIDERS:
        providers = _member(providers, key)
    for provider in providers.values() if isinstance(providers, dict) else ():
        models = _member(provider, keys.MODELS)
        for owner in (provider, *(models if isinstance(models, list) else ())):
            yield from _variables_in(_member(owner, keys.API_KEY))
            yield from _variables_in(_member(owner, keys.HEADERS))


def _member(value: object, key: str | int) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _variables_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from names(value)
    elif isinstance(value, dict):
        if isinstance(identifier := value.get(keys.ID), str):
            yield identifier
        for item in value.values():
            yield from _variables_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _variables_in(item)


def root(role: str = "configuration") -> Position:
    """Return the position of a whole configuration or lock file, built from its schema on first use."""
    if role not in _roots:
        import json  # only needed for a file with findings

        from genesis_config.config.validation import schema_text

        schema = json.loads(schema_text({"configuration": "config"}.get(role, role)))
        _roots[role] = _position(schema, schema["$defs"])
    return _roots[role]


@lru_cache(maxsize=2)
def plain_names(role: str) -> frozenset[str]:
    """Return the keys whose strings may be shown at every place where the schema has them."""
    shown_by_key: dict[str, bool] = {}
    todo = [root(role)]
    while todo:
        position = todo.pop()
        for key, child in position.keys.items():
            shown_by_key[key] = shown_by_key.get(key, True) and child.shows_strings
        todo += [child for child in (*position.keys.values(), position.rest, position.items) if child is not None]
    return frozenset(key for key, shows in shown_by_key.items() if shows)


def position_of(path: Path, secret_variables: Collection[str] = ()) -> Position:
    """Return the position at `path`."""
    position = root()
    for key in path:
        position = position.child(key, secret_variables)
    return position


def shown(path: Path, text: str, secret_variables: Collection[str] = ()) -> str:
    """Return the string at `path` as messages may show it, with `***` for any part that could be a secret."""
    return masked(text, position_of(path, secret_variables).hidden_parts(text))


def hidden_texts(path: Path, text: str) -> list[str]:
    """Return the parts of the string at `path` that must not be shown."""
    return [text[start:end] for start, end in position_of(path).hidden_parts(text)]


def masked(text: str, parts: Iterable[tuple[int, int]]) -> str:
    """Return a text with `***` in place of each of its `parts`, which must be in order."""
    result, position = "", 0
    for start, end in parts:
        result += f"{text[position:start]}{MASK}"
        position = end
    return result + text[position:]


def merged(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return parts in order, with overlapping or adjacent ones merged and empty ones removed."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(parts):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif start < end:
            joined.append((start, end))
    return joined


def could_name_secret(name: str) -> bool:
    """Return whether a field could contain a key, judged by its name or by the name that it misspells."""
    if is_secret_field(name):
        return True
    near = correct_spelling(name, _SECRET_NAMES)
    # `tokens` is a number of tokens.
    return near is not None and not (near == "token" and name.lower().endswith("s"))


def is_plain_word(text: str) -> bool:
    """Return whether a text is not a secret at any position: a marker, or a word for a kind of key."""
    return text.strip().lower() in _WORDS or is_marker(text)


def secret_parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield the literal parts of a string at a secret position, without references, the scheme, markers and blanks."""
    foreign = foreign_dialect(text)
    if foreign is not None and (text[0] != "$" or foreign == foreign.upper()):
        return  # text in lower case after the `$` may be a password
    scheme = re.match(AUTH_SCHEME, text)
    position = scheme.end() if scheme else 0
    for part in parse(text):
        if isinstance(part, str | Malformed):
            continue
        yield from _literal(text, position, part.start)
        position = part.end
        if part.default:
            yield from _literal(text, part.end - 1 - len(part.default), part.end - 1)
    yield from _literal(text, position, len(text))


def _literal(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if start < end and not is_plain_word(text[start:end]):
        yield start, end


def url_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield the user info and the secret query parameters of the URLs in a text."""
    if "://" not in text:
        return
    for url in re.finditer(_URL, text):
        start, end = url.span(1)
        last = url[0].rfind("@") + url.start()
        if "@" in url[1]:
            yield start, start + url[1].rindex("@")
        elif last > end and not re.fullmatch(_HOST, url[1]):
            yield start, last  # a password that contains a slash
        for match in re.finditer(_PARAMETER, url[0]):
            if is_secret_field(match[1]) and not is_plain_word(match[2]) and not _is_reference(match[2]):
                yield url.start() + match.start(2), url.start() + match.end(2)


def base_url_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield the user info and the query of a base URL, except for what is known to be harmless.

    The URL may be malformed, so everything up to the last `@` counts as user info.
    """
    bare, done = "", 0  # with the same offsets, but without the marks in references
    for part in parse(text):
        if isinstance(part, Reference) and part.default is None:
            bare += text[done : part.start] + "x" * (part.end - part.start)
            done = part.end
    bare += text[done:]
    last = bare.rfind("@")
    if last >= 0 and (scheme := re.match(_SCHEME, bare)) is not None:
        yield scheme.end(), last
    for match in re.finditer(_QUERY_PART, bare):
        start, end = match.span(2)
        value = text[start:end]
        name = match[1] or ""
        harmless = name in _HARMLESS_PARAMETERS or (
            re.fullmatch(_HARMLESS_VALUE, value) and name and not is_secret_field(name)
        )
        if not (harmless or is_plain_word(value) or _is_reference(value)):
            yield start, end


def _is_reference(text: str) -> bool:
    parts = list(parse(text))
    return len(parts) == 1 and isinstance(parts[0], Reference) and not parts[0].default


def _position(node: dict[str, Any], definitions: dict[str, Any]) -> Position:
    """Return the position that a node of the schema describes."""
    if "$ref" in node:
        return _position(definitions[node["$ref"].rpartition("/")[2]], definitions)
    keys: dict[str, Position] = {}
    rest = items = None
    kind: Kind = "object"
    for branch in (node, *node.get("anyOf", ())):
        for key, child in branch.get("properties", {}).items():
            known = _NAMED.get(key)
            keys[key] = known if known is not None else _position(child, definitions)
        if isinstance(branch.get("additionalProperties"), dict):
            rest = _position(branch["additionalProperties"], definitions)
        if "items" in branch:
            items = _position(branch["items"], definitions)
        types = branch.get("type", ())
        if {"string", "integer", "number", "boolean"}.intersection([types] if isinstance(types, str) else types):
            kind = "plain"
    return Position(kind, keys, rest, items)


# Keys that have the same meaning wherever the schema has them. All values of `headers` are secrets.
_NAMED: Final = {
    "apiKey": _SECRET,
    "baseUrl": Position("url"),
    "headers": _SECRET,
    "params": _PARAMS,
    "vars": Position("variables"),
}
