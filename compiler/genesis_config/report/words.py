"""Secrets in text that has no reliable structure: comments, and what is around a syntax error.

Each function is one pass over the tokens of a text, linear in its length. `unparsed_values` trusts quotes; in
`hidden_words` they only separate words, since a missing quote turns strings inside out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_config.config.positions import base_url_secrets, could_name_secret, is_plain_word, secret_parts
from genesis_config.net.policy import HEADER_NAME
from genesis_config.syntax.references import NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["hidden_words", "unparsed_values"]

_LONGEST_NAME: Final = 100  # characters

_WORDS = re.compile(
    r"""(?P<reference>\$\{[^}\s$]*+\}|\$<[^>\s$]*+>|\{\{\s*+[\w.]++\s*+\}\})
      | (?P<mark>[{}\[\]:=,;\n])
      | (?P<word>[^\s{}\[\]:=,;"'`]++)""",
    re.VERBOSE,
)
_TOKENS = re.compile(
    r"""(?P<comment>//[^\n\r\u2028\u2029]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|\#)
      | (?P<string>"(?:[^"\\\n\r]|\\[\s\S])*+"?|'(?:[^'\\\n\r]|\\[\s\S])*+'?)
      | (?P<mark>[{}\[\]:=,])
      | (?P<word>(?:[^\s{}\[\]:=,"'/]|/(?![/*]))++)""",
    re.VERBOSE,
)
# A colon after a word on the same line, and a colon after a token.
_COLON_ON_LINE = re.compile(r"[\"'`]?[^\S\n]*+[:=](?!//)")
_COLON = re.compile(r"(?:\s|//[^\n\r]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+[:=]")
# A string after a colon, and the rest of a line that does not start with a bracket there.
_QUOTED = re.compile(r"""\s*+(?:"((?:[^"\\\n]|\\.)*+)"|'((?:[^'\\\n]|\\.)*+)'|`((?:[^`\\\n]|\\.)*+)`)""")
_REST_OF_LINE = re.compile(r"[\s\"'`]*+([^\s{\[\"'`][^\n]*+)")
_END = re.compile(r"(?<![\s\"'`,;])[\s\"'`,;]*+(?:\*/)?\Z")  # of a comment's line
# A word that is not a word of a natural language.
_MIXED = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])\S{6,}+")
_LETTERS = re.compile("[A-Za-z_$]+")
_COUNT = re.compile("[0-9]{1,7}")
_VARIABLE = re.compile(rf"(?=[A-Z0-9]*_){NAME}|\$(?:{NAME})|%(?:{NAME})%|os\.environ/\w+")
# Names of sections, which are only secret if they have a value themselves.
_SECTIONS: Final = frozenset({"auth"})
# The keys of `apiKey: { … }` whose values are names of variables.
_NAMES_VARIABLE: Final = ("id", "env")


class _Bracket(NamedTuple):
    """An open bracket: whether all values in it are secret, and whether its items may be shown."""

    secret: bool = False
    plain: bool = False


class _Scope:
    """The open brackets, and the name before the current token.

    Attributes:
        name: The last name.
        secret: Whether this name, or a word after it, could name a secret.
        colon: Whether a colon followed the name.
    """

    def __init__(self) -> None:
        """Start outside all brackets."""
        self.brackets = [_Bracket()]
        self.forget()

    @property
    def top(self) -> _Bracket:
        """The innermost bracket."""
        return self.brackets[-1]

    @property
    def hides(self) -> bool:
        """Whether a value at this point is a secret."""
        return self.top.secret or (self.secret and self.colon)

    def forget(self) -> None:
        """Forget the name, after the end of its value."""
        self.name = ""
        self.secret = self.colon = False

    def start(self, name: str) -> None:
        """Set the name."""
        self.name, self.secret, self.colon = name, name in _SECTIONS or _is_secret_name(name), False

    def mark(self, mark: str, plain: Collection[str] = ()) -> None:
        """Process a punctuation mark."""
        if mark in {":", "="}:
            self.colon = True
            return
        if mark in {"{", "["}:
            shown = mark == "[" and self.name in plain and not self.secret
            secret = self.secret and self.name not in _SECTIONS
            self.brackets.append(_Bracket(self.top.secret or secret, shown))
        elif mark in {"}", "]"} and len(self.brackets) > 1:
            self.brackets.pop()
        self.forget()


