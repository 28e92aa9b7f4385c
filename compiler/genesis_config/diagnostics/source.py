"""Source texts, and the spans in them that diagnostics point to.

Offsets count code points from 0; lines and columns are 1-based, columns count code points.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Literal

from genesis_config.diagnostics.named_tuple import NamedTuple

__all__ = ["Position", "Role", "Source", "Span"]

# JSON5 1.0 §1.2: LF, CR, LS and PS end a line; CR LF is one end.
_LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")


Role = Literal["configuration", "lock"]


class Position(NamedTuple):
    """A position in a text: 1-based line, 1-based column in code points."""

    line: int
    column: int


class Source:
    """A source text.

    Attributes:
        name: Its path as the user wrote it, shown in reports.
        text: The decoded text, without a byte order mark.
        role: The kind of file, which determines what may be shown of it; without a role, nothing is shown.
        at: For an included file, the path in the configuration at which it is included.
    """

    __slots__ = ("_starts", "at", "name", "role", "text")

    def __init__(self, name: str, text: str, role: Role | None = None, at: tuple[str | int, ...] = ()) -> None:
        """Create a source."""
        self.name = name
        self.text = text
        self.role = role
        self.at = at
        self._starts: list[int] | None = None

    @property
    def line_starts(self) -> list[int]:
        """The offset of each line's first character, computed on first use because a clean file does not need it."""
        if self._starts is None:
            self._starts = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        return self._starts

    def without_text(self) -> Source:
        """Return a source with the same lines and columns but without text."""
        blank = Source(self.name, "")
        blank._starts = self.line_starts
        return blank

    def position(self, offset: int) -> Position:
        """Return the line and column of `offset`."""
        starts = self.line_starts
        line = bisect_right(starts, offset)
        return Position(line, offset - starts[line - 1] + 1)

    def line_span(self, line: int) -> tuple[int, int]:
        """Return the start and end offsets of 1-based `line`, without its line ending."""
        starts = self.line_starts
        start = starts[line - 1]
        if line == len(starts):
            return start, len(self.text)
        end = starts[line] - 1
        if end > start and self.text[end - 1 : end + 1] == "\r\n":
            end -= 1
        return start, end


class Span(NamedTuple):
    """The characters from `start` up to but not including `end` of a source; empty where something is missing."""

    source: Source
    start: int
    end: int
