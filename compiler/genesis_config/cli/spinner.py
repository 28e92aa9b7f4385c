"""The spinner that a terminal shows while servers are queried."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import rich.status

__all__ = ["spinner"]


@contextlib.contextmanager
def spinner(text: str) -> Iterator[None]:
    """Show a text with a spinner on standard error, if that is a terminal and it takes more than a second.

    The line is erased at the end.
    """
    if not sys.stderr.isatty():
        yield
        return
    import threading  # only on terminals

    shown: list[rich.status.Status] = []
    ended = threading.Event()

    def show() -> None:
        if ended.wait(1):
            return
        from rich.console import Console

        status = Console(stderr=True).status(f"{text} …")
        status.start()
        shown.append(status)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for status in shown:
            status.stop()
