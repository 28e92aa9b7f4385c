"""A reader of single items, token by token. It knows all of JSON5, reports what is not JSON5, and recovers from it."""

from __future__ import annotations

from typing import Final

from genesis_config.diagnostics.finding import Related
from genesis_config.diagnostics.source import Span
from genesis_config.syntax.document import Mark, value_offsets
from genesis_config.syntax.grammar import LITERALS
from genesis_config.syntax.lexer import Lexer
from genesis_config.syntax.state import Stop
from genesis_config.syntax.tokens import (
    HASH_COMMENT_BEFORE_VALUE,
    IDENTIFIER,
    KEY_WORD,
    NUMBER,
    SKIPPED,
    STRING,
    WORD,
    decode_identifier,
    decode_number,
)

__all__ = ["CarefulReader"]

_ENDS: Final = {",", "}", "]", ""}
# Typographic quotes, as word processors insert them.
_QUOTES: Final = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\xab\xbb"
_CLOSER: Final = {"{": "}", "[": "]"}
# Literals of other languages, and what each is in JSON5.
_OTHER_WORDS: Final = {
    **dict.fromkeys(("None", "nil", "undefined", "NULL", "Null"), "null"),
    **dict.fromkeys(("True", "TRUE", "yes", "on"), "true"),
    **dict.fromkeys(("False", "FALSE", "no", "off"), "false"),
}


