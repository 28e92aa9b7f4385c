"""The splitter of server-sent events: line endings, chunking and size limits."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_config.runtime.sse import MAX_EVENT, EventSplitter

CAPTURES = sorted((Path(__file__).parent.parent / "captures").glob("stream-*.body"))
BOM = b"\xef\xbb\xbf"


def split(*pieces: bytes) -> list[bytes]:
    """Feed the pieces one by one, then finish."""
    splitter = EventSplitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    assert not splitter.too_large
    return events + splitter.finish()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut the bytes at these places. Equal places give empty pieces."""
    ends = sorted(min(place, len(data)) for place in places)
    return [data[start:end] for start, end in pairwise([0, *ends, len(data)])]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_each_line_ending(end: bytes) -> None:
    stream = end.join([b"data: one", b"", b"data: two", b"data: lines", b"", b""])
    expected = [b"one", b"two\nlines"]
    assert EventSplitter().feed(stream) == expected
    assert split(*(stream[index : index + 1] for index in range(len(stream)))) == expected


def test_mixed_line_endings() -> None:
    assert EventSplitter().feed(b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r") == [b"a\nb\nc", b"d"]


def test_event_is_returned_at_its_empty_line() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: one\n") == []
    assert splitter.feed(b"\n") == [b"one"]
    # The CR is a line ending, whether or not an LF follows.
    assert splitter.feed(b"data: two\r\n\r") == [b"two"]
    assert splitter.feed(b"\ndata: three\n\n") == [b"three"]


def test_crlf_split_between_feeds_is_one_line_ending() -> None:
    assert split(b"data: a\r", b"\ndata: b\r", b"", b"\n\r", b"\n") == [b"a\nb"]


def test_lf_after_a_split_crlf_is_a_line_ending() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: a\r") == []
    assert splitter.feed(b"\n\n") == [b"a"]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b":\n\n", []),
        (b": ping\n\n:\n", []),
        (b": ping\ndata: x\n: pong\n\n", [b"x"]),
        (b"data:\n\n", [b""]),
        (b"data\n\n", [b""]),
        (b"data: : ping\n\n", [b": ping"]),
        (b"event: message\nid: 7\nretry: 3000\ndata: x\n\n", [b"x"]),
        (b"event: message\n\n", []),
        (b"database: x\ndatum\n data: x\nDATA: x\n\n", []),
        (b"\n\n\n", []),
        (b"", []),
    ],
)
def test_comments_keepalives_and_other_fields(stream: bytes, events: list[bytes]) -> None:
    assert split(stream) == events


def test_one_space_after_the_colon_is_removed() -> None:
    assert split(b"data:x\n\ndata: x\n\ndata:  x\n\ndata:\tx\n\n") == [b"x", b"x", b" x", b"\tx"]


def test_data_lines_are_joined_by_lf() -> None:
    assert split(b'data: {\ndata:"a": 1\ndata\ndata: }\n\n') == [b'{\n"a": 1\n\n}']


def test_only_cr_and_lf_end_a_line() -> None:
    # str.splitlines would cut at each of these.
    data = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei".encode()
    assert split(b"data: " + data + b"\n\n") == [data]


def test_bom_at_the_start_is_removed() -> None:
    assert split(BOM + b"data: x\n\n") == [b"x"]


@pytest.mark.parametrize("places", [[1], [2], [3], [1, 2], [0, 1, 1, 2, 3]])
def test_bom_may_arrive_in_pieces(places: list[int]) -> None:
    assert split(*cut(BOM + b"data: x\n\n", places)) == [b"x"]


def test_bom_elsewhere_is_kept() -> None:
    assert split(BOM + BOM + b"data: x\n\n") == []
    assert split(b"data: x\n\n" + BOM + b"data: y\n\n") == [b"x"]
    assert split(b"\xef", b"\xbb", b"data: x\n\ndata: y\n\n") == [b"y"]
    assert split(b"\xef\xbb") == []


