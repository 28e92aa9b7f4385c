"""Bytes of a file -> text, with a diagnostic where they are none."""

from __future__ import annotations

from typing import Final

from genesis.diagnostics import Diagnostic
from genesis.source import Source, Span

__all__ = ["MAX_BYTES", "decode"]

MAX_BYTES: Final = 16 * 1024 * 1024


def decode(name: str, data: bytes) -> tuple[Source, list[Diagnostic]]:
    """Decode a file as UTF-8, with or without a byte order mark.

    Args:
        name: The path as the user wrote it; findings show it.
        data: The file's bytes.

    Returns:
        The text, and what was wrong. Bytes that are no UTF-8 are replaced by U+FFFD, so that the rest can be checked. A
        file past 16 MiB, or in UTF-16, is not read at all.
    """
    if len(data) > MAX_BYTES:
        source = Source(name, "")
        size = -(-len(data) * 10 // (1024 * 1024)) / 10  # rounded up: 16.0 would not be past 16
        message = f"the file has {size} MiB, and a configuration has at most 16"
        return source, [Diagnostic("too-large", message, Span(source, 0, 0), "is this the right file?")]
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return Source(name, data.decode()), []
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
            # Whatever else would be said of it would be wrong.
            source = Source(name, "")
            help_ = "this looks like UTF-16: save the file as UTF-8"
            return source, [Diagnostic("not-utf8", "the file is no UTF-8", Span(source, 0, 0), help_)]
        offset = len(data[: error.start].decode())
        source = Source(name, data.decode(errors="replace"))
        wrong = data[error.start : error.end].hex(" ").upper()
        message = f"the bytes {wrong} are no UTF-8"
        return source, [Diagnostic("not-utf8", message, Span(source, offset, offset + 1), "save the file as UTF-8")]
