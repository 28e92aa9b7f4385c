"""A lexer that reports malformed tokens and recovers what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.syntax.state import Stop
from genesis_config.syntax.tokens import ESCAPE, HASH_COMMENT, LINE_END, SIMPLE_ESCAPES, SPACE, WORD

if TYPE_CHECKING:
    import re

    from genesis_config.diagnostics.finding import Related
    from genesis_config.diagnostics.rule_names import FindingName
    from genesis_config.syntax.state import State

__all__ = ["Lexer"]


class Lexer:
    """The lexer of a partly read document.

    Attributes:
        state: The document.
        text: Its text.
        reported: Whether a syntax error was already reported for the current item, so that no other is.
        last_hash: The offset of the last reported comment that starts with `#`, since a comment can be skipped twice.
    """

    def __init__(self, state: State) -> None:
        """Start at the position of `state`."""
        self.state = state
        self.text = state.text
        self.reported = False
        self.last_hash = -1

    def has_line_end(self, start: int, end: int) -> bool:
        """Return whether a line ends between two offsets."""
        return LINE_END.search(self.text, start, end) is not None

    def skip_space(self, position: int, hash_comment: re.Pattern[str] = HASH_COMMENT) -> int:
        """Return the offset after whitespace and comments. A comment that starts with `#` is reported and skipped."""
        match = SPACE.match(self.text, position)
        position = match.end() if match else position
        comment = hash_comment.match(self.text, position) if self.text.startswith("#", position) else None
        if comment is not None:
            if position > self.last_hash:
                self.last_hash = position
                message = "a comment starts with `//`, not with `#`"
                self.state.report(message, position, position + 1, help="write `//`")
            return self.skip_space(comment.end(), hash_comment)
        if self.text.startswith("/*", position):
            self.reported = False
            self.report("this comment is never closed", position, position + 2, help="close it with `*/`")
            raise Stop
        return position

    def decode_string(self, match: re.Match[str]) -> str | None:
        """Decode a string; return None if it is not closed."""
        if not (match[1] or match[2]):
            quote = match[0][0]
            help_ = f"close it with {quote} on the same line, or end the line with \\ to continue on the next"
            self.report("this string is never closed", match.start(), match.end(), help=help_)
            self.reported = True
            return None
        text = match[0][1:-1]
        pieces = []
        done = 0
        for escape in ESCAPE.finditer(text):
            pieces += [text[done : escape.start()], self.decode_escape(escape, match.start() + 1)]
            done = escape.end()
        return "".join([*pieces, text[done:]])

    def decode_escape(self, match: re.Match[str], offset: int) -> str:
        """Decode one escape of a string whose content is at `offset`."""
        continuation, high, low, unit, byte, nul, char, wrong = match.groups()
        start, end = match.start() + offset, match.end() + offset
        if high:
            return (bytes.fromhex(high) + bytes.fromhex(low)).decode("utf-16-be")
        if byte or nul:
            return chr(int(byte or nul, 16))
        if char:
            return SIMPLE_ESCAPES.get(char, char)
        if unit and not 0xD800 <= int(unit, 16) <= 0xDFFF:  # noqa: PLR2004 - Unicode's surrogates
            return chr(int(unit, 16))
        if continuation:
            return ""
        if wrong:
            help_ = "write `\\\\` for a backslash; valid escapes are \\n \\t \\r \\b \\f \\v \\0 \\xHH \\uHHHH"
            self.report("not a valid escape", start, end, help=help_)
            self.reported = False
        else:
            help_ = "write the character itself, or both of its surrogates"
            self.report("half of a surrogate pair is not a character", start, end, "lone-surrogate", help=help_)
        return "\ufffd"

    def is_word_at(self, position: int) -> bool:
        """Return whether a word continues at `position`, so that the text before it is not a number."""
        return WORD.match(self.text, position) is not None and self.text[position] != ","

    def report_unexpected(self, expected: str, position: int) -> int:
        """Report the text at `position` as something other than `expected`. Return the offset after it."""
        match = WORD.match(self.text, position)
        found = match[0] if match else self.text[position : position + 1]
        end = position + len(found)
        name = f", found `{found}`" if found else ", found the end of the file"
        if any(map(str.isalnum, found)):
            name = ""
        self.report(f"expected {expected}{name}", position, end)
        return end

    def report(  # noqa: PLR0913 - a diagnostic's fields
        self,
        message: str,
        start: int,
        end: int,
        rule: FindingName = "syntax",
        *,
        help: str | None = None,  # noqa: A002 - a diagnostic's field
        related: tuple[Related, ...] = (),
    ) -> None:
        """Add a diagnostic, unless a syntax error was already reported for the same item."""
        if rule == "syntax":
            if self.reported:
                return
            self.reported = True
        self.state.report(message, start, end, rule=rule, help=help, related=related)
