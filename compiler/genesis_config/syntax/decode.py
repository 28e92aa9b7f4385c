"""From the bytes of a file to its text, with a diagnostic if they are not UTF-8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.diagnostics.source import Source, Span
from genesis_config.files.reading import MAX_BYTES

if TYPE_CHECKING:
    from typing import BinaryIO

    from genesis_config.diagnostics.finding import Path

__all__ = ["decode", "read_limited"]


def read_limited(stream: BinaryIO) -> bytes:
    """Read at most one byte more than a configuration may have: enough to see that it is too large, even if endless."""
    return stream.read(MAX_BYTES + 1)


def decode(name: str, data: bytes, at: Path = ()) -> tuple[Source, list[Diagnostic]]:
    """Decode a file as UTF-8, with or without a byte order mark.

    Args:
        name: The path as the user wrote it, which findings show.
        data: The file's bytes.
        at: Where the value is in the configuration that includes the file.

    Returns:
        The text and its diagnostics. Bytes that are not UTF-8 are replaced by U+FFFD, so that the rest can be checked.
        The text is empty for a file larger than 16 MiB or in UTF-16.
    """
    if len(data) > MAX_BYTES:
        source = Source(name, "")
        message = f"the file is larger than {MAX_BYTES // (1024 * 1024)} MiB, the limit for a configuration"
        return source, [Diagnostic("too-large", message, Span(source, 0, 0), "is this the right file?")]
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return Source(name, data.decode(), "configuration", at), []
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
            # Any finding in the decoded text would be misleading.
            source = Source(name, "")
            help_ = "this looks like UTF-16; save the file as UTF-8"
            return source, [Diagnostic("not-utf8", "the file is not valid UTF-8", Span(source, 0, 0), help_)]
        offset = len(data[: error.start].decode())
        source = Source(name, data.decode(errors="replace"), "configuration", at)
        wrong = data[error.start : error.end].hex(" ").upper()
        message = f"invalid UTF-8: {wrong}"
        return source, [Diagnostic("not-utf8", message, Span(source, offset, offset + 1), "save the file as UTF-8")]
