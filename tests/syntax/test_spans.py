"""Spans: the place of every key, value and comment, as findings underline it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_config.diagnostics.source import Source, Span
from genesis_config.syntax import parse
from genesis_config.syntax.document import Container, Foreign, Mark, key_offsets, value_offsets
from tests.syntax.support import LINE_ENDS, documents, read, spaces, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Path
    from genesis_config.syntax import Document


def underlined(span: Span) -> str:
    """Return the text of a span."""
    return span.source.text[span.start : span.end]


def place(span: Span) -> tuple[int, int]:
    """Return the line and column where a span starts."""
    return span.source.position(span.start)


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value, the root first."""
    yield path
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for part, item in items:
        yield from paths(item, (*path, part))


def value_at(document: Document, path: Path) -> Any:
    """Return the value at a path."""
    value = document.value
    for part in path:
        value = value[part]
    return value


@settings(max_examples=80)
@given(documents())
def test_each_span_covers_its_key_or_its_value(text: str) -> None:
    document = read(text)
    for path in paths(document.value):
        literal = underlined(document.value_span(path))
        assert repr(read(f"{{a:{literal}}}").value) == repr({"a": value_at(document, path)})
        if path and isinstance(path[-1], str):
            key = document.key_span(path)
            assert value(f"{{{underlined(key)}:1}}") == {path[-1]: 1}
            assert key.end < document.value_span(path).start
        else:
            assert document.key_span(path) == document.value_span(path)


@settings(max_examples=80)
@given(documents())
def test_spans_are_nested_like_their_values_and_never_overlap(text: str) -> None:
    document = read(text)
    for path in paths(document.value):
        inside = value_at(document, path)
        outer = document.value_span(path)
        if not isinstance(inside, list | dict):
            assert document.open_span(path) == outer
            continue
        assert underlined(document.open_span(path)) in {"{", "["}
        assert document.open_span(path).start == outer.start
        inner = sorted(
            (document.key_span((*path, part)).start, document.value_span((*path, part)).end)
            for part in (range(len(inside)) if isinstance(inside, list) else inside)
        )
        edges = [outer.start, *(offset for pair in inner for offset in pair), outer.end - 1]
        assert edges == sorted(edges)


@given(spaces(), spaces(), spaces(), spaces())
def test_spans_contain_no_surrounding_whitespace_or_comments(first: str, second: str, third: str, fourth: str) -> None:
    text = f"{first}{{{first}'k'{second}:{third}[{third}1{fourth},{first}{{}}{second}]{fourth}}}{second}"
    document = read(text)
    spans = [document.key_span(("k",)), *map(document.value_span, [("k",), ("k", 0), ("k", 1), ()])]
    whole = text[len(first) : len(text) - len(second)]
    inner = f"[{third}1{fourth},{first}{{}}{second}]"
    assert list(map(underlined, spans)) == ["'k'", inner, "1", "{}", whole]


DOCUMENT = """\
// Two hosts
{
  models: { "providers": { 'v-1': {
    baseUrl: "http://x/v1", headers: {}, ü: 'é🦙', n: -0x1F,
    list: [ 1, "two", [ ], null, /* last */ { a: true } ],
  } } },
}
"""


@pytest.mark.parametrize(
    ("path", "key", "value", "where"),
    [
        (("models", "providers"), '"providers"', None, (3, 13)),
        (("models", "providers", "v-1"), "'v-1'", None, (3, 28)),
        (("models", "providers", "v-1", "baseUrl"), "baseUrl", '"http://x/v1"', (4, 5)),
        (("models", "providers", "v-1", "headers"), "headers", "{}", (4, 29)),
        (("models", "providers", "v-1", "ü"), "ü", "'é🦙'", (4, 42)),
        (("models", "providers", "v-1", "n"), "n", "-0x1F", (4, 51)),
        (("models", "providers", "v-1", "list", 0), "1", "1", (5, 13)),
        (("models", "providers", "v-1", "list", 1), '"two"', '"two"', (5, 16)),
        (("models", "providers", "v-1", "list", 2), "[ ]", "[ ]", (5, 23)),
        (("models", "providers", "v-1", "list", 3), "null", "null", (5, 28)),
        (("models", "providers", "v-1", "list", 4), "{ a: true }", "{ a: true }", (5, 45)),
        (("models", "providers", "v-1", "list", 4, "a"), "a", "true", (5, 47)),
    ],
)
def test_the_place_of_a_key_and_a_value(path: Path, key: str, value: str | None, where: tuple[int, int]) -> None:
    document = read(DOCUMENT)
    assert underlined(document.key_span(path)) == key
    assert place(document.key_span(path)) == where
    if value is not None:
        assert underlined(document.value_span(path)) == value


