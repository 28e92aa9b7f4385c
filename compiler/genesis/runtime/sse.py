"""Server-sent events: bytes in, the data of whole events out. No I/O.

WHATWG HTML, §9.2.6: lines end at LF, CR or CR LF and nowhere else (U+2028 is legal inside JSON), an empty line ends an
event, the values of several `data` lines are joined by LF, comments and other fields are passed over.
"""

from __future__ import annotations

from typing import Final

from genesis.runtime.errors import EventTooLargeError

__all__ = ["MAX_EVENT", "EventSplitter"]

MAX_EVENT: Final = 16 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"


class EventSplitter:
    """Splits a stream of bytes into events, whatever pieces it comes in."""

    __slots__ = ("_after_cr", "_data", "_size", "_started", "_tail")

    def __init__(self) -> None:
        """Stand before the first byte."""
        self._tail: list[bytes] = []  # pieces of a line that has not ended
        self._data: list[bytes] = []  # values of the event that has not ended
        self._size = 0
        self._after_cr = False
        self._started = False

    def feed(self, data: bytes) -> list[bytes]:  # noqa: C901 - runs for every packet, and a call more costs as much as it
        """Take bytes and give the data of each event that they end.

        Raises:
            EventTooLargeError: An event is past 16 MiB.
        """
        if not self._started:
            data = self._start(data)
        if self._after_cr and data:
            # The CR ended its line already; an LF after it is the second half of the same line end.
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        if len(lines) == 1:
            self._grow(len(data))
            self._tail.append(data)
            return []
        if self._tail:
            self._tail.append(lines[0])
            lines[0] = b"".join(self._tail)
        last = lines.pop()
        self._tail = [last] if last else []
        events = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data = []
                    self._size = 0
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
                self._grow(len(line))
            elif line == b"data":
                self._data.append(b"")
        self._grow(len(last))
        return events

    def finish(self) -> list[bytes]:
        """Give the event that the end of the stream cut off before its empty line, if there is one."""
        return self.feed(b"\n\n")

    def _start(self, data: bytes) -> bytes:
        """Take a byte order mark off the front of the stream, though it may come in pieces."""
        data = b"".join([*self._tail, data])
        self._tail = []
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._tail = [data]
            return b""
        self._started = True
        return data.removeprefix(_BOM)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_EVENT:
            raise EventTooLargeError(f"the server sent an event of more than {MAX_EVENT // (1024 * 1024)} MiB")
