"""How fast an answer comes: shown on the terminal's last line while it comes, and told at its end."""

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

_REFRESH: Final = 0.2  # seconds between two looks of the status line
_FEWEST_LINES: Final = 4  # of a terminal that can spare one


class Pace:
    """Measures an answer from the moment it is asked for; on a terminal, shows how it goes on standard error."""

    def __init__(self, manifest: Manifest, model: str | None) -> None:
        """Begin now, with what `Runtime.stream` is given."""
        self._manifest = manifest
        self._model = model
        self._line = _LastLine() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else None
        self._began = time.monotonic()
        self._first: float | None = None
        self._last = self._began
        self._pieces = 0
        self._ticking: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._line is not None:
            self._ticking = asyncio.get_running_loop().call_later(_REFRESH, self._tick)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def take(self, event: Event) -> None:
        """Take note of an event. The last one takes the status away, so that its own words stand alone."""
        if isinstance(event, FellBack):
            self._model = event.next
        elif isinstance(event, Usage):
            self._stop()
        elif not isinstance(event, ContextWarning | Finish | Logprobs):
            self._last = time.monotonic()
            self._pieces += 1
            if self._first is None:
                self._first = self._last

    def told(self, usage: Usage) -> str:
        """Give the words after the usage: when the first token came, and how many came in a second."""
        if self._line is None or self._first is None:
            return ""
        first = f"first token after {self._first - self._began:.2f} s"
        return f"; {first}{self._speed(usage.output or self._pieces)}"

    def _status(self) -> str:
        """Say how it goes. A chunk is taken for a token, and what the prompt takes is not known before the usage."""
        if self._first is None:
            return f"waiting for the first token: {time.monotonic() - self._began:.0f} s"
        model = find_model(self._manifest, self._model).model
        share = f"; context window {self._pieces / model.context_window:.1%} + the prompt"
        known = model.context_window_from != "default"
        made = f"{self._pieces} tokens{self._speed(self._pieces)}"
        return f"{made}; first after {self._first - self._began:.2f} s{share if known else ''}"

    def _speed(self, tokens: int) -> str:
        seconds = self._last - (self._first or self._last)
        return f", {(tokens - 1) / seconds:.0f} tokens/s" if tokens > 1 and seconds > 0 else ""

    def _tick(self) -> None:
        if self._line is not None:
            self._line.show(self._status())
            self._ticking = asyncio.get_running_loop().call_later(_REFRESH, self._tick)

    def _stop(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        if self._line is not None:
            self._line.clear()


class _LastLine:
    """The last line of the terminal that standard error is. What is printed meanwhile scrolls above it.

    The text of an answer may go to the same terminal and stand at any column: no line of the text's own can be drawn
    over. The control sequences are those of ECMA-48 and DEC's VT100, which terminals have followed since.
    """

    def __init__(self) -> None:
        self._lines = 0

    def show(self, text: str) -> None:
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
        if lines < _FEWEST_LINES:
            return
        if lines != self._lines:
            self.clear()
            # Down and up again, which scrolls where the cursor stands on the last line; then all lines but that one
            # scroll. To set that moves the cursor, so it is kept.
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
