"""How reports for programs name files: relative to where the run was started, with forward slashes."""

from __future__ import annotations

import os

__all__ = ["relative"]


def relative(name: str) -> str:
    """Give a path as other machines know it; one outside of the folder of the run stays as it is."""
    if os.path.isabs(name):
        inside = os.path.relpath(name)
        name = name if inside.startswith(os.pardir) else inside
    return os.path.normpath(name).replace(os.sep, "/") if name else name
