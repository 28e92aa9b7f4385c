"""Conversion between paths and file URIs."""

from __future__ import annotations

import os
from urllib.parse import quote, unquote_to_bytes, urlsplit

from genesis_config.files.reading import normalize

__all__ = ["from_path", "to_path"]


def to_path(uri: str) -> str | None:
    """Return the path of a file URI; None if it is not a file (`untitled:Untitled-1`), or contains a NUL."""
    parts = urlsplit(uri)
    path = os.fsdecode(unquote_to_bytes(parts.path))
    return normalize(path) if parts.scheme == "file" and "\0" not in path else None


def from_path(path: str) -> str:
    """Return the URI of a file."""
    return "file://" + quote(os.fsencode(os.path.abspath(path)))
