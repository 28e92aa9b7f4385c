"""The place of the cursor in a text that is being typed, which therefore need not be valid JSON5.

The text before the cursor determines which brackets are open, which keys lead to the cursor, and whether a key or a
value comes next. A line may end without its comma, or after a key without its value, when typing continues below it.
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
    """A place where a completion is possible.

    Attributes:
        path: The path of the object in which a key is typed, or of the value that is typed.
        is_key: Whether a key is expected here.
        start: The offset where the typed text begins, including its quote.
        end: The offset where the text that a completion replaces ends.
        quote: The quote that the typed text begins with; empty if there is none.
        opens: The offset of the opening bracket of the innermost object or array.
        keys: The keys before this one in the same object.
        colon: Whether a colon already follows.
        comma: Whether a comma is needed before the item that follows.
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
    """An open object or array and what it expects next: a key, its colon, a value, or the end of the item."""

    def __init__(self, opens: int, bracket: str) -> None:
        self.opens = opens
        self.is_object = bracket == "{"
        self.key: str | None = None
        self.index = 0
        self.keys: list[str] = []
        self.next = "key" if self.is_object else "value"

    def add_item(self, text: str, *, new_line: bool, before_colon: bool) -> None:
        """Add a string, a word or an opening bracket."""
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
        """Return whether a string or word is a key, which includes a new line after an item without a comma."""
        if self.next == "value":
            return new_line and before_colon
        return self.next == "key" or new_line


def cursor_at(text: str, offset: int) -> Cursor | None:
    """Return the cursor at an offset; None in comments, outside of all brackets, and where nothing can be completed."""
    frames: list[_Frame] = []
    done = 0
    typed: tuple[int, int, str] | None = None
    for token in _TOKEN.finditer(text):
        start, end = token.span()
        if start >= offset:
            break
        kind = token.lastgroup or ""
        if _contains(kind, token[0], start, offset, end):
            if kind == "comment":
                return None
            quote = token[0][0] if kind == "string" else ""
            whole = kind == "word" or (_is_closed(token[0]) and not _LINE_END.search(text, offset, end))
            typed = (start, end if whole else offset, quote)
            break
        if kind != "comment":
            _add_token(frames, token, done)
            done = end
    if not frames:
        return None
    return _cursor(frames, text, done, typed or (offset, offset, ""))


def _contains(kind: str, token: str, start: int, offset: int, end: int) -> bool:
    """Return whether text typed at an offset belongs to a token."""
    if offset != end:
        return start < offset < end
    if kind == "string":
        return not _is_closed(token)
    return kind == "word" or (kind == "comment" and not token.endswith("*/"))


def _is_closed(string: str) -> bool:
    return len(string) > 1 and string[-1] == string[0]


def _add_token(frames: list[_Frame], token: re.Match[str], done: int) -> None:
    """Process a token that ends before the cursor; `done` is the end of the previous token."""
    mark = token["mark"]
    if mark is None:
        if frames:
            new_line = _LINE_END.search(token.string, done, token.start()) is not None
            frames[-1].add_item(
                token[0], new_line=new_line, before_colon=_next_character(token.string, token.end()) == ":"
            )
    elif mark in _OPENER:
        depth = next((depth for depth, frame in enumerate(reversed(frames), 1) if _matches(frame, mark)), 0)
        del frames[len(frames) - depth :]
    elif mark in "{[":
        if frames:
            frames[-1].add_item("", new_line=False, before_colon=False)
        frames.append(_Frame(token.start(), mark))
    elif frames and mark == ",":
        frames[-1].index += not frames[-1].is_object
        frames[-1].next = "key" if frames[-1].is_object else "value"
    elif frames and frames[-1].next == "colon":
        frames[-1].next = "value"


def _matches(frame: _Frame, closer: str) -> bool:
    return frame.is_object == (_OPENER[closer] == "{")


def _cursor(frames: list[_Frame], text: str, done: int, typed: tuple[int, int, str]) -> Cursor | None:
    start, end, quote = typed
    frame = frames[-1]
    new_line = _LINE_END.search(text, done, start) is not None
    after = _next_character(text, end)
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


def _next_character(text: str, offset: int) -> str:
    """Return the first character after an offset outside of whitespace and comments; empty at the end."""
    match = _SPACE.match(text, offset)
    end = match.end() if match else offset
    return text[end : end + 1]
