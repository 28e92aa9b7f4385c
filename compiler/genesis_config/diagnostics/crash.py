"""The description of a crash: places in the code, but never the error's own text, which could contain a secret."""

from __future__ import annotations

import traceback

__all__ = ["describe"]


def describe(error: BaseException) -> str:
    """Return the type of an error and its stack, one frame per line."""
    frames = "".join(
        f"  {frame.filename.rpartition('/genesis_config/')[2]}:{frame.lineno} in {frame.name}\n"
        for frame in traceback.extract_tb(error.__traceback__)
    )
    return f"  {type(error).__name__} in\n{frames}"