@pytest.mark.parametrize("end", LINE_ENDS, ids=["LF", "CR", "CRLF", "LS", "PS"])
def test_lines_and_columns_are_the_same_with_every_line_end(end: str) -> None:
    document = read(DOCUMENT.replace("\n", end))
    path = ("models", "providers", "v-1", "n")
    assert place(document.key_span(path)) == (4, 51)
    assert place(document.value_span(path)) == (4, 54)
    assert place(document.value_span(())) == (2, 1)


def test_line_continuations_and_raw_line_separators_end_lines() -> None:
    document = read("{a: 'x\\\r\ny\u2028z', b: 1}")
    assert document.value == {"a": "xy\u2028z", "b": 1}
    assert place(document.key_span(("b",))) == (3, 5)


def test_a_byte_order_mark_within_the_text_is_whitespace() -> None:
    # `decode` removes the first one; any other is whitespace by JSON5 1.0 §8 and takes a column.
    document = read("\ufeff{\ufeffa\ufeff:\ufeff1\ufeff}\ufeff")
    assert document.diagnostics == []
    assert place(document.value_span(())) == (1, 2)
    assert place(document.key_span(("a",))) == (1, 4)
    assert underlined(document.value_span(("a",))) == "1"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("b",), "{a: [1, 'x']}"),
        (("a", 2), "[1, 'x']"),
        (("a", "b"), "[1, 'x']"),
        (("a", 0, "b", 7), "1"),
        (("a", 1, "b"), "'x'"),
        ((0,), "{a: [1, 'x']}"),
    ],
)
def test_a_path_that_does_not_exist_has_the_span_of_its_innermost_value(path: Path, text: str) -> None:
    document = read(" {a: [1, 'x']}")
    assert underlined(document.value_span(path)) == text
    assert underlined(document.key_span(path)) == text
    assert underlined(document.open_span(path)) == (text[0] if text[0] in "{[" else text)


def test_a_duplicate_key_has_the_span_of_the_last_one() -> None:
    document = read("{a: 1, a: 'x', 'a': [2]}")
    assert document.value == {"a": [2]}
    assert underlined(document.key_span(("a",))) == "'a'"
    assert underlined(document.value_span(("a", 0))) == "2"
    first, second = (finding.related[0].span for finding in document.diagnostics)
    assert (first.start, second.start) == (1, 7)


def test_comments_are_found_in_order() -> None:
    text = (
        "// first\r\n/* se\n*cond **/ {a: '// no \\' // no', b: \"/* no\\\r\n // no */\", c: 'x\\\u2028 // no"
        "\\\r\n // no',"
        "// third\u2028 d: 'http://x', /**/ e: 1 /***/ } // last"
    )
    document = read(text)
    assert document.diagnostics == []
    comments = [underlined(span) for span in document.comments()]
    assert comments == ["// first", "/* se\n*cond **/", "// third", "/**/", "/***/", "// last"]


def test_comments_in_invalid_text_are_found_as_far_as_possible() -> None:
    document = read("{a: 'not closed // no\n, b: \"nor this // no\n c: http, // yes\n /* never closed */ d /* x")
    assert [underlined(span) for span in document.comments()] == ["// yes", "/* never closed */", "/* x"]


@given(st.lists(st.sampled_from(["// a'\"\n", "/* b'\" // */", "'// c'", '"/* d"', "1"]), max_size=8))
def test_every_comment_is_found_but_strings_are_not_comments(tokens: list[str]) -> None:
    document = read("{a: [" + ",".join(token + "1" if token[0] == "/" else token for token in tokens) + "]}")
    assert document.diagnostics == []
    expected = [token.removesuffix("\n") for token in tokens if token[0] == "/"]
    assert [underlined(span) for span in document.comments()] == expected


def test_an_item_from_another_text_has_its_span_there() -> None:
    # As `$include` merges: a container whose items are in a different text.
    document, other = read("{a: {b: 1}}"), parse(Source("other.json5", "\n{b: [2]}"))
    root = document.root
    assert isinstance(root, Container)
    assert isinstance(other.root, Container)
    merged = root.items["a"].copy()
    merged.items["b"] = Foreign(other.source, other.root.items["b"])
    root.items["a"] = merged
    span = document.value_span(("a", "b", 0))
    assert (span.source.name, place(span), underlined(span)) == ("other.json5", (2, 6), "2")
    assert document.key_span(("a", "b")) == Span(other.source, 2, 3)
    assert underlined(document.key_span(("a",))) == "a"


def test_a_copied_container_keeps_its_place_but_shares_no_items() -> None:
    root = read("{a: [1]}").root
    assert isinstance(root, Container)
    copy = root.items["a"].copy()
    copy.items.append(Mark(-1, -1, 0, 0))
    assert (value_offsets(copy), key_offsets(copy)) == ((4, 7), (1, 2))
    assert len(root.items["a"].items) == 1


def test_a_text_without_a_value_has_its_root_at_its_start() -> None:
    document = read("// nothing")
    assert document.value_span(()) == document.key_span(("a", 0)) == Span(document.source, 0, 0)
