"""The speed of a completion: shown on the last line of the terminal while it streams, and summarized at its end."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Final, Self

from genesis_config.runtime import ContextWarning, FellBack, Finish, Logprobs, Usage
from genesis_config.runtime.request import find_model

if TYPE_CHECKING:
    from genesis_config.manifest import Manifest
    from genesis_config.runtime import Event

__all__ = ["Pace"]

_REFRESH: Final = 0.2  # seconds between updates of the status line
_FEWEST_LINES: Final = 4  # of a terminal with room for a status line


class Pace:
    """The pace of one completion, measured from the request on; shown on standard error if that is a terminal."""

    def __init__(self, manifest: Manifest, model: str | None) -> None:
        """Start the clock, for the manifest and the model that `Runtime.stream` is called with."""
        self._manifest = manifest
        self._model = model
        self._line = _StatusLine() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else None
        self._began = time.monotonic()
        self._first: float | None = None
        self._last = self._began
        self._chunks = 0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._line is not None:
            self._timer = asyncio.get_running_loop().call_later(_REFRESH, self._tick)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def record(self, event: Event) -> None:
        """Record an event. The last one clears the status line, before the usage is printed."""
        if isinstance(event, FellBack):
            self._model = event.next
        elif isinstance(event, Usage):
            self._stop()
        elif not isinstance(event, ContextWarning | Finish | Logprobs):
            self._last = time.monotonic()
            self._chunks += 1
            if self._first is None:
                self._first = self._last

    def summarize(self, usage: Usage) -> str:
        """Return the text to print after the usage: time to the first token, and tokens per second."""
        if self._line is None or self._first is None:
            return ""
        first = f"first token after {self._first - self._began:.2f} s"
        return f"; {first}{self._speed(usage.output or self._chunks)}"

    def _status(self) -> str:
        """Return the text of the status line.

        Chunks are counted as tokens, and the size of the prompt is not known until the usage arrives.
        """
        if self._first is None:
            return f"waiting for the first token: {time.monotonic() - self._began:.0f} s"
        model = find_model(self._manifest, self._model).model
        share = f"; {self._chunks / model.context_window:.1%} of context (excluding prompt)"
        known = model.context_window_from != "default"
        tokens = f"{self._chunks} token{'s' * (self._chunks != 1)}{self._speed(self._chunks)}"
        return f"{tokens}; first after {self._first - self._began:.2f} s{share if known else ''}"

    def _speed(self, tokens: int) -> str:
        seconds = self._last - (self._first or self._last)
        return f", {(tokens - 1) / seconds:.0f} tokens/s" if tokens > 1 and seconds > 0 else ""

    def _tick(self) -> None:
        if self._line is not None:
            self._line.show(self._status())
            self._timer = asyncio.get_running_loop().call_later(_REFRESH, self._tick)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._line is not None:
            self._line.clear()


class _StatusLine:
    """The last line of the terminal on standard error; whatever else is printed scrolls above it.

    The completion may be printed to the same terminal, with its cursor at any column, so that the status needs a line
    of its own. The control sequences are those of ECMA-48 and the VT100, which all terminals support.
    """

    def __init__(self) -> None:
        self._lines = 0

    def show(self, text: str) -> None:
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
        if lines < _FEWEST_LINES:
            return
        if lines != self._lines:
            self.clear()
            # Down and up again, which scrolls if the cursor is on the last line; then restrict scrolling to all lines
            # but that one. Setting the region moves the cursor, so it is saved and restored.
            self._write(f"\x1bD\x1b[A\x1b7\x1b[1;{lines - 1}r\x1b8")
            self._lines = lines
        self._write(f"\x1b7\x1b[{lines};1H\x1b[2K\x1b[2m{text[: columns - 1]}\x1b[22m\x1b8")

    def clear(self) -> None:
        """Let the whole terminal scroll again."""
        if self._lines:
            self._write(f"\x1b7\x1b[r\x1b[{self._lines};1H\x1b[2K\x1b8")
            self._lines = 0

    @staticmethod
    def _write(sequences: str) -> None:
        sys.stdout.flush()
        sys.stderr.write(sequences)
        sys.stderr.flush()
