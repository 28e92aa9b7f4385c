"""Splitter of server-sent events: bytes in, the data of whole events out. No I/O.

WHATWG HTML, §9.2.6: lines end at LF, CR or CR LF and nowhere else (U+2028 is legal inside JSON), an empty line ends an
event, the values of several `data` lines are joined by LF, comments and other fields are ignored.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_EVENT", "EventSplitter"]

MAX_EVENT: Final = 16 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"


class EventSplitter:
    """Splitter of a byte stream into events, regardless of how the stream is chunked.

    Attributes:
        too_large: Whether an event, or a line of any kind, is larger than 16 MiB. No events follow.
    """

    __slots__ = ("_after_cr", "_data", "_size", "_started", "_tail", "_tail_size", "too_large")

    def __init__(self) -> None:
        self._tail: list[bytes] = []  # pieces of the unfinished line
        self._tail_size = 0
        self._data: list[bytes] = []  # `data` values of the unfinished event
        self._size = 0  # bytes of their lines
        self._after_cr = False
        self._started = False
        self.too_large = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the data of each event that these bytes complete."""
        events: list[bytes] = []
        if self.too_large:
            return events
        if not self._started:
            data = self._strip_bom(data)
        lines = self._split_lines(data)
        last = lines.pop()
        for line in lines:
            if not line:
                if self._data:
                    events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data = []
                    self._size = 0
            elif self._size + len(line) > MAX_EVENT:
                self.too_large = True
                return events
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
                self._size += len(line)
            elif line == b"data":
                self._data.append(b"")
                self._size += len(line)
        if last:
            self._tail.append(last)
            self._tail_size += len(last)
            self.too_large = self._size + self._tail_size > MAX_EVENT
        return events

    def finish(self) -> list[bytes]:
        """Return the last event if the stream ended before its empty line."""
        return self.feed(b"\n\n")

    def _split_lines(self, data: bytes) -> list[bytes]:
        """Split data into lines. The first includes the pending tail; the last is unfinished."""
        if self._after_cr and data:
            # The CR has already ended its line; an LF after it is the second half of the same line end.
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        if len(lines) > 1 and self._tail:
            self._tail.append(lines[0])
            lines[0] = b"".join(self._tail)
            self._tail = []
            self._tail_size = 0
        return lines

    def _strip_bom(self, data: bytes) -> bytes:
        """Remove a byte order mark from the start of the stream, which may arrive in pieces."""
        data = b"".join([*self._tail, data])
        self._tail = []
        self._tail_size = 0
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._tail = [data]
            self._tail_size = len(data)
            return b""
        self._started = True
        return data.removeprefix(_BOM)
