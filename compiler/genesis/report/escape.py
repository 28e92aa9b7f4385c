"""Making text from a configuration safe to print: no terminal reads commands in it, no line of it starts another."""

from __future__ import annotations

import re

__all__ = ["escape"]

# C0 and C1 controls, DEL, line and paragraph separators, bidirectional controls, zero-width characters, the BOM,
# surrogates: whatever acts on what surrounds it.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape(text: str) -> str:
    r"""Replace every control character by its escape, as in `\x1b` or `\u202e`."""
    return _UNSAFE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")  # noqa: PLR2004 - one byte
