"""Offsets and positions: code units in three encodings, line ends of the protocol, byte order marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position

from genesis_config.lsp.positions import Lines
from genesis_config.lsp.uris import from_path, to_path
from tests.lsp.support import UTF8, UTF16, UTF32

if TYPE_CHECKING:
    from pygls.workspace import PositionCodec

TEXT = "a\n\U0001f600é: 'x'\r\n\u2028b\rc"


@pytest.mark.parametrize(
    ("codec", "places"),
    [
        (UTF8, [(0, 0), (1, 0), (1, 4), (1, 6), (2, 0), (2, 3), (3, 0), (3, 1)]),
        (UTF16, [(0, 0), (1, 0), (1, 2), (1, 3), (2, 0), (2, 1), (3, 0), (3, 1)]),
        (UTF32, [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0), (3, 1)]),
    ],
    ids=["utf-8", "utf-16", "utf-32"],
)
def test_an_offset_converts_to_a_line_and_code_units(codec: PositionCodec, places: list[tuple[int, int]]) -> None:
    lines = Lines(TEXT, codec)
    offsets = [0, 2, 3, 4, 11, 12, 14, 15]
    assert [lines.position(offset) for offset in offsets] == [Position(*place) for place in places]
    assert [lines.offset(Position(*place)) for place in places] == offsets


def test_a_position_past_the_end_is_the_end() -> None:
    lines = Lines("ab\r\nc", UTF16)
    assert lines.offset(Position(0, 99)) == 2
    assert lines.offset(Position(1, 99)) == 5
    assert lines.offset(Position(9, 0)) == 5
    assert lines.position(99) == Position(1, 1)


def test_a_position_inside_a_surrogate_pair_is_that_of_the_character() -> None:
    assert Lines("\U0001f600b", UTF16).offset(Position(0, 1)) == 0
    assert Lines("\U0001f600b", UTF8).offset(Position(0, 5)) == 2


def test_a_byte_order_mark_counts_only_in_the_editor() -> None:
    lines = Lines("\ufeffab\nc", UTF16)
    assert [lines.position(offset) for offset in (0, 1, 3)] == [Position(0, 1), Position(0, 2), Position(1, 0)]
    assert [lines.offset(Position(*place)) for place in ((0, 0), (0, 1), (0, 2), (1, 0))] == [0, 0, 1, 3]


@given(st.text(alphabet="a\u00e9\u2028\U0001f600\r\n"), st.sampled_from([UTF8, UTF16, UTF32]))
def test_offsets_survive_the_round_trip(text: str, codec: PositionCodec) -> None:
    lines = Lines(text, codec)
    for offset in range(len(text) + 1):
        # There is no position between CR and LF: the line ends before both.
        expected = offset - (text[offset - 1 : offset + 1] == "\r\n")
        assert lines.offset(lines.position(offset)) == expected


@pytest.mark.parametrize("path", ["/a/b.json5", "/a b/ü#?%:[1].json5"])
def test_paths_survive_the_round_trip_through_uris(path: str) -> None:
    assert from_path(path).isascii()
    assert to_path(from_path(path)) == path


def test_uris_are_understood_however_they_are_escaped() -> None:
    assert to_path("file:///a%20b/c%3Ad.json5") == "/a b/c:d.json5"
    assert to_path("file:///a/./b/../c.json5") == "/a/c.json5"
    assert to_path("untitled:Untitled-1") is None


def test_uri_with_a_nul_has_no_path() -> None:
    assert to_path("file:///a%00b") is None
