"""What a user sees of a bug in Genesis: that it is one, and what to send."""

from __future__ import annotations

import platform
import sys
import traceback

from genesis import __version__

__all__ = ["report"]


def report(error: BaseException) -> None:
    """Print a report to paste. It names places in the code only: an error's own text could hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    places = "".join(
        f"  {frame.filename.rpartition('/genesis/')[2]}:{frame.lineno} in {frame.name}\n" for frame in frames
    )
    python = f"Python {platform.python_version()} on {platform.platform()}"
    sys.stderr.write(
        f"genesis: this is a bug in Genesis, and your files are as they were. Please report it with these lines:\n"
        f"  genesis {__version__}, {python}\n  {type(error).__name__} in\n{places}"
    )
