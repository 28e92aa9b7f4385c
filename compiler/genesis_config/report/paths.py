"""File names in reports for programs: relative to the current directory, with forward slashes."""

from __future__ import annotations

import os

__all__ = ["relative_path"]


def relative_path(name: str) -> str:
    """Return a path relative to the current directory; a path outside of it stays absolute."""
    if os.path.isabs(name):
        inside = os.path.relpath(name)
        name = name if inside.startswith(os.pardir) else inside
    return os.path.normpath(name).replace(os.sep, "/") if name else name
