"""What a user sees of a bug in Genesis: that it is one, and what to send."""

from __future__ import annotations

import platform
import sys

from genesis_config import __version__
from genesis_config.diagnostics.crash import describe

__all__ = ["report"]


def report(error: BaseException) -> None:
    """Print a report to paste."""
    python = f"Python {platform.python_version()} on {platform.platform()}"
    sys.stderr.write(
        f"error: this is a bug in Genesis; no files were changed. Please report it with these lines:\n"
        f"  genesis {__version__}, {python}\n{describe(error)}"
    )
