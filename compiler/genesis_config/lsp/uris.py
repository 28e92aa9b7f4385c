"""Conversion between paths and file URIs."""

from __future__ import annotations

import os
from urllib.parse import quote, unquote_to_bytes, urlsplit

__all__ = ["from_path", "to_path"]


def to_path(uri: str) -> str | None:
    """Return the path of a file URI; None if it is not a file (`untitled:Untitled-1`)."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    return os.path.normpath(os.fsdecode(unquote_to_bytes(parts.path)))


def from_path(path: str) -> str:
    """Return the URI of a file."""
    return "file://" + quote(os.fsencode(os.path.abspath(path)))
