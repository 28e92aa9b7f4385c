"""The expressions that read nearly everything, one match for each item.

`MEMBER` and `ELEMENT` take a whole item of an object or array at once: white space, comments, key, value and the comma
after it. They know the common spellings only; whatever they refuse is read token by token (`syntax.tokens`), and that
knows all of JSON5. Possessive quantifiers keep them linear.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "CLOSE",
    "DECIMAL",
    "DOUBLE",
    "ELEMENT",
    "END",
    "KEY",
    "LITERAL",
    "LITERALS",
    "MEMBER",
    "OPEN",
    "SINGLE",
    "START",
]

# The groups of both: the last one that took part tells what the item is.
KEY: Final = 1
DOUBLE: Final = 2
SINGLE: Final = 3
DECIMAL: Final = 4
LITERAL: Final = 5
OPEN: Final = 6
CLOSE: Final = 7

LITERALS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}

_SPACE = r"[ \t\n\r]*+ (?: (?: //[^\n\r\u2028\u2029]*+ | /\*[^*]*+\*++(?:[^/*][^*]*+\*++)*+/ ) [ \t\n\r]*+ )*+"
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
