"""The message for a bug in Genesis, with what to include in a report."""

from __future__ import annotations

import platform
import sys

from genesis_config import __version__
from genesis_config.diagnostics.crash import describe

__all__ = ["print_crash_report"]


def print_crash_report(error: BaseException) -> None:
    """Print a crash report that the user can paste into an issue."""
    python = f"Python {platform.python_version()} on {platform.platform()}"
    sys.stderr.write(
        f"error: this is a bug in Genesis; no files were changed. Please report it and include these lines:\n"
        f"  genesis {__version__}, {python}\n{describe(error)}"
    )
