"""What stands at an offset of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from genesis.source import Span
from genesis.syntax.document import Container, Foreign, key_offsets, value_offsets

if TYPE_CHECKING:
    from genesis.diagnostics import Path
    from genesis.syntax import Document

__all__ = ["Place", "at", "value_at"]


class Place(NamedTuple):
    """A key or a value: the path of its item, whether the key is meant, and where that, or the value, stands."""

    path: Path
    is_key: bool
    span: Span


def at(document: Document, offset: int) -> Place | None:
    """Give the innermost key or value at an offset of a document that was read from one text; None between them."""
    entry = document.root
    path: Path = ()
    while isinstance(entry, Container):
        items = entry.items.items() if isinstance(entry.items, dict) else enumerate(entry.items)
        for part, item in items:
            if isinstance(item, Foreign):
                continue
            key = key_offsets(item)
            if key is not None and key[0] <= offset <= key[1]:
                return Place((*path, part), is_key=True, span=Span(document.source, *key))
            start, end = value_offsets(item)
            if start <= offset <= end:
                path, entry = (*path, part), item
                break
        else:
            return None
    start, end = value_offsets(entry)
    return Place(path, is_key=False, span=Span(document.source, start, end)) if start <= offset <= end else None


def value_at(document: Document, path: Path) -> object:
    """Give the value at a path; None where there is none."""
    value = document.value
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value
