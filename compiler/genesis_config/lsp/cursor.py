"""Where the cursor of a completion stands in a text that is being typed, and so need not be JSON5 at all.

The text before the cursor says which brackets are open, which keys lead there, and whether a key or a value comes next.
A line that ends without its comma, or after a key without its value, is taken as somebody means it who types on below.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from genesis_config.syntax.grammar import (
    BLOCK_COMMENT,
    DOUBLE_QUOTED,
    LINE_COMMENT,
    SINGLE_QUOTED,
    UNCLOSED_COMMENT,
)

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Path

__all__ = ["Cursor", "cursor_at"]

_TOKEN = re.compile(
    rf"""(?P<comment>{LINE_COMMENT}|{BLOCK_COMMENT}|{UNCLOSED_COMMENT})
       | (?P<string>{DOUBLE_QUOTED}"?|{SINGLE_QUOTED}'?)
       | (?P<mark>[{{}}\[\]:,])
       | (?P<word>(?:[^\s{{}}\[\]:,"'/]|/(?![/*]))++)""",
    re.VERBOSE,
)
_LINE_END = re.compile("[\n\r\u2028\u2029]")
_SPACE = re.compile(rf"(?:\s|{LINE_COMMENT}|{BLOCK_COMMENT})*+")
_ENDS = frozenset((",", "}", "]", ":", ""))
_OPENER = {"}": "{", "]": "["}


class Cursor(NamedTuple):
    """A place where something can be completed.

    Attributes:
        path: Of the object that a key is typed in, or of the value that is typed.
        is_key: Whether a key comes here.
        start: Where what is typed so far begins, its quote included.
        end: Where what a completion replaces ends.
        quote: The quote that it begins with; empty without one.
        opens: Where the bracket of the innermost object or array is.
        keys: The keys before this one in the same object.
        colon: Whether a colon follows already.
        comma: Whether an item follows that a comma must come before.
    """

    path: Path
    is_key: bool
    start: int
    end: int
    quote: str
    opens: int
    keys: frozenset[str]
    colon: bool
    comma: bool


class _Frame:
    """An open object or array, and what comes next in it: a key, its colon, a value, or what ends the item."""

    def __init__(self, opens: int, bracket: str) -> None:
        self.opens = opens
        self.is_object = bracket == "{"
        self.key: str | None = None
        self.index = 0
        self.keys: list[str] = []
        self.next = "key" if self.is_object else "value"

    def item(self, text: str, *, new_line: bool, before_colon: bool) -> None:
        """Take a string, a word or an opening bracket."""
        if not self.is_object:
            self.index += self.next == "end"
            self.next = "end"
        elif self.takes_key(new_line=new_line, before_colon=before_colon):
            self.key = text.strip("\"'") or None
            self.keys += [self.key] if self.key else []
            self.next = "colon"
        else:
            self.next = "end"

    def takes_key(self, *, new_line: bool, before_colon: bool) -> bool:
        """Tell whether a string or word is a key: also on a new line after an item that nothing ended."""
        if self.next == "value":
            return new_line and before_colon
        return self.next == "key" or new_line


def cursor_at(text: str, offset: int) -> Cursor | None:
    """Give where the cursor stands; None in comments, outside of all brackets, and where nothing can be typed."""
    frames: list[_Frame] = []
    done = 0
    found: tuple[int, int, str] | None = None
    for token in _TOKEN.finditer(text):
        start, end = token.span()
        if start >= offset:
            break
        kind = token.lastgroup or ""
        if _holds(kind, token[0], start, offset, end):
            if kind == "comment":
                return None
            quote = token[0][0] if kind == "string" else ""
            whole = kind == "word" or (_is_closed(token[0]) and not _LINE_END.search(text, offset, end))
            found = (start, end if whole else offset, quote)
            break
        if kind != "comment":
            _take(frames, token, done)
            done = end
    if not frames:
        return None
    return _cursor(frames, text, done, found or (offset, offset, ""))


def _holds(kind: str, token: str, start: int, offset: int, end: int) -> bool:
    """Tell whether what is typed at an offset belongs to a token."""
    if offset != end:
        return start < offset < end
    if kind == "string":
        return not _is_closed(token)
    return kind == "word" or (kind == "comment" and not token.endswith("*/"))


def _is_closed(string: str) -> bool:
    return len(string) > 1 and string[-1] == string[0]


def _take(frames: list[_Frame], token: re.Match[str], done: int) -> None:
    """Take one token that is whole before the cursor; `done` is where the one before it ended."""
    mark = token["mark"]
    if mark is None:
        if frames:
            new_line = _LINE_END.search(token.string, done, token.start()) is not None
            frames[-1].item(token[0], new_line=new_line, before_colon=_after(token.string, token.end()) == ":")
    elif mark in _OPENER:
        depth = next((depth for depth, frame in enumerate(reversed(frames), 1) if _opens(frame, mark)), 0)
        del frames[len(frames) - depth :]
    elif mark in "{[":
        if frames:
            frames[-1].item("", new_line=False, before_colon=False)
        frames.append(_Frame(token.start(), mark))
    elif frames and mark == ",":
        frames[-1].index += not frames[-1].is_object
        frames[-1].next = "key" if frames[-1].is_object else "value"
    elif frames and frames[-1].next == "colon":
        frames[-1].next = "value"


def _opens(frame: _Frame, closer: str) -> bool:
    return frame.is_object == (_OPENER[closer] == "{")


def _cursor(frames: list[_Frame], text: str, done: int, found: tuple[int, int, str]) -> Cursor | None:
    start, end, quote = found
    frame = frames[-1]
    new_line = _LINE_END.search(text, done, start) is not None
    after = _after(text, end)
    if frame.next == "end" and not new_line:
        return None
    is_key = frame.is_object and frame.takes_key(new_line=new_line, before_colon=after == ":" and end > start)
    if frame.next == "colon" and not is_key:
        return None
    path: list[str | int] = []
    for outer in frames[:-1]:
        if outer.is_object and outer.key is None:
            return None
        path.append(outer.key if outer.is_object and outer.key is not None else outer.index)
    if not is_key:
        path.append((frame.key or "") if frame.is_object else frame.index + (frame.next == "end"))
    colon = is_key and after == ":" and end > start
    return Cursor(tuple(path), is_key, start, end, quote, frame.opens, frozenset(frame.keys), colon, after not in _ENDS)


def _after(text: str, offset: int) -> str:
    """Give the first character after an offset that is no space and in no comment; empty at the end."""
    match = _SPACE.match(text, offset)
    end = match.end() if match else offset
    return text[end : end + 1]
