"""Offsets, lines and columns: 1-based, with columns in code points and exactly the line endings of JSON5."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.diagnostics.source import Position, Source, Span

TEXTS = st.text(st.sampled_from("ab\n\r\u2028\u2029\u0085\x0b\x0c\x1c\t🦙é\u0301"), max_size=30)


def lines(source: Source) -> list[str]:
    """Return the lines of a text without their line endings."""
    spans = [source.line_span(number) for number in range(1, len(source.line_starts) + 1)]
    return [source.text[start:end] for start, end in spans]


def test_first_character_is_line_1_column_1() -> None:
    assert Source("f", "abc").position(0) == Position(1, 1) == (1, 1)
    assert Source("f", "").position(0) == (1, 1)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u2028", "\u2029"], ids=["LF", "CR", "CRLF", "LS", "PS"])
def test_each_json5_line_ending_ends_one_line(end: str) -> None:
    source = Source("f", f"ab{end}c{end}{end}")
    assert source.position(2) == (1, 3)
    assert source.position(2 + len(end)) == (2, 1)
    assert source.position(len(source.text)) == (4, 1)
    assert lines(source) == ["ab", "c", "", ""]


def test_nothing_else_ends_a_line() -> None:
    # `str.splitlines` splits at each of these.
    text = "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g"
    source = Source("f", text)
    assert source.position(len(text)) == (1, len(text) + 1)
    assert lines(source) == [text]


def test_carriage_return_after_line_feed_ends_another_line() -> None:
    assert lines(Source("f", "a\n\rb\r\r\nc")) == ["a", "", "b", "", "c"]


def test_line_feed_of_crlf_belongs_to_the_line_that_it_ends() -> None:
    source = Source("f", "ab\r\nc")
    assert [source.position(offset) for offset in range(6)] == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2)]


def test_empty_line_before_crlf_has_an_empty_span() -> None:
    source = Source("f", "\r\n\r\n")
    assert [source.line_span(line) for line in (1, 2, 3)] == [(0, 0), (2, 2), (4, 4)]


def test_columns_count_code_points_not_bytes_units_or_cells() -> None:
    text = "é🦙漢e\u0301\u200dx"
    source = Source("f", "\n" + text)
    assert source.position(1 + text.index("x")) == (2, 7)


def test_source_keeps_name_and_text_unchanged() -> None:
    source = Source("./a b/genesis.json5", "\ufeff{}\r\n")
    assert (source.name, source.text, source.role) == ("./a b/genesis.json5", "\ufeff{}\r\n", None)


def test_line_starts_are_computed_once_on_demand() -> None:
    source = Source("f", "a\nb")
    starts = source.line_starts
    assert starts == [0, 2]
    assert source.line_starts is starts


def test_sources_with_the_same_text_are_different() -> None:
    first, second = Source("f", "{}"), Source("f", "{}")
    assert Span(first, 0, 1) == Span(first, 0, 1)
    assert Span(first, 0, 1) != Span(second, 0, 1)


@given(TEXTS)
def test_lines_match_the_text_split_at_line_endings(text: str) -> None:
    assert lines(Source("f", text)) == re.split("\r\n|\n|\r|\u2028|\u2029", text)


@given(TEXTS)
def test_positions_are_unique_and_ordered(text: str) -> None:
    source = Source("f", text)
    places = [source.position(offset) for offset in range(len(text) + 1)]
    assert places == sorted(set(places))


@given(TEXTS)
def test_position_leads_back_to_its_offset(text: str) -> None:
    source = Source("f", text)
    for offset in range(len(text) + 1):
        line, column = source.position(offset)
        assert source.line_span(line)[0] + column - 1 == offset
