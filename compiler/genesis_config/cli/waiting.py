"""What a terminal shows while servers are queried."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import rich.status

__all__ = ["waiting"]


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on a terminal what is under way, after one second; nothing of it remains."""
    if not sys.stderr.isatty():
        yield
        return
    import threading  # for terminals

    shown: list[rich.status.Status] = []
    ended = threading.Event()

    def show() -> None:
        if ended.wait(1):
            return
        from rich.console import Console

        status = Console(stderr=True).status(f"{what} …")
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
