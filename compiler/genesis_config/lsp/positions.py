"""Offsets of Genesis and positions of the protocol.

Genesis counts code points from 0. The protocol counts lines from 0, and in a line the code units of an encoding that
client and server agree on: UTF-16 unless both know better. Its lines end with LF, CR LF or CR, while those of JSON5 end
with U+2028 and U+2029 too, so a finding's own line and column are of no use here.
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
    """Counts a text in the units that were agreed on."""

    def client_num_units(self, string: str) -> int:
        """Give how many units a text has."""


class Lines:
    """The lines of one text.

    Offsets are Genesis' own, which do not count a byte order mark at the beginning; an editor that keeps one does.
    """

    def __init__(self, text: str, codec: Codec) -> None:
        """Hold the lines of `text`, as the editor has it."""
        self._text = text
        self._codec = codec
        self._plain = text.isascii()
        self._shift = len(BOM) if text.startswith(BOM) else 0
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def position(self, offset: int) -> Position:
        """Give the position of an offset."""
        offset = max(0, min(offset + self._shift, len(self._text)))
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        units = offset - start if self._plain else self._codec.client_num_units(self._text[start:offset])
        return Position(line, units)

    def range(self, start: int, end: int) -> Range:
        """Give the range from one offset to another."""
        return Range(self.position(start), self.position(end))

    def offset(self, position: Position) -> int:
        """Give the offset of a position; the end of the line, or of the text, for one that is past it."""
        if position.line >= len(self._starts):
            return len(self._text) - self._shift
        start = self._starts[position.line]
        last = position.line + 1 == len(self._starts)
        end = len(self._text) if last else self._starts[position.line + 1]
        line = self._text[start:end].rstrip("\r\n") if not last else self._text[start:end]
        characters = min(position.character, len(line))
        if not line.isascii():
            characters = self._characters(line, position.character)
        return max(0, start + characters - self._shift)

    def _characters(self, line: str, units: int) -> int:
        """Give how many whole characters of a line a number of units takes."""
        taken = 0
        for index, char in enumerate(line):
            taken += self._codec.client_num_units(char)
            if taken > units:
                return index
        return len(line)