def hidden_words(text: str, start: int, end: int, *, comment: bool = False) -> Iterator[tuple[int, int]]:
    """Yield the words from `start` to `end` that follow a name that could be a secret's.

    After a name and a colon all words up to a comma, a bracket or the next name are hidden, and all in a bracket that
    opens there; after a name without a colon, only those that are not words of a natural language. A string after the
    colon is hidden completely, and so is the rest of the line in a comment.
    """
    scope = _Scope()
    first = True  # on its line, or after a punctuation mark
    done = start
    for token in _WORDS.finditer(text, start, end):
        if token.start() < done:
            continue
        mark, word = token["mark"], token["word"]
        if mark:
            if mark != "\n":
                scope.mark(mark)
            elif not scope.colon:
                scope.forget()  # a word of a comment
            # A line that ends in a backslash continues on the next one.
            first = (first or mark not in {":", "="}) and text[token.start() - 1] != "\\"
            parts, done = _value_parts(scope, text, (token.end(), end), comment=comment)
            yield from parts
        elif not word:
            if scope.hides:
                yield from _literal_parts(token[0], token.start())
            first = False
        elif _COLON_ON_LINE.match(text, token.end(), end) and (first or not scope.hides or _LETTERS.fullmatch(word)):
            scope.start(word)
            first = False
        else:
            name = scope.name if scope.top.secret else ""
            if (scope.hides or (scope.secret and _MIXED.fullmatch(word))) and not _is_shown(word, name):
                yield token.span()
            scope.secret = scope.secret or _is_secret_name(word)
            first = False


def unparsed_values(text: str, read: Collection[int], plain: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield the strings and words of a broken text that the parser read neither as values nor as keys.

    Args:
        text: The whole text.
        read: The start offsets of the strings that the parser read.
        plain: The names whose values may be shown.
    """
    scope = _Scope()
    valued = False  # whether a value followed the name
    after_colon = False
    end = 0
    for token in _TOKENS.finditer(text):
        if token["comment"]:
            continue
        before, end = end, token.end()
        if token["mark"]:
            scope.mark(token["mark"], plain)
            after_colon = scope.colon
            continue
        content = token[0].strip("\"'")
        apart = not scope.secret or valued or text.find("\n", before, token.start()) >= 0
        is_name = apart and _COLON.match(text, end) is not None
        # What is between two colons may be a name or a value: one of them is a mistake.
        could_be_value = not is_name or (after_colon and token.start() not in read)
        after_colon = False
        if could_be_value and (token.start() not in read or scope.secret):
            secret = scope.secret or scope.top.secret
            if token["string"]:
                if content and (secret or not (scope.name in plain or scope.top.plain)):
                    yield from _literal_parts(content, token.start() + 1)
            elif (secret or (scope.name not in plain and _MIXED.fullmatch(content))) and not _is_shown(content):
                yield token.span()
        if is_name:
            scope.start(content)
            valued = False
            if _is_doubtful(content, read=token.start() in read, secret=scope.top.secret):
                yield token.span()
            continue
        valued = scope.secret
        scope.secret = scope.secret or _is_secret_name(content)


def _is_doubtful(name: str, *, read: bool, secret: bool) -> bool:
    """Return whether a name may contain a secret: a whole header line among headers, or anything behind escapes."""
    return (not read and "\\" in name) or (secret and not re.fullmatch(HEADER_NAME, name))


def _value_parts(
    scope: _Scope, text: str, span: tuple[int, int], *, comment: bool
) -> tuple[list[tuple[int, int]], int]:
    """Return the hidden parts of the string at the start of a span, or of the line in a comment, and where it ends."""
    is_url = re.fullmatch("(?i)base[_-]?url", scope.name) is not None
    pattern = _REST_OF_LINE if comment and not is_url else _QUOTED
    value = pattern.match(text, *span) if scope.colon and (scope.secret or is_url) else None
    if value is None or value.lastindex is None:
        return [], span[0]
    start, end = value.span(value.lastindex)
    if is_url:
        # If quotes are missing, what follows the name is not all of its value.
        return [(start + first, start + last) for first, last in base_url_secrets(text[start:end])], span[0]
    content = _END.sub("", text[start:end]) if comment else text[start:end]
    return list(_literal_parts(content, start)), value.end()


def _literal_parts(text: str, offset: int) -> Iterator[tuple[int, int]]:
    """Yield the literal parts of a string that starts at `offset`."""
    for start, end in secret_parts(text):
        yield offset + start, offset + end


def _is_secret_name(word: str) -> bool:
    return could_name_secret(word[-_LONGEST_NAME:])


def _is_shown(word: str, name: str = "") -> bool:
    """Return whether a word is not a secret although the name of one precedes it; `name` is the last name."""
    if is_plain_word(word) or _COUNT.fullmatch(word) or _VARIABLE.fullmatch(word):
        return True
    return name in _NAMES_VARIABLE and re.fullmatch(NAME, word) is not None