def test_finish_returns_an_event_without_its_empty_line() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: one\n\ndata: two") == [b"one"]
    assert splitter.finish() == [b"two"]
    assert split(b"data: one\n") == [b"one"]
    assert split(b"data: one\r") == [b"one"]
    assert split(b"data: one\n\n") == [b"one"]


def test_event_of_16_mib_is_accepted() -> None:
    value = b"x" * (MAX_EVENT - len(b"data: "))
    stream = b"data: " + value + b"\n\n"
    assert split(stream) == [value]
    assert split(*cut(stream, list(range(0, len(stream), 1 << 20)))) == [value]


@pytest.mark.parametrize("step", [1 << 26, 1 << 20])
@pytest.mark.parametrize("line", [b"data: ", b": ", b"event: "], ids=["data", "comment", "field"])
def test_oversized_event_is_reported_after_earlier_events(line: bytes, step: int) -> None:
    stream = b"data: before\n\n" + line + b"x" * (MAX_EVENT + 1 - len(line)) + b"\n\ndata: after\n\n"
    splitter = EventSplitter()
    events: list[bytes] = []
    for start in range(0, len(stream), step):
        events += splitter.feed(stream[start : start + step])
        if splitter.too_large:
            break
    assert splitter.too_large
    assert events == [b"before"]


def test_endless_line_is_too_large() -> None:
    splitter = EventSplitter()
    for _ in range(16):
        assert splitter.feed(b"x" * (1 << 20)) == []
        assert not splitter.too_large
    assert splitter.feed(b"x") == []
    assert splitter.too_large


def test_size_limit_counts_all_lines_of_one_event() -> None:
    megabyte = b"data: " + b"x" * ((1 << 20) - 6) + b"\n"
    splitter = EventSplitter()
    for _ in range(3):
        for _ in range(16):
            splitter.feed(megabyte)
            assert not splitter.too_large
        assert len(splitter.feed(b"\n")) == 1
    for _ in range(17):
        assert not splitter.too_large
        splitter.feed(megabyte)
    assert splitter.too_large


@pytest.mark.parametrize("excess", [0, 1])
def test_size_limit_counts_finished_lines(excess: int) -> None:
    splitter = EventSplitter()
    line = b"data:" + bytes(MAX_EVENT // 2 - 5)
    assert splitter.feed(line + b"\n") == []
    assert splitter.feed(line + bytes(excess) + b"\n") == []
    assert splitter.too_large == bool(excess)


def test_keepalives_do_not_count_toward_the_limit() -> None:
    splitter = EventSplitter()
    half = MAX_EVENT // 2
    for _ in range(4):
        assert splitter.feed(b":" + b" " * half) == []
        assert splitter.feed(b"\n\n") == []
        assert not splitter.too_large


LINES = st.sampled_from(
    [b"data: x", b"data:y", b"data", b"data: ", b": ping", b"id: 1", "data: \u2028é".encode(), b"", b"", b"\xef\xbb"]
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"])), max_size=12),
    st.lists(st.integers(0, 120), max_size=12),
)
def test_any_chunking_gives_the_same_events(bom: bool, lines: list[tuple[bytes, bytes]], places: list[int]) -> None:  # noqa: FBT001 - hypothesis's
    stream = BOM * bom + b"".join(line + end for line, end in lines)
    assert split(*cut(stream, places)) == split(stream) == reference(stream)


def reference(stream: bytes) -> list[bytes]:
    """Split a whole stream literally as the standard describes, slowly."""
    events: list[bytes] = []
    values: list[bytes] = []
    for line in [*re.split(rb"\r\n|\r|\n", stream.removeprefix(BOM)), b""]:
        name, _, value = line.partition(b":")
        if name == b"data":
            values.append(value.removeprefix(b" "))
        elif not line and values:
            events.append(b"\n".join(values))
            values = []
    return events


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_recorded_stream_splits_into_its_events(path: Path) -> None:
    body = path.read_bytes()
    events = split(body)
    assert b"".join(b"data: " + event + b"\n\n" for event in events) == body
    assert events[-1] == b"[DONE]"
    assert split(*(body[index : index + 1] for index in range(len(body)))) == events