class CarefulReader(Lexer):
    """A reader of items into a state, starting at the state's position.

    After an error the reader resumes at the next place where an item can start. It does not report a missing comma on
    the way, because that would report the same mistake twice.
    """

    def read_item(self) -> bool:
        """Read one item or one closing bracket. Return whether there is more to read.

        item = [ key ":" ] value [ "," ]
        """
        state = self.state
        position = self.skip_space(state.position)
        if not state.containers:
            if state.root is not None:
                self.read_end(position)
                return False
            if position == len(self.text):
                has_comments = "/" in self.text or "#" in self.text
                message = "the file contains only comments" if has_comments else "the file is empty"
                self.report(message, 0, 0, help="run `genesis init` to create a configuration")
                return False
            key = STRING.match(self.text, position) or KEY_WORD.match(self.text, position)
            if key is not None and self.text.startswith(":", self.skip_space(key.end())):
                help_ = "a configuration is a single object: enclose its keys in `{` and `}`"
                self.report("expected `{` before the first key", position, position, help=help_)
                return False
            self.read_value(None, -1, -1, position)
            return True
        if position == len(self.text):
            self.report_unclosed(position)
        char = self.text[position]
        if char in "}]":
            self.read_closer(position)
        elif char == ",":
            self.report("unexpected `,`", position, position + 1, help="remove it: there is no item before it")
            state.position = position + 1
            self.reported = False
        elif type(state.values[-1]) is dict:
            self.read_member(position)
        else:
            self.read_value(None, -1, -1, position)
        return True

    def read_member(self, start: int) -> None:
        """Read a member: key ":" value."""
        state = self.state
        key, end = self.read_key(start)
        if key is None:
            self.skip_item(end)
            return
        position = self.skip_space(end)
        char = self.text[position : position + 1]
        if char == ":":
            position = self.skip_space(position + 1, HASH_COMMENT_BEFORE_VALUE)
        elif char not in _ENDS and not self.is_next_key(end, position):
            help_ = "write `:` instead of `=`" if char == "=" else "write `:` between a key and its value"
            self.report("expected `:` after this key", position, position + 1, help=help_)
            position = self.skip_space(position + (char == "="))
        if self.text[position : position + 1] in _ENDS:
            self.report_missing_value(key, start, end)
            self.read_separator(position)
        elif self.is_next_key(end, position):
            self.report_missing_value(key, start, end)
            self.reported = False
            state.position = position
        else:
            self.read_value(key, start, end, position)

    def is_next_key(self, end: int, position: int) -> bool:
        """Return whether the text at `position` is a key on a later line than `end`, rather than a value."""
        if not self.has_line_end(end, position):
            return False
        word = STRING.match(self.text, position) or KEY_WORD.match(self.text, position)
        after = word.end() if word else position
        return after > position and self.text.startswith(":", after) and not self.text.startswith("://", after)

    def report_missing_value(self, key: str, start: int, end: int) -> None:
        """Report that the key from `start` to `end` has no value; store a value that later stages do not report."""
        self.report("this key has no value", start, end, help="write `:` and a value after the key")
        self.state.store(key, None, Mark(start, end, end, end))
        self.state.damaged.add(end)

    def read_key(self, start: int) -> tuple[str | None, int]:
        """Read a key, a string or an IdentifierName. Return it (None if there is none) and the offset after it."""
        if (match := STRING.match(self.text, start)) is not None:
            return self.decode_string(match), match.end()
        match = IDENTIFIER.match(self.text, start)
        name = match and decode_identifier(match[0])
        if match is not None and name is not None and self.text[match.end() : match.end() + 1] not in {"-", "."}:
            return name, match.end()
        word = KEY_WORD.match(self.text, start)
        if word is not None and self.text.startswith((":", "="), self.skip_space(word.end())):
            self.report("this key must be quoted", start, word.end(), help='enclose it in quotes: `"…"`')
            self.reported = False
            return word[0], word.end()
        self.report_unexpected("a key", start)
        return None, start

    def read_value(self, key: str | None, key_start: int, key_end: int, start: int) -> None:
        """Read a value: open an object or array, store anything else and read the comma after it."""
        state = self.state
        if self.text[start : start + 1] in {"{", "["}:
            state.open(key, Mark(key_start, key_end, start, start + 1), start)
            state.position = start + 1
            self.reported = False
            return
        value: object = None
        damaged = False
        if (match := STRING.match(self.text, start)) is not None:
            before = len(state.diagnostics)
            value, end = self.decode_string(match), match.end()
            damaged = len(state.diagnostics) > before
        elif (match := NUMBER.match(self.text, start)) is not None and not self.is_word_at(match.end()):
            value, end = decode_number(match[0]), match.end()
            if value is None:
                damaged = True
                self.report(
                    "JSON cannot represent this number",
                    start,
                    end,
                    "non-finite-number",
                    help="write a finite number",
                )
        elif (match := KEY_WORD.match(self.text, start)) is not None and match[0] in LITERALS:
            value, end = LITERALS[match[0]], match.end()
        elif (match := WORD.match(self.text, start)) is not None:
            damaged = True
            end = match.end()
            self.report_word(match[0], start)
        else:
            damaged = True
            end = self.report_unexpected("a value", start)
        state.store(key, value, Mark(key_start, key_end, start, end))
        if damaged:
            state.damaged.add(start)
        self.read_separator(end)

    def report_word(self, word: str, start: int) -> None:
        """Report a bare word where a value is expected."""
        end = start + len(word)
        if word in _OTHER_WORDS:
            self.report(f"`{word}` is not a JSON5 value", start, end, help=f"write `{_OTHER_WORDS[word]}`")
        elif word[0] in _QUOTES:
            # Without the word, which may be an API key.
            self.report(f"`{word[0]}` is not a JSON5 quotation mark", start, end, help='use straight quotes: `"…"`')
        elif not self.state.containers:
            help_ = "a configuration is a single object: `{ models: { … } }`"
            self.report("expected `{`", start, end, help=help_)
        elif word[0] in "+-.0123456789":
            help_ = "write a number without leading zeros, `_` or a unit: 8192, 0.5, 128e3, 0x2000"
            self.report("not a valid number", start, end, help=help_)
        elif not any(map(str.isalnum, word)):
            self.report_unexpected("a value", start)
        else:
            self.report("this text must be quoted", start, end, help='enclose it in quotes: `"…"`')

    def read_separator(self, end: int) -> None:
        """Read the comma after an item that ended at `end`; it is optional before a closing bracket and at the end."""
        state = self.state
        state.position = position = self.skip_space(end)
        char = self.text[position : position + 1]
        if not state.containers:
            return
        if char == ",":
            state.position += 1
        elif char in {"", "}", "]"}:
            pass
        elif self.reported:
            # The rest of the line belongs to the item that could not be read.
            if not self.has_line_end(end, position):
                self.skip_item(position)
        else:
            closer = _CLOSER[self.text[state.containers[-1].start]]
            self.report(f"expected `,` or `{closer}`", end, end, help="separate items with commas")
            # As in `'it's'`, `"a" + "b"`, `1 / 2`.
            in_quotes = end == position and self.text[end - 1] in "'\"" and char not in "'\""
            if in_quotes or char in ":=+/" or self.is_second_value(position):
                self.skip_item(position)
            state.position += char == ";"
        self.reported = False

    def is_second_value(self, position: int) -> bool:
        """Return whether a string in an object is a second value, not a key, as in `a: "b" "c",`."""
        match = STRING.match(self.text, position)
        if match is None or type(self.state.values[-1]) is not dict:
            return False
        after = self.skip_space(match.end())
        return self.text[after : after + 1] in {",", "}", ""}

    def read_closer(self, position: int) -> None:
        """Read a closing bracket."""
        state = self.state
        char = self.text[position]
        opened = [_CLOSER[self.text[container.start]] for container in state.containers]
        if opened[-1] == char:
            state.close(position + 1)
            self.read_separator(position + 1)
            return
        start = state.containers[-1].start
        related = (Related("opened here", Span(state.source, start, start + 1)),)
        self.report(f"expected `{opened[-1]}` before this `{char}`", position, position + 1, related=related)
        self.state.damaged.add(start)
        if char in opened:
            state.close(position)
            state.position = position
        else:
            state.position = position + 1

    def read_end(self, position: int) -> None:
        """Report text after the root, and a root that is not an object."""
        state = self.state
        if position < len(self.text):
            word = WORD.match(self.text, position)
            end = word.end() if word else position + 1
            message = "unexpected text after the end of the document"
            if self.text[position] in "}]":
                message = f"unmatched `{self.text[position]}`"
            self.report(message, position, end, help="remove it, or look for a bracket that is closed too early")
        elif type(state.value) is not dict and state.root is not None:
            kind = {list: "an array", str: "a string", bool: "a boolean"}.get(type(state.value), "a number")
            kind = "null" if state.value is None else kind
            start, end = value_offsets(state.root)
            message = f"the root must be an object, got {kind}"
            if start not in state.damaged:
                self.report(message, start, end, "wrong-type", help="write `{ models: { … } }`")

    def report_unclosed(self, position: int) -> None:
        """Report that the innermost bracket is never closed, and end the reading. What was read so far is kept."""
        state = self.state
        start = state.containers[-1].start
        closer = _CLOSER[self.text[start]]
        if not self.reported:
            self.report(
                f"this `{self.text[start]}` is never closed",
                start,
                start + 1,
                help=f"the file ends on line {state.source.position(position).line} without its `{closer}`",
            )
        raise Stop

    def skip_item(self, position: int) -> None:
        """Skip the rest of an item that cannot be read, including any brackets in it."""
        state = self.state
        state.damaged.add(state.containers[-1].start)
        depth = 0
        for match in SKIPPED.finditer(self.text, position):
            char = match[1]
            if char in {"{", "["}:
                depth += 1
            elif char in {"}", "]"} and depth:
                depth -= 1
            elif char == "/*" or (char and not depth):
                state.position = match.end() if char == "," else match.start()
                break
        else:
            state.position = len(self.text)
        self.reported = False
