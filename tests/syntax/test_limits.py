"""The reader handles any text and any bytes: quickly, with findings, and never with a traceback."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_config.diagnostics.source import Source
from genesis_config.files.reading import MAX_BYTES
from genesis_config.syntax import Document, decode, parse
from genesis_config.syntax.careful import CarefulReader
from genesis_config.syntax.document import Container, Mark, key_offsets, value_offsets
from genesis_config.syntax.state import MAX_DEPTH, MAX_ERRORS, State, Stop
from tests.syntax.support import documents, findings, read, rules, value

MIB = 1024 * 1024
TOKENS = [
    *"{}[],:;=#+-.'\"\\/*0123456789eExXuab_$ \t\n\r",
    *(
        "//",
        "/*",
        "*/",
        "a:",
        "'b': ",
        "true",
        "NaN",
        "1e999",
        "\\ud800",
        "\\x",
        "\u2028",
        "\ufeff",
        "\x85",
        "\0",
        "🦙",
    ),
]
SOUP = st.lists(st.sampled_from(TOKENS), max_size=40).map("".join)


def read_carefully(text: str) -> Document:
    """Parse a text with the token-by-token reader alone."""
    state = State(Source("genesis.json5", text))
    reader = CarefulReader(state)
    try:
        while reader.read_item():
            pass
    except Stop:
        state.abandon()
    return state.document()


def places(entry: Any) -> Any:
    """Return the places of an item and of everything in it."""
    inner: Any = None
    if isinstance(entry, Container):
        items = entry.items
        inner = list(map(places, items)) if isinstance(items, list) else {key: places(items[key]) for key in items}
    return key_offsets(entry), value_offsets(entry), inner


def assert_both_readers_agree(text: str) -> None:
    """Assert that the fast loop changes nothing but the time."""
    document, slow = read(text), read_carefully(text)
    assert repr(document.value) == repr(slow.value)
    assert findings(document) == findings(slow)
    assert places(document.root) == places(slow.root)
    assert {offset for _, offset in document.damaged} == {offset for _, offset in slow.damaged}


@settings(max_examples=120)
@given(documents())
def test_the_fast_reader_and_the_careful_one_agree(text: str) -> None:
    assert_both_readers_agree(text)


@settings(max_examples=400)
@given(st.sampled_from(["", "{", "{a:", "{a:["]), SOUP)
def test_both_readers_agree_on_invalid_text_too(start: str, text: str) -> None:
    assert_both_readers_agree(start + text)


def marks(entry: Any) -> list[Any]:
    """Return the items that were not read in one match."""
    if not isinstance(entry, Container):
        return [entry] if isinstance(entry, Mark) else []
    items = entry.items if isinstance(entry.items, list) else entry.items.values()
    return [mark for item in items for mark in marks(item)] + [entry.mark] * isinstance(entry.mark, Mark)


def test_common_spellings_are_read_with_one_match_per_item() -> None:
    # This makes the reader fast; other spellings are read correctly, but many times slower.
    document = read("""// A comment\r
    /* and **one* more */ {  // here
      // before a key
      a : "x" , "b-c" :\t[ 'y',"z", -12, 0, 123456789012345678, true, false , null,], /* before a bracket **/ }
    // after the end
    """)
    assert document.diagnostics == []
    assert document.value == {"a": "x", "b-c": ["y", "z", -12, 0, 123456789012345678, True, False, None]}
    assert marks(document.root) == [Mark(-1, -1, 0, 0)]
    document = read('{\n  _$1: {"": [[], {}, [{ }, ], // last\n ] , } , $: [ {a: 1,} , ] , }')
    assert document.value == {"_$1": {"": [[], {}, [{}]]}, "$": [{"a": 1}]}
    assert len(marks(document.root)) == 1


@given(st.sampled_from(["", "{", "{a:", "{a:[", "{a:'"]), st.text() | SOUP)
def test_any_text_is_read_without_an_exception(start: str, text: str) -> None:
    document = read(start + text)
    assert len(document.diagnostics) <= MAX_ERRORS
    assert len(findings(document)) == len(document.diagnostics)
    for path in [(), ("a",), ("a", 0)]:
        span = document.value_span(path)
        assert 0 <= span.start <= span.end <= len(document.source.text)


@given(st.binary() | st.tuples(SOUP.map(str.encode), st.binary(), SOUP.map(str.encode)).map(b"".join))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    source, wrong = decode("genesis.json5", data)
    document = parse(source)
    assert [finding.rule for finding in wrong] in ([], ["not-utf8"])
    assert source.text.encode() == data.removeprefix(b"\xef\xbb\xbf") or wrong
    # Nothing is kept of text that looks like UTF-16.
    assert "\ufffd" in source.text or not source.text or not wrong
    assert document.source is source


@given(st.text())
def test_utf8_is_decoded_unchanged_with_or_without_a_byte_order_mark(text: str) -> None:
    for data in (text.encode().removeprefix(b"\xef\xbb\xbf"), b"\xef\xbb\xbf" + text.encode()):
        source, wrong = decode("f", data)
        assert (source.name, source.text, wrong) == ("f", data.decode("utf-8-sig"), [])


@pytest.mark.parametrize(
    ("data", "where", "wrong"),
    [
        (b"{a: '\xe9', b: '\xe8'}", (1, 6), "E9"),
        (b"\xef\xbb\xbf{a: '\xff'}", (1, 6), "FF"),
        ("{\n a: '🦙é".encode() + b"\x80'}", (2, 8), "80"),
        (b"{a: \0\xe9}", (1, 6), "E9"),
        (b"{a: '\xf0\x9f\xa6'}", (1, 6), "F0 9F A6"),
        (b"{a: '\xc0\x80'}", (1, 6), "C0"),
        (b"{a: '\xed\xa0\x80'}", (1, 6), "ED"),
        (b"{a: '\xf4\x90\x80\x80'}", (1, 6), "F4"),
        (b"{a: '\xe2\x82", (1, 6), "E2 82"),
    ],
    ids=ascii,
)
def test_invalid_utf8_is_one_finding_at_the_first_invalid_byte(data: bytes, where: tuple[int, int], wrong: str) -> None:
    source, (finding,) = decode("f", data)
    assert finding.span is not None
    assert finding.rule == "not-utf8"
    assert finding.message.endswith(wrong)
    assert source.position(finding.span.start) == where
    assert source.text[finding.span.start : finding.span.end] == "\ufffd"


def test_the_rest_of_a_text_with_invalid_utf8_is_read() -> None:
    source, _ = decode("f", b"{a: '\xe9t\xe9', b: 1 c: 2}")
    document = parse(source)
    assert document.value == {"a": "\ufffdt\ufffd", "b": 1, "c": 2}
    assert rules(source.text) == ["syntax"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_recognized(encoding: str) -> None:
    # Without a byte order mark only non-ASCII characters distinguish it from UTF-8 that contains NULs.
    source, (finding,) = decode("f", "{a: 'é\ud7ff'}".encode(encoding))
    assert (finding.rule, source.text) == ("not-utf8", "")
    assert "UTF-16" in (finding.help or "")


def test_16_mib_are_read_but_not_one_byte_more() -> None:
    data = b"{a: 1" + b" " * (MAX_BYTES - 6) + b"}"
    assert len(data) == 16 * MIB
    source, wrong = decode("f", data)
    assert wrong == []
    assert parse(source).value == {"a": 1}
    source, (finding,) = decode("f", data + b" ")
    assert (source.text, finding.rule) == ("", "too-large")
    assert "16 MiB" in finding.message
    assert finding.span == (source, 0, 0)


@pytest.mark.parametrize("opening", ["{a:", "{ 'a' : ", "{a:["], ids=["fast", "careful", "mixed"])
def test_200_levels_are_read_but_one_more_is_a_finding(opening: str) -> None:
    step = opening.count("{") + opening.count("[")
    closing = "]}" if step == 2 else "}"
    text = opening * (MAX_DEPTH // step)
    nested = value(f"{text}1{closing * (MAX_DEPTH // step)}")
    assert repr(nested).count("{") + repr(nested).count("[") == MAX_DEPTH == 200
    document = read(f"{text}\n {{x: 1}}{closing * (MAX_DEPTH // step)}")
    (finding,) = findings(document)
    assert finding[:-1] == ("too-deep", 2, 2, "{")
    assert "200" in finding.message
    assert "before line 2" in (document.diagnostics[0].help or "")
    assert document.is_damaged(())
    assert document.value_span(()).end == len(document.source.text)


def test_many_adjacent_brackets_are_not_deep() -> None:
    assert value("{a: [" + "{b: []}," * 1000 + "]}")["a"] == [{"b": []}] * 1000


@pytest.mark.parametrize(
    ("start", "run", "expected"),
    [
        ("", "[", ["too-deep"]),
        ("", "{a:", ["too-deep"]),
        ("{a: ", "{ 'a': [", ["too-deep"]),
        ("", "]", ["syntax"]),
        ("{", "]", ["syntax"]),
        ("{", ",", ["syntax"] * 20),
        ("{", ":", ["syntax"] * 2),
        ("{", "#", ["syntax"] * 2),
        ("{", "#\n", ["syntax"] * 20),
        ("{a: 1 ", "# x\n", ["syntax"] * 20),
        ("{1 ", "[", ["syntax"] * 2),
        ("{a: x ", "{'", ["syntax"] * 2),
        ("{", "/*", ["syntax"] * 2),
        ("{", "/**/", ["syntax"]),
        ("{", "/**", ["syntax"] * 2),
        ("{a: 1", "/*/", ["syntax"]),
        ("{a: '", "\\", ["syntax"] * 2),
        ("{a: '", "\\u", ["syntax"] * 2),
        ("{a: '", "\\\n", ["syntax"] * 2),
        ("{a: ", "-", ["syntax"] * 2),
        ("{a: ", "1", ["syntax"]),
        ("{a: ", "0", ["syntax"] * 2),
        ("{a: 0x", "f", ["syntax"]),
        ("{a: .", "1", ["syntax"]),
        ("{a: ", "a/", ["syntax"] * 2),
        ("{a: ", "${", ["syntax"] * 2),
        ("{a: ", "${a}", ["syntax"] * 2),
        ("{", "a", ["syntax"] * 2),
        ("{", "\\u0061", ["syntax"] * 2),
        ("{", "é\u0301", ["syntax"] * 2),
        ("{", "a:\n", ["syntax", *["syntax", "duplicate-key"] * 9, "syntax"]),
        ("{a:1,", "a:1,", ["duplicate-key"] * 20),
        ("", "\ufeff", ["syntax"]),
        ("{", "\0", ["syntax"] * 2),
    ],
)
def test_a_hundred_thousand_repetitions_are_read_quickly(start: str, run: str, expected: list[str]) -> None:
    assert rules(start + run * 100_000) == expected


@pytest.mark.parametrize("again", ["y: {},", "'y': {},"], ids=["fast", "careful"])
def test_reading_ends_with_the_20th_finding(again: str) -> None:
    broken = [f"x{number}: foo," for number in range(15)]
    document = read("\n".join(["{a: [{", *broken, "}], y: 1,", *([again] * 30), "z: 1}"]))
    reported = findings(document)
    assert len(reported) == MAX_ERRORS == 20
    assert [finding.rule for finding in reported] == ["syntax"] * 15 + ["duplicate-key"] * 5
    assert "z" not in document.value
    # What was read so far is kept; findings about the root as a whole would be guesses.
    assert document.is_damaged(())
    assert not document.is_damaged(("a",))
    assert document.value_span(()).end == len(document.source.text)


@pytest.mark.parametrize("collecting", [True, False])
@pytest.mark.parametrize("text", ["{a: 1}", "{a: foo}", "["])
def test_garbage_collection_is_left_as_it_was(text: str, collecting: bool) -> None:  # noqa: FBT001 - a table
    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        read(text)
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if before else gc.disable)()
