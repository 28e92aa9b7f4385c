"""Helpers for tests of the language server: open texts with the cursor marked as `|`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygls.workspace import PositionCodec

from genesis_config.lsp.open_files import OpenFiles
from genesis_config.lsp.uris import from_path

if TYPE_CHECKING:
    from pathlib import Path

    from genesis_config.lsp.open_files import View

UTF8, UTF16, UTF32 = (PositionCodec(name) for name in ("utf-8", "utf-16", "utf-32"))


def split_cursor(text: str) -> tuple[str, int]:
    """Return a text without its cursor, and the offset of the cursor."""
    offset = text.index("|")
    return text[:offset] + text[offset + 1 :], offset


def open_text(path: Path, text: str, open_files: OpenFiles | None = None) -> tuple[View, int]:
    """Open a text with a cursor at a path; return its view and the offset of the cursor."""
    text, offset = split_cursor(text)
    open_files = open_files or OpenFiles()
    open_files.open(from_path(str(path)), text, 1)
    view = open_files.view(from_path(str(path)))
    assert view is not None
    return view, offset
