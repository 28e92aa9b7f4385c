"""Conversion between offsets in Genesis and positions in the protocol.

Genesis counts code points from 0. The protocol counts lines from 0 and, within a line, code units of an encoding that
client and server negotiate: UTF-16 by default. Its lines end with LF, CR LF or CR, but those of JSON5 also end with
U+2028 and U+2029, so a finding's own line and column cannot be used here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Protocol

from lsprotocol.types import Position, Range

__all__ = ["BOM", "Codec", "Lines"]

BOM = "\ufeff"
_LINE_END = re.compile("\r\n|[\n\r]")


class Codec(Protocol):
    """A counter of code units in the negotiated encoding."""

    def client_num_units(self, string: str) -> int:
        """Return the number of code units in a text."""


class Lines:
    """The lines of one text.

    Offsets are those of Genesis: they do not count a byte order mark at the beginning, but positions in an editor may.
    """

    def __init__(self, text: str, codec: Codec) -> None:
        """Split `text`, as it is in the editor, into lines."""
        self._text = text
        self._codec = codec
        self._plain = text.isascii()
        self._shift = len(BOM) if text.startswith(BOM) else 0
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def position(self, offset: int) -> Position:
        """Return the position of an offset."""
        offset = max(0, min(offset + self._shift, len(self._text)))
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        units = offset - start if self._plain else self._codec.client_num_units(self._text[start:offset])
        return Position(line, units)

    def range(self, start: int, end: int) -> Range:
        """Return the range from one offset to another."""
        return Range(self.position(start), self.position(end))

    def offset(self, position: Position) -> int:
        """Return the offset of a position; past the end of a line or of the text, the offset of that end."""
        if position.line >= len(self._starts):
            return len(self._text) - self._shift
        start = self._starts[position.line]
        last = position.line + 1 == len(self._starts)
        end = len(self._text) if last else self._starts[position.line + 1]
        line = self._text[start:end].rstrip("\r\n") if not last else self._text[start:end]
        characters = min(position.character, len(line))
        if not line.isascii():
            characters = self._count_characters(line, position.character)
        return max(0, start + characters - self._shift)

    def _count_characters(self, line: str, units: int) -> int:
        """Return the number of whole characters in the first `units` code units of a line."""
        counted = 0
        for index, char in enumerate(line):
            counted += self._codec.client_num_units(char)
            if counted > units:
                return index
        return len(line)
