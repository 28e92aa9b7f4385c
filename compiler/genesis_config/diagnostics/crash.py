"""What is told of a bug in Genesis: places in its code, and never an error's own text, which could hold a secret."""

from __future__ import annotations

import traceback

__all__ = ["describe"]


def describe(error: BaseException) -> str:
    """Give the kind of an error and where it was raised, a line each."""
    places = "".join(
        f"  {frame.filename.rpartition('/genesis_config/')[2]}:{frame.lineno} in {frame.name}\n"
        for frame in traceback.extract_tb(error.__traceback__)
    )
    return f"  {type(error).__name__} in\n{places}"
