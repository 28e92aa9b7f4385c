"""Paths and the addresses that editors name files by."""

from __future__ import annotations

import os
from urllib.parse import quote, unquote_to_bytes, urlsplit

__all__ = ["from_path", "to_path"]


def to_path(uri: str) -> str | None:
    """Give the path of a file's address; None for what is in no file (`untitled:Untitled-1`)."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    return os.path.normpath(os.fsdecode(unquote_to_bytes(parts.path)))


def from_path(path: str) -> str:
    """Give the address of a file."""
    return "file://" + quote(os.fsencode(os.path.abspath(path)))
