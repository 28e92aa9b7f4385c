"""Helpers for tests of the reader: reading a text, its findings as users see them, and texts for property tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from genesis_config.diagnostics.source import Source
from genesis_config.syntax import Document, parse

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# JSON5 1.0 §8 and §1.2: every whitespace character and line terminator.
WHITESPACE = (
    "\t\v\f \xa0\ufeff\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
LINE_ENDS = ("\n", "\r", "\r\n", "\u2028", "\u2029")


class SeenFinding(NamedTuple):
    """A finding as users see it: the rule, the place, the underlined text and the message."""

    rule: str
    line: int
    column: int
    text: str
    message: str


def read(text: str) -> Document:
    """Parse a text."""
    return parse(Source("genesis.json5", text))


def value(text: str) -> Any:
    """Return the value of a text that has no findings."""
    document = read(text)
    assert document.diagnostics == []
    return document.value


def findings(document: Document) -> list[SeenFinding]:
    """Return the findings in the order in which they were reported."""
    seen = []
    for diagnostic in document.diagnostics:
        assert diagnostic.span is not None
        source, start, end = diagnostic.span
        assert source is document.source
        assert 0 <= start <= end <= len(source.text)
        seen.append(SeenFinding(diagnostic.rule, *source.position(start), source.text[start:end], diagnostic.message))
    return seen


def rules(text: str) -> list[str]:
    """Return the rule names of the findings in a text."""
    return [finding.rule for finding in findings(read(text))]


def spaces(most: int = 3) -> SearchStrategy[str]:
    """Generate whitespace and comments of every kind, or nothing."""
    comment_text = st.text(st.sampled_from("ax/*'\"\\{}[],:#é\u2060🦙"), max_size=4)
    line = st.tuples(comment_text, st.sampled_from(LINE_ENDS)).map(lambda parts: f"//{parts[0]}{parts[1]}")
    block = comment_text.map(lambda text: f"/*{text.replace('*/', '* /')}\n*/")
    one = st.sampled_from([*WHITESPACE, *LINE_ENDS])
    return st.lists(one | one | line | block, max_size=most).map("".join)


def escapes() -> SearchStrategy[str]:
    """Generate escapes in strings, including the backslash."""
    return st.one_of(
        st.sampled_from(["\\b", "\\f", "\\n", "\\r", "\\t", "\\v", "\\0", "\\'", '\\"', "\\\\", "\\/", "\\a", "\\🦙"]),
        st.sampled_from(LINE_ENDS).map(lambda end: "\\" + end),
        st.integers(0, 0xFF).map(lambda unit: f"\\x{unit:02x}"),
        st.integers(0, 0xD7FF).map(lambda unit: f"\\u{unit:04X}"),
    )


def strings() -> SearchStrategy[str]:
    """Generate string literals with either quote."""

    def quoted(quote: str) -> SearchStrategy[str]:
        other = "'" if quote == '"' else '"'
        plain = st.characters(exclude_characters=quote + "\\\n\r", codec="utf-8")
        piece = plain | escapes() | st.sampled_from([other, "\u2028", "//", "/*", "\t", "${A}"])
        return st.lists(piece, max_size=5).map(lambda pieces: quote + _without_octal("".join(pieces)) + quote)

    return st.sampled_from("\"'").flatmap(quoted)


def _without_octal(text: str) -> str:
    """Separate a NUL escape from a digit after it, since both together are not a valid escape."""
    for digit in "0123456789":
        text = text.replace("\\0" + digit, "\\0_" + digit)
    return text


def numbers() -> SearchStrategy[str]:
    """Generate number literals that JSON can represent, in every spelling."""
    digits = st.from_regex(r"[0-9]{1,6}", fullmatch=True)
    whole = st.sampled_from(["0"]) | st.from_regex(r"[1-9][0-9]{0,24}", fullmatch=True)
    exponent = st.just("") | st.from_regex(r"[eE][+-]?[0-9]{1,2}", fullmatch=True)
    decimal = st.one_of(
        whole, st.tuples(whole, st.just(".")).map("".join), st.tuples(st.just("."), digits).map("".join)
    )
    fraction = st.tuples(whole, st.just("."), digits).map("".join)
    hexadecimal = st.from_regex(r"0[xX][0-9a-fA-F]{1,20}", fullmatch=True)
    unsigned = st.tuples(decimal | fraction, exponent).map("".join) | hexadecimal
    return st.tuples(st.sampled_from(["", "", "-", "+"]), unsigned).map("".join)


def names() -> SearchStrategy[str]:
    """Generate unquoted keys: ECMAScript 5.1 IdentifierNames, including escapes."""
    letter = st.characters(categories=("Lu", "Ll", "Lt", "Lm", "Lo", "Nl"), include_characters="$_")
    part = st.characters(
        categories=("Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Mn", "Mc", "Nd", "Pc"), include_characters="$_\u200c\u200d"
    )
    escaped = st.sampled_from(["\\u0061", "\\u00E9", "\\u4e2d"])
    words = st.sampled_from(["a", "b", "null", "true", "Infinity", "__proto__", "baseUrl", "$ref"])
    return words | st.tuples(letter | escaped, st.lists(part | escaped, max_size=4).map("".join)).map("".join)


def values() -> SearchStrategy[str]:
    """Generate JSON5 values of every kind that JSON can represent."""
    simple = st.sampled_from(["null", "true", "false"]) | numbers() | strings()
    return st.recursive(simple, lambda inner: arrays(inner) | objects(inner), max_leaves=6)


def arrays(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    """Generate arrays of these values."""
    item = st.tuples(spaces(), inner, spaces()).map("".join)
    return st.tuples(st.lists(item, max_size=4), spaces(), st.booleans()).map(lambda parts: _enclosed("[]", *parts))


def objects(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    """Generate objects with these values."""
    key = names() | names() | strings()
    member = st.tuples(spaces(), key, spaces(1), st.just(":"), spaces(1), inner, spaces()).map("".join)
    return st.tuples(st.lists(member, max_size=4), spaces(), st.booleans()).map(lambda parts: _enclosed("{}", *parts))


def _enclosed(brackets: str, items: list[str], space: str, trailing: bool) -> str:  # noqa: FBT001 - hypothesis's
    comma = "," if trailing and items else ""
    return brackets[0] + ",".join(items) + comma + space + brackets[1]


def documents() -> SearchStrategy[str]:
    """Generate whole texts whose root is an object."""
    return st.tuples(spaces(), objects(values()), spaces()).map("".join)
