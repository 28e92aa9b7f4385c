"""The tokens of JSON5 1.0 and their meaning, for the reader that the fast loop falls back on.

A module of its own, because a file in the common spellings never needs it.
"""

from __future__ import annotations

import re
from typing import Final

from genesis_config.syntax.grammar import BLOCK_COMMENT, DOUBLE_QUOTED, LINE_COMMENT, SINGLE_QUOTED

__all__ = [
    "ESCAPE",
    "HASH_COMMENT",
    "IDENTIFIER",
    "KEY_WORD",
    "LINE_END",
    "NUMBER",
    "SIMPLE_ESCAPES",
    "SKIPPED",
    "SPACE",
    "STRING",
    "WORD",
    "decode_identifier",
    "decode_number",
]

LINE_END: Final = re.compile("[\n\r\u2028\u2029]")
# Whitespace and comments. JSON5 1.0 §8: Zs, TAB, VT, FF, BOM and the four line terminators. A comment that is not
# closed does not match, so the reader finds `/` where it expects a token.
SPACE: Final = re.compile(
    rf"""(?: [ \t\n\r\v\f\xa0\ufeff\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]++
           | {LINE_COMMENT} | {BLOCK_COMMENT} )*+""",
    re.VERBOSE,
)
# Group 1 or 2 is the closing quote, empty if there is none.
STRING: Final = re.compile(f"""{DOUBLE_QUOTED}("?)|{SINGLE_QUOTED}('?)""")
# JSON5 1.0 §5.1, in order: a line continuation, a pair of surrogates, one code unit, `\\xHH`, NUL, any other character;
# then an invalid escape, and a surrogate that is in the text itself.
ESCAPE: Final = re.compile(
    r"""\\(?: (\r\n|[\n\r\u2028\u2029]) | u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})
           | u([0-9a-fA-F]{4})
           | x([0-9a-fA-F]{2}) | (0)(?![0-9]) | ([^ux0-9]) )
      | (\\[ux]?[0-9a-zA-Z]*+) | [\ud800-\udfff]""",
    re.VERBOSE,
)
SIMPLE_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# JSON5 1.0 §6. The reader checks what follows the number.
NUMBER: Final = re.compile(
    r"[+-]?(?:(0[xX][0-9a-fA-F]+)|(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?|\.[0-9]++)([eE][+-]?[0-9]++)?|(Infinity|NaN))"
)
# What a person would call a word, including a URL or a path: used to name and to skip text that is not a token.
WORD: Final = re.compile(
    r"""(?:\$\{[^\s{}"']*+\} | [^\s\ufeff,:;={}\[\]"'/])++
        (?:(?: :(?=[0-9/]) | /(?![/*]) ) (?:\$\{[^\s{}"']*+\} | [^\s\ufeff,;{}\[\]"'])++ )*+""",
    re.VERBOSE,
)
KEY_WORD: Final = re.compile(r"""[^\s\ufeff,:;={}\[\]"'/]++""")
# What is skipped as a whole on the way to the end of a broken item; group 1 is what may end the item.
SKIPPED: Final = re.compile(
    rf"""{DOUBLE_QUOTED}"? | {SINGLE_QUOTED}'?
       | {LINE_COMMENT} | {BLOCK_COMMENT} | (/\*|[,\n\r\u2028\u2029{{}}\[\]])""",
    re.VERBOSE,
)
# A comment in the style of other languages; where a value is expected, `#fff` is more likely an unquoted string.
HASH_COMMENT: Final = re.compile(r"\#[^\n\r\u2028\u2029]*+")
HASH_COMMENT_BEFORE_VALUE: Final = re.compile(r"\#(?!\w)[^\n\r\u2028\u2029]*+")
# ECMAScript 5.1 §7.6 IdentifierName, escapes included; the characters are checked in `decode_identifier`.
IDENTIFIER: Final = re.compile(r"(?:[A-Za-z0-9_$]|[^\x00-\x7f\s\ufeff]|\\u[0-9a-fA-F]{4})++")

_LETTERS = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Nl"))
_LETTERS_AND_PARTS = _LETTERS | {"Mn", "Mc", "Nd", "Pc"}
_UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
# CPython converts at most this many digits at once (sys.int_info.default_max_str_digits).
_DIGITS_AT_ONCE = 4000


def decode_identifier(token: str) -> str | None:
    """Decode an unquoted key; return None if it is not an ECMAScript 5.1 IdentifierName."""
    name = _UNICODE_ESCAPE.sub(lambda match: chr(int(match[1], 16)), token)
    plain = name.replace("$", "_")
    if plain.isascii():
        return name if plain.isidentifier() else None
    from unicodedata import category  # 1 ms, which ASCII keys save

    # Not str.isidentifier: UAX 31 allows some more characters, but not ZWNJ and ZWJ. Characters outside the BMP are
    # letters here because JSON5 implementations accept them.
    if plain[0] != "_" and category(plain[0]) not in _LETTERS:
        return None
    parts = plain[1:].replace("\u200c", "_").replace("\u200d", "_")
    return name if all(category(char) in _LETTERS_AND_PARTS for char in parts) else None


def decode_number(token: str) -> int | float | None:
    """Decode a number that `NUMBER` matched; return None if JSON cannot represent it (NaN, Infinity, overflow).

    A literal with an integral value becomes an int with all of its digits, however it is written (`128e3`, `1.0`).
    """
    digits = token.lstrip("+-")
    sign = -1 if token[0] == "-" else 1
    if digits[:2] in {"0x", "0X"}:
        return sign * int(digits, 16)
    if digits.isdigit():
        return sign * _integer(digits)
    value = float(digits)
    if value != value or value == float("inf"):  # noqa: PLR0124 - only NaN differs from itself
        return None
    if not value.is_integer():
        return sign * value
    if not value:
        return 0  # for any exponent: Decimal accepts at most 18 digits of it
    from decimal import Decimal  # 4 ms, which most files save

    exact = Decimal(digits)
    whole = int(exact)
    return sign * (whole if whole == exact else value)


def _integer(digits: str) -> int:
    """Convert any number of decimal digits, by halves, since CPython limits how many it converts at once."""
    if len(digits) <= _DIGITS_AT_ONCE:
        return int(digits)
    low = len(digits) // 2
    return int(_integer(digits[:-low]) * 10**low + _integer(digits[-low:]))
