"""Completions at the cursor: keys and values from the schema, names from the configuration."""

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
# The text after a new key, by the type of its value; the cursor goes to `$1`.
_SHAPES: Final = {"object": "{$1}", "array": "[$1]", "string": "{quote}$1{quote}"}


class Completion(NamedTuple):
    """A text that can be inserted.

    Attributes:
        label: The text shown in the list.
        kind: The kind of thing that it names.
        text: The replacement for the text from `start` to `end`.
        snippet: The same in LSP snippet syntax, with the cursor at `$1`; None if the cursor goes to the end.
        filter: The text that is matched against what was typed.
        start: The offset where the typed text begins.
        end: The offset where the replaced text ends.
        detail: A short note.
        documentation: The documentation, in Markdown.
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
    """Return the completions at an offset, the most likely first."""
    source = view.document.source
    cursor = cursor_at(source.text, offset)
    if cursor is None:
        return []
    path = (*view.prefix, *cursor.path)
    return list(_complete_key(view, cursor, path) if cursor.is_key else _complete_value(view, cursor, path))


def _complete_key(view: View, cursor: Cursor, path: Path) -> Iterator[Completion]:
    node = schema.node_at(path)
    if node is None:
        return
    existing, quoted = _other_keys(view.document, cursor)
    quote = cursor.quote or ('"' if quoted or os.path.splitext(view.buffer.name)[1] == ".json" else "")
    known = schema.properties(node)
    required = schema.required(node)
    schema_keys: dict[str, Kind] = dict.fromkeys(
        sorted(known, key=lambda key: (key[0] == "$", key not in required)), "key"
    )
    for name, kind in (*_key_names(view, path), *schema_keys.items()):
        child = known.get(name) or schema.node_at((*path, name))
        if name in existing or child is None or (name == "$schema" and path):
            continue
        spelling = _quote(name, quote or ("" if decode_identifier(name) == name else '"'))
        yield _key_completion(cursor, name, kind, spelling, child, "required" if name in required else "")


def _key_completion(  # noqa: PLR0913 - a completion's parts
    cursor: Cursor, name: str, kind: Kind, spelling: str, node: schema.Node, detail: str
) -> Completion:
    text, snippet = spelling, None
    if not cursor.colon:
        quote = spelling[0] if spelling[0] in "\"'" else '"'
        types = schema.types(node)
        shape = _SHAPES.get(types[0] if types else "", "$1").replace("{quote}", quote)
        comma = "," if cursor.comma else ""
        text = f"{spelling}: "
        snippet = f"{_escape(spelling)}: {shape}{comma}"
    filter_ = spelling if cursor.quote else name
    documentation = schema.markdown(node)
    return Completion(name, kind, text, snippet, filter_, cursor.start, cursor.end, detail, documentation)


def _key_names(view: View, path: Path) -> Iterator[tuple[str, Kind]]:
    """Yield keys that are names: of providers, and of models in the selection."""
    if path == keys.PROVIDERS:
        referenced = [reference.provider for reference in _unexpanded(view).selection.references]
        for name in dict.fromkeys([*IMPLICIT_PROVIDERS, *filter(None, referenced)]):
            if not is_key(name):
                yield name, "provider"
    elif path == keys.SELECTED:
        for reference in _model_references(view):
            yield reference, "model"
        for name in _provider_ids(view):
            yield f"{name}/*", "model"
    elif path == keys.ORDER:
        for name in _provider_ids(view):
            yield name, "provider"


def _complete_value(view: View, cursor: Cursor, path: Path) -> Iterator[Completion]:
    node = schema.node_at(path)
    if node is None:
        return
    documentation = schema.markdown(node)
    seen = set()
    declared = list(_declared_values(view, path))
    for value, kind, detail in (*declared, *_schema_values(node, examples=not declared)):
        if (key := json.dumps(value)) in seen:
            continue
        seen.add(key)
        if not isinstance(value, str):
            text = filter_ = json.dumps(value)
        else:
            text = _quote(value, cursor.quote or '"')
            filter_ = text if cursor.quote else value
        comma = "," if cursor.comma else ""
        yield Completion(text, kind, text + comma, None, filter_, cursor.start, cursor.end, detail, documentation)


def _declared_values(view: View, path: Path) -> Iterator[tuple[str, Kind, str]]:
    """Yield values that the configuration itself declares."""
    model = keys.SELECTION
    if path in {model, (*model, keys.PRIMARY)} or path[:4] == (*model, keys.FALLBACKS):
        references = _unexpanded(view).selection.references
        selected = {reference.text for reference in references if reference.path != path}
        yield from ((name, "model", "declared model") for name in _model_references(view) if name not in selected)
    elif path[:2] == keys.PROFILES and path[3:] == (keys.PROVIDER,):
        yield from ((name, "provider", "provider") for name in _provider_ids(view))
    elif path[:2] == keys.ORDER and len(path) == 4:  # noqa: PLR2004 - an item of a provider's list
        profiles = _unexpanded(view).auth.profile_ids
        yield from ((name, "value", "auth profile") for name in profiles if not is_key(name))
    elif path[:2] == keys.PROVIDERS and path[3:] == (keys.API_KEY,) and not is_key(str(path[2])):
        yield f"${{{provider_variable(str(path[2]))}}}", "value", "variable reference"


def _schema_values(node: schema.Node, *, examples: bool) -> Iterator[tuple[object, Kind, str]]:
    """Yield values from the schema."""
    for branch in schema.branches(node):
        for value in branch.get("enum", ()):
            yield value, "value", ""
        if branch.get("type") == "boolean":
            yield True, "value", "default" if branch.get("default") is True else ""
            yield False, "value", "default" if branch.get("default") is False else ""
    values = [(node["default"], "default")] if "default" in node else []
    values += [(example, "example") for example in node.get("examples", ())] if examples else []
    for value, detail in values:
        if isinstance(value, str | int | float):
            yield value, "value", detail


def _model_references(view: View) -> list[str]:
    """Return references to the declared models."""
    references = [model.reference for provider in _unexpanded(view).providers for model in provider.models]
    return [reference for reference in dict.fromkeys(references) if not is_key(reference) and "$" not in reference]


def _unexpanded(view: View) -> Config:
    """Return the configuration without expanding its references."""
    return Config.written(view.result.session.config.document)


def _provider_ids(view: View) -> list[str]:
    ids = dict.fromkeys([*(provider.id for provider in _unexpanded(view).providers), *IMPLICIT_PROVIDERS])
    return [name for name in ids if not is_key(name)]


def _other_keys(document: Document, cursor: Cursor) -> tuple[frozenset[str], bool]:
    """Return the other keys of the object at the cursor, and whether all of them are quoted."""
    names = set(cursor.keys)
    quoted = []
    container = _container(document.root, cursor.opens)
    for name, entry in container.items.items() if container and isinstance(container.items, dict) else ():
        span = None if isinstance(entry, Foreign) else key_offsets(entry)
        if span is not None and not (span[0] <= cursor.start and cursor.end <= span[1]):
            names.add(name)
            quoted.append(document.source.text[span[0]] in "\"'")
    return frozenset(names), bool(quoted) and all(quoted)


def _container(entry: object, opens: int) -> Container | None:
    """Return the object or array whose opening bracket is at an offset."""
    while isinstance(entry, Container) and entry.start != opens:
        items = entry.items.values() if isinstance(entry.items, dict) else entry.items
        entry = next((item for item in items if isinstance(item, Container) and item.start <= opens < item.end), None)
    return entry if isinstance(entry, Container) else None


def _quote(text: str, quote: str) -> str:
    """Return a text in the given quotes, if any."""
    if quote == "'":
        return "'" + json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
    return json.dumps(text, ensure_ascii=False) if quote else text


def _escape(text: str) -> str:
    """Escape a text for use in a snippet."""
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")
