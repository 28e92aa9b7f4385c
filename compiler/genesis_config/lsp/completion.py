"""What can be typed where the cursor is: keys that the schema knows, values, names that the configuration declares."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from genesis_config.config import keys
from genesis_config.config.defaults import IMPLICIT_PROVIDERS
from genesis_config.config.views import Config
from genesis_config.credentials.names import provider_variable
from genesis_config.credentials.patterns import is_key
from genesis_config.lsp import schema
from genesis_config.lsp.cursor import cursor_at
from genesis_config.syntax.document import Container, Foreign, key_offsets
from genesis_config.syntax.tokens import decode_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Path
    from genesis_config.lsp.cursor import Cursor
    from genesis_config.lsp.open_files import View
    from genesis_config.syntax import Document

__all__ = ["Completion", "Kind", "complete"]

Kind = Literal["key", "value", "model", "provider"]
# What is written after a new key, by the type of its value; `$1` is where the cursor goes.
_SHAPES: Final = {"object": "{$1}", "array": "[$1]", "string": "{quote}$1{quote}"}


class Completion(NamedTuple):
    """One text that can be typed.

    Attributes:
        label: What is shown.
        kind: What it is.
        text: What `start` to `end` is replaced by.
        snippet: The same with `$1` where the cursor goes, in the grammar of snippets; None where it goes to the end.
        filter: What is compared with what was typed.
        start: Where what was typed begins.
        end: Where what is replaced ends.
        detail: A word on it.
        documentation: More words, in Markdown.
    """

    label: str
    kind: Kind
    text: str
    snippet: str | None
    filter: str
    start: int
    end: int
    detail: str = ""
    documentation: str = ""


def complete(view: View, offset: int) -> list[Completion]:
    """List what can be typed at an offset, the likeliest first."""
    source = view.document.source
    cursor = cursor_at(source.text, offset)
    if cursor is None:
        return []
    path = (*view.prefix, *cursor.path)
    return list(_keys(view, cursor, path) if cursor.is_key else _values(view, cursor, path))


def _keys(view: View, cursor: Cursor, path: Path) -> Iterator[Completion]:
    node = schema.node_at(path)
    if node is None:
        return
    there, quoted = _members(view.document, cursor)
    quote = cursor.quote or ('"' if quoted or os.path.splitext(view.buffer.name)[1] == ".json" else "")
    known = schema.properties(node)
    required = schema.required(node)
    named: dict[str, Kind] = dict.fromkeys(sorted(known, key=lambda key: (key[0] == "$", key not in required)), "key")
    for name, kind in (*_names(view, path), *named.items()):
        child = known.get(name) or schema.node_at((*path, name))
        if name in there or child is None or (name == "$schema" and path):
            continue
        written = _quoted(name, quote or ("" if decode_identifier(name) == name else '"'))
        yield _key(cursor, name, kind, written, child, "required" if name in required else "")


def _key(  # noqa: PLR0913 - a completion's parts
    cursor: Cursor, name: str, kind: Kind, written: str, node: schema.Node, detail: str
) -> Completion:
    text, snippet = written, None
    if not cursor.colon:
        quote = written[0] if written[0] in "\"'" else '"'
        types = schema.types(node)
        shape = _SHAPES.get(types[0] if types else "", "$1").replace("{quote}", quote)
        comma = "," if cursor.comma else ""
        text = f"{written}: "
        snippet = f"{_escaped(written)}: {shape}{comma}"
    filter_ = written if cursor.quote else name
    documentation = schema.markdown(node)
    return Completion(name, kind, text, snippet, filter_, cursor.start, cursor.end, detail, documentation)


def _names(view: View, path: Path) -> Iterator[tuple[str, Kind]]:
    """Give keys that are names: of providers, and of models in the selection."""
    if path == keys.PROVIDERS:
        wanted = [reference.provider for reference in _written(view).selection.references]
        for name in dict.fromkeys([*IMPLICIT_PROVIDERS, *filter(None, wanted)]):
            if not is_key(name):
                yield name, "provider"
    elif path == keys.SELECTED:
        for reference in _models(view):
            yield reference, "model"
        for name in _provider_ids(view):
            yield f"{name}/*", "model"
    elif path == keys.ORDER:
        for name in _provider_ids(view):
            yield name, "provider"


def _values(view: View, cursor: Cursor, path: Path) -> Iterator[Completion]:
    node = schema.node_at(path)
    if node is None:
        return
    documentation = schema.markdown(node)
    seen = set()
    own = list(_declared(view, path))
    for value, kind, detail in (*own, *_stated(node, examples=not own)):
        if (key := json.dumps(value)) in seen:
            continue
        seen.add(key)
        if not isinstance(value, str):
            text = filter_ = json.dumps(value)
        else:
            text = _quoted(value, cursor.quote or '"')
            filter_ = text if cursor.quote else value
        comma = "," if cursor.comma else ""
        yield Completion(text, kind, text + comma, None, filter_, cursor.start, cursor.end, detail, documentation)


def _declared(view: View, path: Path) -> Iterator[tuple[str, Kind, str]]:
    """Give values that the configuration itself names."""
    model = keys.SELECTION
    if path in {model, (*model, keys.PRIMARY)} or path[:4] == (*model, keys.FALLBACKS):
        references = _written(view).selection.references
        elsewhere = {reference.text for reference in references if reference.path != path}
        yield from ((name, "model", "declared model") for name in _models(view) if name not in elsewhere)
    elif path[:2] == keys.PROFILES and path[3:] == (keys.PROVIDER,):
        yield from ((name, "provider", "provider") for name in _provider_ids(view))
    elif path[:2] == keys.ORDER and len(path) == 4:  # noqa: PLR2004 - an item of a provider's list
        profiles = _written(view).auth.profile_ids
        yield from ((name, "value", "auth profile") for name in profiles if not is_key(name))
    elif path[:2] == keys.PROVIDERS and path[3:] == (keys.API_KEY,) and not is_key(str(path[2])):
        yield f"${{{provider_variable(str(path[2]))}}}", "value", "reference to a variable"


def _stated(node: schema.Node, *, examples: bool) -> Iterator[tuple[object, Kind, str]]:
    """Give values that the schema names."""
    for branch in schema.branches(node):
        for value in branch.get("enum", ()):
            yield value, "value", ""
        if branch.get("type") == "boolean":
            yield True, "value", "default" if branch.get("default") is True else ""
            yield False, "value", "default" if branch.get("default") is False else ""
    stated = [(node["default"], "default")] if "default" in node else []
    stated += [(example, "example") for example in node.get("examples", ())] if examples else []
    for value, detail in stated:
        if isinstance(value, str | int | float):
            yield value, "value", detail


def _models(view: View) -> list[str]:
    """List the declared models as references name them."""
    found = [model.reference for provider in _written(view).providers for model in provider.models]
    return [reference for reference in dict.fromkeys(found) if not is_key(reference) and "$" not in reference]


def _written(view: View) -> Config:
    """Return the configuration as it is written."""
    return Config.written(view.checked.session.config.document)


def _provider_ids(view: View) -> list[str]:
    found = dict.fromkeys([*(provider.id for provider in _written(view).providers), *IMPLICIT_PROVIDERS])
    return [name for name in found if not is_key(name)]


def _members(document: Document, cursor: Cursor) -> tuple[frozenset[str], bool]:
    """Give the keys that the object at the cursor has beside the one that is typed, and whether they are in quotes."""
    there = set(cursor.keys)
    quoted = []
    container = _container(document.root, cursor.opens)
    for name, entry in container.items.items() if container and isinstance(container.items, dict) else ():
        place = None if isinstance(entry, Foreign) else key_offsets(entry)
        if place is not None and not (place[0] <= cursor.start and cursor.end <= place[1]):
            there.add(name)
            quoted.append(document.source.text[place[0]] in "\"'")
    return frozenset(there), bool(quoted) and all(quoted)


def _container(entry: object, opens: int) -> Container | None:
    """Find the object or array whose bracket is at an offset."""
    while isinstance(entry, Container) and entry.start != opens:
        items = entry.items.values() if isinstance(entry.items, dict) else entry.items
        entry = next((item for item in items if isinstance(item, Container) and item.start <= opens < item.end), None)
    return entry if isinstance(entry, Container) else None


def _quoted(text: str, quote: str) -> str:
    """Write a text in quotes, if any."""
    if quote == "'":
        return "'" + json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
    return json.dumps(text, ensure_ascii=False) if quote else text


def _escaped(text: str) -> str:
    """Write a text so that a snippet stands for it."""
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")
