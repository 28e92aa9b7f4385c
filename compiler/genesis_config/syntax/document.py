"""A document: plain values, with the place of each key and value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.diagnostics.source import Source, Span
from genesis_config.syntax.grammar import (
    BLOCK_COMMENT,
    DOUBLE,
    DOUBLE_QUOTED,
    KEY,
    LINE_COMMENT,
    SINGLE,
    SINGLE_QUOTED,
    UNCLOSED_COMMENT,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic, Path

__all__ = ["Container", "Document", "Entry", "Foreign", "Mark", "key_offsets", "value_offsets"]

# Strings are matched too, since they may contain what looks like a comment. Group 1 is a comment.
_COMMENT_OR_STRING = f"""{DOUBLE_QUOTED}"?|{SINGLE_QUOTED}'?|({LINE_COMMENT}|{BLOCK_COMMENT}|{UNCLOSED_COMMENT})"""


class Mark(NamedTuple):
    """The place of one item that was read token by token; `key_start` is -1 in an array."""

    key_start: int
    key_end: int
    start: int
    end: int


class Container:
    """The place of an object or array and of its items: `items` is a dict by key or a list, like the value itself."""

    __slots__ = ("end", "items", "mark", "source", "start")

    def __init__(self, source: Source, mark: re.Match[str] | Mark, start: int, items: Any) -> None:
        """Open a container at `start`; its end is set when it closes."""
        self.source = source
        self.mark = mark
        self.start = start
        self.end = start + 1
        self.items: Any = items

    def copy(self) -> Container:
        """Return a container with the same items, which can be changed without changing this one."""
        copy = Container(self.source, self.mark, self.start, self.items.copy())
        copy.end = self.end
        return copy


class Foreign(NamedTuple):
    """An item of a container that is in a different text from the container."""

    source: Source
    entry: Entry


# An item read in one match is represented by the match: converting it would cost as much as reading it.
Entry = re.Match[str] | Mark | Container


Damage = frozenset[tuple[Source, int]]


class Document:
    """The result of reading one source.

    Attributes:
        sources: The text that was read, and the texts merged into it.
        value: Plain Python values: dict, list, str, int, float, bool, None.
        diagnostics: The errors in the text; the value contains what could be recovered.
        damaged: The source and offset of values that replace something unreadable, and of containers that lost an
            item. Later stages do not report them, since any finding there would be a consequence of the syntax error.
    """

    __slots__ = ("damaged", "diagnostics", "root", "source", "sources", "value")

    def __init__(self, source: Source, value: Any, root: Entry, diagnostics: list[Diagnostic], damaged: Damage) -> None:
        """Create the result of reading `source`."""
        self.source = source
        self.sources: tuple[Source, ...] = (source,)
        self.value: Any = value
        self.root = root
        self.diagnostics = diagnostics
        self.damaged = damaged

    def value_span(self, path: Path) -> Span:
        """Return the span of the value at `path`; if there is none, that of the innermost value on the way to it."""
        source, entry, _ = self._find(path)
        return Span(source, *value_offsets(entry))

    def key_span(self, path: Path) -> Span:
        """Return the span of the key at `path`; in an array, or if the path does not exist, `value_span`."""
        source, entry, whole = self._find(path)
        return Span(source, *(key_offsets(entry) or value_offsets(entry) if whole else value_offsets(entry)))

    def open_span(self, path: Path) -> Span:
        """Return the span of the opening bracket of the object or array at `path`; otherwise `value_span`."""
        source, entry, _ = self._find(path)
        if isinstance(entry, Container):
            return Span(source, entry.start, entry.start + 1)
        return Span(source, *value_offsets(entry))

    def is_damaged(self, path: Path) -> bool:
        """Return whether the value at `path` could not be read as intended."""
        source, entry, _ = self._find(path)
        return (source, value_offsets(entry)[0]) in self.damaged

    def comments(self) -> Iterator[Span]:
        """Yield the span of every comment in order, found on demand so that reading is not slowed down."""
        return comments(self.source)

    def _find(self, path: Path) -> tuple[Source, Entry, bool]:
        """Return the source and the entry at `path`, or nearest to it, and whether the whole path exists."""
        entry = self.root
        source = self.source
        for part in path:
            if not isinstance(entry, Container):
                return source, entry, False
            source = entry.source
            try:
                entry = entry.items[part]
            except (KeyError, IndexError, TypeError):
                return source, entry, False
            if isinstance(entry, Foreign):
                source, entry = entry.source, entry.entry
        return source, entry, True


def comments(source: Source) -> Iterator[Span]:
    """Yield the span of every comment in a text, in order."""
    for match in re.finditer(_COMMENT_OR_STRING, source.text):
        if match[1] is not None:
            yield Span(source, match.start(), match.end())


def value_offsets(entry: Entry) -> tuple[int, int]:
    """Return the offsets of an item's value, including quotes or brackets."""
    if isinstance(entry, Container):
        return entry.start, entry.end
    if isinstance(entry, Mark):
        return entry.start, entry.end
    kind = entry.lastindex or 0
    start, end = entry.span(kind)
    # The group contains the string without its quotes.
    return (start - 1, end + 1) if kind in {DOUBLE, SINGLE} else (start, end)


def key_offsets(entry: Entry) -> tuple[int, int] | None:
    """Return the offsets of an item's key, including quotes; None in an array."""
    if isinstance(entry, Container):
        return key_offsets(entry.mark)
    if isinstance(entry, Mark):
        return None if entry.key_start < 0 else (entry.key_start, entry.key_end)
    start, end = entry.span(KEY)
    return None if start == end else (start, end)
