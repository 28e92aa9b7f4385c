"""Lookup of the key or value at an offset of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from genesis_config.diagnostics.source import Span
from genesis_config.syntax.document import Container, key_offsets, value_offsets

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Path
    from genesis_config.syntax import Document
    from genesis_config.syntax.document import Entry

__all__ = ["Place", "path_around", "place_at", "value_at"]


class Place(NamedTuple):
    """A key or a value: the path of its item, whether it is the key, and its span."""

    path: Path
    is_key: bool
    span: Span


def place_at(document: Document, offset: int) -> Place | None:
    """Return the innermost key or value at an offset of a document from a single text; None between them."""
    path, entry, is_key = _walk(document, offset)
    start, end = (key_offsets(entry) if is_key else None) or value_offsets(entry)
    if (isinstance(entry, Container) and not is_key) or not start <= offset <= end:
        return None
    return Place(path, is_key, Span(document.source, start, end))


def path_around(document: Document, offset: int) -> Path:
    """Return the path of the innermost item around an offset of a document from a single text."""
    return _walk(document, offset)[0]


def _walk(document: Document, offset: int) -> tuple[Path, Entry, bool]:
    """Return the path and entry of the innermost item at an offset, and whether the offset is in its key."""
    path: Path = ()
    entry = document.root
    while isinstance(entry, Container):
        items = entry.items.items() if isinstance(entry.items, dict) else enumerate(entry.items)
        for part, item in items:
            key = key_offsets(item) or (0, -1)
            start, end = value_offsets(item)
            if key[0] <= offset <= key[1]:
                return (*path, part), item, True
            if start <= offset <= end:
                path, entry = (*path, part), item
                break
        else:
            break
    return path, entry, False


def value_at(document: Document, path: Path) -> object:
    """Return the value at a path; None if there is none."""
    value = document.value
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value
