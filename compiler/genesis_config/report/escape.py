"""Escaping of text for output, so that neither a terminal nor a CI runner executes commands in it."""

from __future__ import annotations

import re

__all__ = ["BRACKET", "COMMAND", "dump_json", "escape", "escape_json", "escape_line", "escape_start"]

# Controls, format characters (bidirectional marks, zero-width characters, tags), line and paragraph separators,
# surrogates, noncharacters that XML does not allow: the categories Cc, Cf, Zl, Zp and Cs of Unicode 14.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# The bracket of `##[command]` and `##vso[command]`, which the runners of GitHub Actions and Azure Pipelines execute
# anywhere in a line; and its escaped form.
COMMAND = re.compile(r"(?i)(?<=##)\[|(?<=##vso)\[")
BRACKET = "\\x5b"


def escape(text: str) -> str:
    r"""Escape control characters (as `\x1b` or `\u202e`) and the bracket of a runner's command."""
    return COMMAND.sub(lambda _: BRACKET, _UNSAFE.sub(_visible, text))


def escape_start(line: str) -> str:
    """Escape the `::` of a workflow command at the start of a line, also after whitespace."""
    return line.replace("::", "\\x3a:", 1) if line.lstrip().startswith("::") else line


def escape_line(line: str) -> str:
    """Escape a whole line: control characters, and the start of a workflow command."""
    return escape_start(escape(line))


def dump_json(value: object, *, indent: int | None = 2) -> str:
    """Return a value as JSON that is safe to print, in ASCII and with a line end."""
    import json  # most reports are text

    return escape_json(json.dumps(value, indent=indent)) + "\n"


def escape_json(text: str) -> str:
    r"""Escape runners' commands in a JSON text as `\u005b`: a `[` after `##` is always in a string."""
    return COMMAND.sub(r"\\u005b", text)


def _visible(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if code < 0x100:  # noqa: PLR2004 - one byte
        return _SHORT.get(char) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the basic plane
