"""The expressions for strings and comments, which others are built from, and those that read most of a text.

`MEMBER` and `ELEMENT` match a whole item of an object or array at once: whitespace, comments, key, value and the comma
after it. They know only the common spellings; whatever they do not match is read token by token (`syntax.tokens`), with
all of JSON5. Possessive quantifiers keep them linear.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "BLOCK_COMMENT",
    "CLOSE",
    "DECIMAL",
    "DOUBLE",
    "DOUBLE_QUOTED",
    "ELEMENT",
    "END",
    "KEY",
    "LINE_COMMENT",
    "LITERAL",
    "LITERALS",
    "MEMBER",
    "OPEN",
    "SINGLE",
    "SINGLE_QUOTED",
    "START",
    "UNCLOSED_COMMENT",
]

# JSON5 1.0 §5: a string, escapes not decoded, up to its closing quote or, if there is none, to the end of its line. It
# may contain U+2028 and U+2029 unescaped.
DOUBLE_QUOTED: Final = r""""(?:[^"\\\n\r]|\\(?:\r\n|[\s\S]))*+"""
SINGLE_QUOTED: Final = DOUBLE_QUOTED.replace('"', "'")
# JSON5 1.0 §7. `BLOCK_COMMENT` does not match a comment that is not closed; `UNCLOSED_COMMENT`, tried after it, does.
LINE_COMMENT: Final = r"//[^\n\r\u2028\u2029]*+"
BLOCK_COMMENT: Final = r"/\*[^*]*+\*++(?:[^/*][^*]*+\*++)*+/"
UNCLOSED_COMMENT: Final = r"/\*[\s\S]*+"

# The groups of both; the last group that matched shows the kind of item.
KEY: Final = 1
DOUBLE: Final = 2
SINGLE: Final = 3
DECIMAL: Final = 4
LITERAL: Final = 5
OPEN: Final = 6
CLOSE: Final = 7

LITERALS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}

_SPACE = rf"[ \t\n\r]*+ (?: (?: {LINE_COMMENT} | {BLOCK_COMMENT} ) [ \t\n\r]*+ )*+"
_ITEM = rf"""
{_SPACE}
(?: %s
    (?: (?: "([^"\\\n\r]*+)" | '([^'\\\n\r]*+)' | (-?(?:0|[1-9][0-9]{{0,17}}+)) | (true|false|null) )
        [ \t\n\r]*+ (?: , | (?=%s) )
      | ([{{\[]) )
  | (%s) [ \t\n\r]*+ (?: , | (?=[}}\]]) | \Z ) )
"""
_NAME = r"""([A-Za-z_$][A-Za-z0-9_$]*+ | "[^"\\\n\r]*+") [ \t\n\r]*+ : [ \t\n\r]*+"""

# member  = key ":" value      element = value
MEMBER: Final = re.compile(_ITEM % (_NAME, r"\}", r"\}"), re.VERBOSE)
ELEMENT: Final = re.compile(_ITEM % ("()", r"\]", r"\]"), re.VERBOSE)
START: Final = re.compile(rf"{_SPACE} \{{", re.VERBOSE)
END: Final = re.compile(rf"{_SPACE} \Z", re.VERBOSE)
