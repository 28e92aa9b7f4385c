"""Reads one item token by token: all of JSON5, and for anything else a diagnostic and a way to go on."""

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
    identifier,
    number,
)

__all__ = ["CarefulReader"]

_ENDS: Final = {",", "}", "]", ""}
# As word processors set them.
_QUOTES: Final = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\xab\xbb"
_CLOSER: Final = {"{": "}", "[": "]"}
# What other languages write, and people with them.
_OTHER_WORDS: Final = {
    **dict.fromkeys(("None", "nil", "undefined", "NULL", "Null"), "null"),
    **dict.fromkeys(("True", "TRUE", "yes", "on"), "true"),
    **dict.fromkeys(("False", "FALSE", "no", "off"), "false"),
}


class CarefulReader(Lexer):
    """Reads items into a state, from wherever the state stands.

    After an error the reader resumes at the next place where an item can start, and does not complain about a missing
    comma on the way: that would report the same mistake twice.
    """

    def read_item(self) -> bool:
        """Read one item, or one closing bracket; return whether there is more to read.

        item = [ key ":" ] value [ "," ]
        """
        state = self.state
        position = self.space(state.position)
        if not state.containers:
            if state.root is not None:
                self.end(position)
                return False
            if position == len(self.text):
                self.report("there is no configuration here: the text is empty", 0, 0, help="`genesis init` writes one")
                return False
            key = STRING.match(self.text, position) or KEY_WORD.match(self.text, position)
            if key is not None and self.text.startswith(":", self.space(key.end())):
                help_ = "a configuration is one object: write `{` before its keys and `}` after them"
                self.report("expected `{` before the first key", position, position, help=help_)
                return False
            self.value(None, -1, -1, position)
            return True
        if position == len(self.text):
            self.unclosed(position)
        char = self.text[position]
        if char in "}]":
            self.close(position)
        elif char == ",":
            self.report("this comma has no item before it", position, position + 1, help="remove it")
            state.position = position + 1
            self.complained = False
        elif type(state.values[-1]) is dict:
            self.member(position)
        else:
            self.value(None, -1, -1, position)
        return True

    def member(self, start: int) -> None:
        """Read a member: key ":" value."""
        state = self.state
        key, end = self.key(start)
        if key is None:
            self.lose_item(end)
            return
        position = self.space(end)
        char = self.text[position : position + 1]
        if char == ":":
            position = self.space(position + 1, HASH_COMMENT_BEFORE_VALUE)
        elif char not in _ENDS and not self.is_next_key(end, position):
            help_ = "write `:` instead of `=`" if char == "=" else "write `:` between a key and its value"
            self.report("expected `:` after this key", position, position + 1, help=help_)
            position = self.space(position + (char == "="))
        if self.text[position : position + 1] in _ENDS:
            self.no_value(key, start, end)
            self.separator(position)
        elif self.is_next_key(end, position):
            self.no_value(key, start, end)
            self.complained = False
            state.position = position
        else:
            self.value(key, start, end, position)

    def is_next_key(self, end: int, position: int) -> bool:
        """Return whether the text at `position` is a key on a line after `end`, rather than a value."""
        if not self.breaks(end, position):
            return False
        word = STRING.match(self.text, position) or KEY_WORD.match(self.text, position)
        after = word.end() if word else position
        return after > position and self.text.startswith(":", after) and not self.text.startswith("://", after)

    def no_value(self, key: str, start: int, end: int) -> None:
        """Report a key, from `start` to `end`, that has no value, and store one that no later stage complains about."""
        self.report("this key has no value", start, end, help="write `:` and a value after it")
        self.state.store(key, None, Mark(start, end, end, end))
        self.state.damaged.add(end)

    def key(self, start: int) -> tuple[str | None, int]:
        """Read a key: a string or an IdentifierName. None where there is none."""
        if (match := STRING.match(self.text, start)) is not None:
            return self.string(match), match.end()
        match = IDENTIFIER.match(self.text, start)
        name = match and identifier(match[0])
        if match is not None and name is not None and self.text[match.end() : match.end() + 1] not in {"-", "."}:
            return name, match.end()
        word = KEY_WORD.match(self.text, start)
        if word is not None and self.text.startswith((":", "="), self.space(word.end())):
            self.report("this key must be quoted", start, word.end(), help='write `"` before and after it')
            self.complained = False
            return word[0], word.end()
        self.unexpected("a key", start)
        return None, start

    def value(self, key: str | None, key_start: int, key_end: int, start: int) -> None:
        """Read a value: an object or array is opened, anything else is stored with the comma after it."""
        state = self.state
        if self.text[start : start + 1] in {"{", "["}:
            state.open(key, Mark(key_start, key_end, start, start + 1), start)
            state.position = start + 1
            self.complained = False
            return
        value: object = None
        damaged = False
        if (match := STRING.match(self.text, start)) is not None:
            before = len(state.diagnostics)
            value, end = self.string(match), match.end()
            damaged = len(state.diagnostics) > before
        elif (match := NUMBER.match(self.text, start)) is not None and not self.goes_on(match.end()):
            value, end = number(match[0]), match.end()
            if value is None:
                damaged = True
                self.report(
                    "JSON cannot carry this number",
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
            self.word(match[0], start)
        else:
            damaged = True
            end = self.unexpected("a value", start)
        state.store(key, value, Mark(key_start, key_end, start, end))
        if damaged:
            state.damaged.add(start)
        self.separator(end)

    def word(self, word: str, start: int) -> None:
        """Report a bare word where a value is expected."""
        end = start + len(word)
        if word in _OTHER_WORDS:
            self.report(f"`{word}` is no JSON5 value", start, end, help=f"write `{_OTHER_WORDS[word]}`")
        elif word[0] in _QUOTES:
            # Without the word, which may be a key.
            self.report(f"`{word[0]}` is no quote of JSON5", start, end, help='write straight quotes: `"…"`')
        elif not self.state.containers:
            help_ = "a configuration is one object: `{ models: { … } }`"
            self.report("expected `{`", start, end, help=help_)
        elif word[0] in "+-.0123456789":
            help_ = "a number has no leading zeros, no `_` and no unit: 8192, 0.5, 128e3, 0x2000"
            self.report("this is not a valid number", start, end, help=help_)
        elif not any(map(str.isalnum, word)):
            self.unexpected("a value", start)
        else:
            self.report("this text must be quoted", start, end, help='write `"` before and after it')

    def separator(self, end: int) -> None:
        """Read the comma after an item that ended at `end`; before a closing bracket or the end there need be none."""
        state = self.state
        state.position = position = self.space(end)
        char = self.text[position : position + 1]
        if not state.containers:
            return
        if char == ",":
            state.position += 1
        elif char in {"", "}", "]"}:
            pass
        elif self.complained:
            # What stands in the same line belongs to the item that could not be read.
            if not self.breaks(end, position):
                self.lose_item(position)
        else:
            closer = _CLOSER[self.text[state.containers[-1].start]]
            self.report(f"expected `,` or `{closer}` here", end, end, help="items are separated by commas")
            # As in `'it's'`, `"a" + "b"`, `1 / 2`.
            in_quotes = end == position and self.text[end - 1] in "'\"" and char not in "'\""
            if in_quotes or char in ":=+/" or self.is_second_value(position):
                self.lose_item(position)
            state.position += char == ";"
        self.complained = False

    def is_second_value(self, position: int) -> bool:
        """Return whether a string in an object is not a key, as in `a: "b" "c",`."""
        match = STRING.match(self.text, position)
        if match is None or type(self.state.values[-1]) is not dict:
            return False
        after = self.space(match.end())
        return self.text[after : after + 1] in {",", "}", ""}

    def close(self, position: int) -> None:
        """Read a closing bracket."""
        state = self.state
        char = self.text[position]
        opened = [_CLOSER[self.text[container.start]] for container in state.containers]
        if opened[-1] == char:
            state.close(position + 1)
            self.separator(position + 1)
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

    def end(self, position: int) -> None:
        """Read what follows the root: nothing."""
        state = self.state
        if position < len(self.text):
            word = WORD.match(self.text, position)
            end = word.end() if word else position + 1
            message = "the document ends before this"
            if self.text[position] in "}]":
                message = f"this `{self.text[position]}` closes nothing: the document ends before it"
            self.report(message, position, end, help="remove it, or look for a bracket that closes too early")
        elif type(state.value) is not dict and state.root is not None:
            kind = {list: "an array", str: "a string", bool: "a boolean"}.get(type(state.value), "a number")
            kind = "null" if state.value is None else kind
            start, end = value_offsets(state.root)
            message = f"the root must be an object, and is {kind}"
            if start not in state.damaged:
                self.report(message, start, end, "wrong-type", help="write `{ models: { … } }`")

    def unclosed(self, position: int) -> None:
        """Report the innermost bracket that the end of the text leaves open; what was read so far counts."""
        state = self.state
        start = state.containers[-1].start
        closer = _CLOSER[self.text[start]]
        if not self.complained:
            self.report(
                f"this `{self.text[start]}` is never closed",
                start,
                start + 1,
                help=f"the text ends on line {state.source.position(position).line} without its `{closer}`",
            )
        raise Stop

    def lose_item(self, position: int) -> None:
        """Skip the rest of an item that cannot be read, including brackets in it."""
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
        self.complained = False
