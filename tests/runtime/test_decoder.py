"""The stream decoder: recorded streams, and what the protocol allows beyond them."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_config.runtime import (
    CompletionError,
    ErrorInStreamError,
    Event,
    EventTooLargeError,
    Finish,
    Logprobs,
    MalformedStreamError,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    TruncatedStreamError,
)
from genesis_config.runtime.decoder import StreamDecoder
from genesis_config.runtime.sse import MAX_EVENT

CAPTURES = Path(__file__).parent.parent / "captures"
DONE = b"data: [DONE]\n\n"
REQUIRED_CALL = "chatcmpl-tool-8217db575dbd702e"
NAMED_CALL = "chatcmpl-tool-95750e08896e6271"
# The number of argument pieces in both recorded calls, all of them `9`.
CALL_PIECES = 114


def tool_events(identifier: str) -> list[Event]:
    pieces = [ToolCallDelta(0, "", "", "9") for _ in range(CALL_PIECES)]
    return [ToolCallDelta(0, identifier, "get_weather", ""), *pieces, Finish("length")]


# For each recorded stream: the number of requested choices, the events, and the prompt and output tokens.
RECORDED: dict[str, tuple[int, list[Event], tuple[int, int] | None]] = {
    "stream-usage": (1, [TextDelta("\n"), TextDelta("\n"), TextDelta("\n"), Finish("length")], (18, 6)),
    "stream-continuous": (1, [TextDelta("\n"), TextDelta("\n"), Finish("length")], (18, 4)),
    "stream-nousage": (1, [TextDelta("\n"), TextDelta("\n"), Finish("length")], None),
    "stream-n2": (
        2,
        [TextDelta("ion"), TextDelta("\ufffd\x7f", 1), Finish("length"), TextDelta(" co", 1), Finish("length", 1)],
        (18, 6),
    ),
    "stream-reasoning": (1, [*[ReasoningDelta("\n")] * 5, Finish("length")], (22, 10)),
    "stream-tool-required": (1, tool_events(REQUIRED_CALL), (23, 160)),
    "stream-tool-named": (1, tool_events(NAMED_CALL), (23, 160)),
    "stream-json": (1, [*[TextDelta(piece) for piece in '{"a"\t: 2 }'], Finish("stop")], None),
}


def body(name: str) -> bytes:
    return (CAPTURES / f"{name}.body").read_bytes()


def decode(*pieces: bytes, choices: int = 1) -> tuple[list[Event], StreamDecoder]:
    """Feed the pieces one by one, then finish."""
    decoder = StreamDecoder(choices)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.finish(), decoder


def event(data: object) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    return event({"choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more})


def calls(*pieces: dict[str, Any]) -> bytes:
    return chunk({"tool_calls": list(pieces)})


STOP = chunk({}, "stop")


def test_every_capture_has_expected_events() -> None:
    assert {path.stem for path in CAPTURES.glob("stream-*.body")} == RECORDED.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_stream_decodes_to_its_events(name: str) -> None:
    choices, expected, tokens = RECORDED[name]
    events, decoder = decode(body(name), choices=choices)
    assert decoder.error is None
    assert decoder.done
    assert decoder.finished
    assert events == expected
    usage = decoder.usage
    assert (None if usage is None else (usage.prompt_tokens, usage.completion_tokens)) == tokens


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_text_matches_its_json(name: str) -> None:
    """Compare with a plain JSON parse: each text is the content of one chunk, in order."""
    datas = [json.loads(line[6:]) for line in body(name).decode().split("\n") if line.startswith("data: {")]
    deltas = [(choice["index"], choice["delta"]) for data in datas for choice in data["choices"]]
    events, decoder = decode(body(name), choices=RECORDED[name][0])
    texts = [(index, delta["content"]) for index, delta in deltas if delta.get("content")]
    assert [(each.index, each.text) for each in events if isinstance(each, TextDelta)] == texts
    for index, choice in decoder.choices.items():
        assert choice.text == "".join(text for at, text in texts if at == index)


def test_reasoning_tokens_come_from_the_last_usage() -> None:
    usage = decode(body("stream-reasoning"))[1].usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == 5
    assert usage.prompt_tokens_details is None


def test_recorded_tool_call_is_assembled() -> None:
    choice = decode(body("stream-tool-required"))[1].choices[0]
    assert choice.tool_calls == (ToolCall(REQUIRED_CALL, "get_weather", "9" * CALL_PIECES),)
    assert (choice.text, choice.reasoning, choice.finish_reason) == ("", "", "length")


@cache
def whole(name: str) -> tuple[list[Event], dict[int, Any]]:
    events, decoder = decode(body(name), choices=RECORDED[name][0])
    return events, outputs(decoder)


def outputs(decoder: StreamDecoder) -> dict[int, Any]:
    return {
        index: (choice.text, choice.reasoning, choice.tool_calls, choice.finish_reason)
        for index, choice in decoder.choices.items()
    }


@settings(derandomize=True, max_examples=120, deadline=None)
@given(st.sampled_from(sorted(RECORDED)), st.sampled_from([b"\n", b"\r", b"\r\n"]), st.data())
def test_any_chunking_gives_the_same_events_and_choices(name: str, end: bytes, data: st.DataObject) -> None:
    stream = body(name).replace(b"\n", end)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=40).map(sorted))
    pieces = [stream[start:stop] for start, stop in pairwise([0, *places, len(stream)])]
    events, decoder = decode(*pieces, choices=RECORDED[name][0])
    assert decoder.error is None
    assert (events, outputs(decoder)) == whole(name)


@pytest.mark.parametrize("name", RECORDED)
def test_byte_by_byte_gives_the_same_result(name: str) -> None:
    stream = body(name)
    events, decoder = decode(*(stream[at : at + 1] for at in range(len(stream))), choices=RECORDED[name][0])
    assert (events, outputs(decoder)) == whole(name)


@settings(derandomize=True, max_examples=120, deadline=None)
@given(st.sampled_from(sorted(RECORDED)), st.floats(0, 1, exclude_max=True))
def test_cut_stream_is_truncated_unless_finished(name: str, part: float) -> None:
    choices, expected, _ = RECORDED[name]
    stream = body(name)
    events, decoder = decode(stream[: int(len(stream) * part)], choices=choices)
    assert events == expected[: len(events)]
    ended = sum(isinstance(each, Finish) for each in events) == choices
    assert decoder.finished == ended
    assert isinstance(decoder.error, TruncatedStreamError) != ended


@pytest.mark.parametrize("name", ["nonstream", "unknown-model", "bad-json"])
def test_body_that_is_not_a_stream_is_truncated(name: str) -> None:
    events, decoder = decode(body(name))
    assert events == []
    assert isinstance(decoder.error, TruncatedStreamError)


def test_each_chunk_in_a_packet_is_a_delta() -> None:
    events, decoder = decode(chunk({"content": "a"}) + chunk({"content": "b"}) + chunk({"content": "c"}, "stop") + DONE)
    assert events == [TextDelta("a"), TextDelta("b"), TextDelta("c"), Finish("stop")]
    assert decoder.choices[0].text == "abc"


@pytest.mark.parametrize(
    "delta",
    [
        None,
        {},
        {"role": "assistant"},
        {"content": ""},
        {"content": None},
        {"reasoning": ""},
        {"reasoning": None, "reasoning_content": ""},
        {"tool_calls": None},
        {"tool_calls": []},
    ],
)
def test_empty_delta_yields_no_event(delta: dict[str, Any] | None) -> None:
    assert decode(chunk(delta) + STOP + DONE)[0] == [Finish("stop")]


@pytest.mark.parametrize("data", [{}, {"choices": None}, {"choices": []}, {"choices": [{}]}, {"error": None}])
def test_empty_chunk_yields_no_event(data: dict[str, Any]) -> None:
    events, decoder = decode(event(data) + STOP + DONE)
    assert events == [Finish("stop")]
    assert decoder.error is None


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_under_both_names(key: str) -> None:
    events, decoder = decode(chunk({key: "so"}) + chunk({key: " then"}) + chunk({"content": "yes"}) + STOP)
    assert events == [ReasoningDelta("so"), ReasoningDelta(" then"), TextDelta("yes"), Finish("stop")]
    assert (decoder.choices[0].reasoning, decoder.choices[0].text) == ("so then", "yes")


def test_reasoning_under_both_names_is_not_duplicated() -> None:
    events, _ = decode(chunk({"reasoning": "x", "reasoning_content": "x", "content": "y"}) + STOP)
    assert events == [ReasoningDelta("x"), TextDelta("y"), Finish("stop")]


def test_new_id_starts_a_call_and_empty_id_continues_it() -> None:
    events, decoder = decode(
        calls({"index": 0, "id": "one", "function": {"name": "f", "arguments": ""}}),
        calls({"index": 0, "id": "", "function": {"arguments": '{"a"'}}),
        calls({"index": 0, "id": None, "function": {"name": None, "arguments": ":1"}}),
        calls({"index": 0, "id": "one", "function": {"name": "f", "arguments": "}"}}),
        calls({"index": 1, "id": "two", "function": {"name": "g"}}),
        calls({"index": 1, "function": {"arguments": "{}"}}, {"index": 0, "function": {"arguments": " "}}),
        chunk({}, "tool_calls"),
    )
    assert events == [
        ToolCallDelta(0, "one", "f", ""),
        ToolCallDelta(0, "", "", '{"a"'),
        ToolCallDelta(0, "", "", ":1"),
        ToolCallDelta(0, "", "", "}"),
        ToolCallDelta(1, "two", "g", ""),
        ToolCallDelta(1, "", "", "{}"),
        ToolCallDelta(0, "", "", " "),
        Finish("tool_calls"),
    ]
    assert decoder.choices[0].tool_calls == (ToolCall("one", "f", '{"a":1} '), ToolCall("two", "g", "{}"))


def test_new_id_at_the_same_index_starts_another_call() -> None:
    events, decoder = decode(
        calls({"index": 0, "id": "one", "function": {"name": "f", "arguments": "1"}}),
        calls({"index": 0, "id": "two", "function": {"name": "g", "arguments": "2"}}),
        calls({"index": 0, "function": {"arguments": "3"}}),
        STOP,
    )
    assert [each.call for each in events if isinstance(each, ToolCallDelta)] == [0, 1, 1]
    assert decoder.choices[0].tool_calls == (ToolCall("one", "f", "1"), ToolCall("two", "g", "23"))


def test_tool_call_fields_are_optional() -> None:
    events, decoder = decode(calls({"function": {"name": "f"}}), calls({"function": {"arguments": "{}"}}), calls({}))
    assert events == [ToolCallDelta(0, "", "f", ""), ToolCallDelta(0, "", "", "{}"), ToolCallDelta(0, "", "", "")]
    assert decoder.choices[0].tool_calls == (ToolCall("", "f", "{}"),)


def test_tool_call_arguments_are_not_parsed() -> None:
    arguments = '{"city": "Par\u2028is'
    decoder = decode(calls({"id": "a", "function": {"name": "f", "arguments": arguments}}), STOP)[1]
    assert decoder.error is None
    assert decoder.choices[0].tool_calls[0].arguments == arguments


def test_tool_calls_are_numbered_per_choice() -> None:
    piece = {"index": 0, "id": "x", "function": {"name": "f", "arguments": "1"}}
    events, decoder = decode(
        chunk({"tool_calls": [piece]}, "stop", 0), chunk({"tool_calls": [piece | {"id": "y"}]}, "stop", 1), choices=2
    )
    assert [each for each in events if isinstance(each, ToolCallDelta)] == [
        ToolCallDelta(0, "x", "f", "1", 0),
        ToolCallDelta(0, "y", "f", "1", 1),
    ]
    assert [decoder.choices[index].tool_calls[0].id for index in (0, 1)] == ["x", "y"]


def test_logprobs_are_kept_for_every_choice() -> None:
    def tokens(text: str, index: int) -> bytes:
        token = {"token": text, "logprob": -0.5, "top_logprobs": []}
        return event({"choices": [{"index": index, "delta": {"content": text}, "logprobs": {"content": [token]}}]})

    events, decoder = decode(tokens("a", 0), tokens("b", 1), tokens("c", 1), choices=2)
    assert events[1] == Logprobs(({"token": "a", "logprob": -0.5, "top_logprobs": []},))
    second = decoder.choices[1].to_choice(1)
    assert [each["token"] for each in second.logprobs] == ["b", "c"]
    assert (second.text, second.finish_reason) == ("bc", "")


def test_last_usage_replaces_earlier_ones() -> None:
    decoder = decode(
        chunk({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": 1}),
        chunk({"content": "b"}, "stop", usage={"prompt_tokens": 3, "completion_tokens": 2}),
        event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
        event({"choices": [], "usage": None}),
    )[1]
    assert msgspec.to_builtins(decoder.usage) == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "prompt_tokens_details": None,
        "completion_tokens_details": None,
    }


def test_missing_usage_and_missing_counts_are_none() -> None:
    assert decode(STOP, DONE)[1].usage is None
    usage = decode(chunk({}, "stop", usage={"prompt_tokens": 3}))[1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, None)


@pytest.mark.parametrize(
    "keepalive", [b":\n\n", b": ping\n\n", b"data:\n\n", b"data: : ping\n\n", b"data:  \n\n", b"\n\n"]
)
def test_keepalives_are_ignored(keepalive: bytes) -> None:
    events, decoder = decode(keepalive, chunk({"content": "a"}), keepalive, STOP, keepalive, DONE)
    assert events == [TextDelta("a"), Finish("stop")]
    assert decoder.error is None


@pytest.mark.parametrize("done", [DONE, b"data:[DONE]\n\n", b"data: [DONE] \r\n\r\n", b"data: [DONE]"])
def test_events_after_done_are_ignored(done: bytes) -> None:
    decoder = StreamDecoder()
    events = decoder.feed(chunk({"content": "a"}) + STOP + done) or []
    events += decoder.finish()
    assert events == [TextDelta("a"), Finish("stop")]
    assert decoder.done
    assert decoder.feed(chunk({"content": "b"})) == []
    assert decoder.finish() == []
    assert decoder.choices[0].text == "a"


def test_done_ends_the_stream_before_the_connection_closes() -> None:
    decoder = StreamDecoder()
    states = [(decoder.feed(data), decoder.done) for data in (STOP, DONE + chunk({"content": "b"}) + b"data: {\n\n")]
    assert states == [([Finish("stop")], False), ([], True)]
    assert decoder.error is None


def test_done_without_a_finish_reason_sets_the_error_at_once() -> None:
    decoder = StreamDecoder()
    decoder.feed(chunk({"content": "Hello"}) + DONE)
    assert decoder.done
    assert type(decoder.error) is TruncatedStreamError


def test_done_without_a_finish_reason_is_truncated() -> None:
    events, decoder = decode(chunk({"content": "half"}), DONE)
    assert events == [TextDelta("half")]
    assert isinstance(decoder.error, TruncatedStreamError)
    assert decoder.error.help
    assert decoder.choices[0].finish_reason is None


def test_empty_stream_is_truncated() -> None:
    assert isinstance(decode()[1].error, TruncatedStreamError)
    assert isinstance(decode(DONE)[1].error, TruncatedStreamError)


def test_stream_without_done_is_complete_if_every_choice_finished() -> None:
    events, decoder = decode(chunk({"content": "a"}), STOP)
    assert events == [TextDelta("a"), Finish("stop")]
    assert decoder.error is None


def test_event_without_its_final_empty_line_counts() -> None:
    events, decoder = decode(chunk({"content": "a"}), STOP.rstrip(b"\n"))
    assert events == [TextDelta("a"), Finish("stop")]
    assert decoder.error is None


def test_cut_event_is_truncated_not_malformed() -> None:
    events, decoder = decode(chunk({"content": "a"}), STOP[:-20])
    assert events == [TextDelta("a")]
    assert isinstance(decoder.error, TruncatedStreamError)


def test_cut_event_after_the_finish_is_ignored() -> None:
    decoder = decode(STOP, b'data: {"choices": [], "usa')[1]
    assert decoder.error is None
    assert decoder.usage is None


def test_every_requested_choice_must_finish() -> None:
    first, second = chunk({"content": "a"}, "stop", 0), chunk({"content": "b"}, "length", 1)
    assert isinstance(decode(first, DONE, choices=2)[1].error, TruncatedStreamError)
    events, decoder = decode(second, first, DONE, choices=2)
    assert events == [TextDelta("b", 1), Finish("length", 1), TextDelta("a", 0), Finish("stop", 0)]
    assert decoder.error is None


def test_unrequested_choice_must_finish() -> None:
    decoder = decode(STOP, chunk({"content": "b"}, None, 1), DONE)[1]
    assert isinstance(decoder.error, TruncatedStreamError)


def test_first_choice_is_always_expected() -> None:
    assert isinstance(decode(chunk({"content": "b"}, "stop", 1), DONE)[1].error, TruncatedStreamError)


def test_second_finish_reason_is_ignored() -> None:
    events, decoder = decode(STOP, chunk({}, "length"), DONE)
    assert events == [Finish("stop")]
    assert decoder.choices[0].finish_reason == "stop"


def test_empty_finish_reason_does_not_count() -> None:
    events, decoder = decode(chunk({"content": "a"}, ""), DONE)
    assert events == [TextDelta("a")]
    assert isinstance(decoder.error, TruncatedStreamError)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"error": {"message": "out of memory", "code": 500}}, "out of memory"),
        ({"error": "out of memory"}, "out of memory"),
        ({"object": "error", "message": " out of memory ", "code": 500}, "out of memory"),
        ({"error": {"code": 500}}, "no reason given"),
        ({"error": {"message": "  "}}, "no reason given"),
        ({"error": {"message": 7}}, "no reason given"),
        ({"error": []}, "no reason given"),
        ({"error": {"message": "late"}, "choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}]}, "late"),
    ],
)
def test_error_event_is_an_error_even_before_done(error: dict[str, Any], reason: str) -> None:
    events, decoder = decode(chunk({"content": "a"}), event(error), DONE, chunk({"content": "c"}, "stop"))
    assert events == [TextDelta("a")]
    assert isinstance(decoder.error, ErrorInStreamError)
    assert str(decoder.error).endswith(f": {reason}")
    assert decoder.choices[0].text == "a"


def test_error_event_after_the_finish_is_an_error() -> None:
    assert isinstance(decode(STOP, event({"error": "late"}), DONE)[1].error, ErrorInStreamError)


def test_error_event_without_its_final_empty_line_counts() -> None:
    assert isinstance(decode(event({"error": "cut"}).rstrip(b"\n"))[1].error, ErrorInStreamError)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense",
        b"{",
        b"null",
        b"7",
        b"[]",
        b'"text"',
        b"[DONE",
        b"[done]",
        b'{"choices": {}}',
        b'{"choices": [{"delta": {"content": 7}}]}',
        b'{"choices": [{"delta": {"content": "\xff"}}]}',
        b'{"choices": [{"delta": {"content": "' + b'"}}]} trailing',
        b'{"error": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"unknown": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_data_that_is_not_a_chunk_is_malformed(data: bytes) -> None:
    events, decoder = decode(chunk({"content": "a"}) + b"data: " + data + b"\n\n" + STOP + DONE)
    assert events == [TextDelta("a")]
    assert isinstance(decoder.error, MalformedStreamError)
    assert str(decoder.error).endswith(data.decode(errors="replace"))


def damaged(**fields: Any) -> bytes:
    """Return a chunk in which each question mark is a byte that is not valid UTF-8."""
    return event({"choices": [], **fields}).replace(b"?", b"\xff")


def in_choice(**fields: Any) -> bytes:
    return damaged(choices=[{"index": 0, **fields}])


@pytest.mark.parametrize(
    "data",
    [
        in_choice(delta={"content": "a?"}),
        in_choice(delta={"reasoning": "?"}),
        in_choice(delta={"reasoning_content": "?"}),
        in_choice(delta={"tool_calls": [{"id": "?"}]}),
        in_choice(delta={"tool_calls": [{"function": {"name": "?"}}]}),
        in_choice(delta={"tool_calls": [{"function": {"arguments": "?"}}]}),
        in_choice(delta={}, finish_reason="st?p"),
        # Invalid bytes in other fields do not hide those in the output.
        damaged(id="?", object="?", choices=[{"index": 0, "delta": {"content": "?"}}]),
    ],
)
def test_output_that_is_not_utf8_is_an_error(data: bytes) -> None:
    events, decoder = decode(chunk({"content": "a"}), data, STOP, DONE)
    assert events == [TextDelta("a")]
    assert isinstance(decoder.error, MalformedStreamError)
    assert "UTF-8" in str(decoder.error)
    assert "\ufffd" in decoder.error.event
    assert decoder.choices[0].text == "a"


@pytest.mark.parametrize("key", ["id", "model", "object", "message", "system_fingerprint", "what?"])
def test_invalid_utf8_outside_the_output_is_replaced(key: str) -> None:
    data = damaged(**{key: "a?"}, choices=[{"index": 0, "delta": {"content": "b"}}])
    events, decoder = decode(data, STOP, DONE)
    assert events == [TextDelta("b"), Finish("stop")]
    assert decoder.error is None
    assert getattr(decoder.head, key, None) == ("a\ufffd" if key in {"id", "model"} else None)


def test_invalid_utf8_in_logprobs_and_errors_is_replaced() -> None:
    data = in_choice(delta={"content": "b"}, logprobs={"content": [{"token": "?"}]})
    assert decode(data, STOP, DONE)[0][1] == Logprobs(({"token": "\ufffd"},))
    error = decode(damaged(error={"message": "out ? order"}))[1].error
    assert isinstance(error, ErrorInStreamError)
    assert "out \ufffd order" in str(error)


@pytest.mark.parametrize("wrong", [b"\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\\ud800"])
def test_invalid_byte_anywhere_never_raises(wrong: bytes) -> None:
    call = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "n", "arguments": "a"}}]}
    data = chunk({"content": "t", "reasoning": "r", **call}, "stop") + event({"error": {"message": "m"}, "id": "i"})
    for place in range(len(data)):
        decode(data[:place] + wrong + data[place:], DONE)


def test_unknown_fields_are_ignored() -> None:
    events, decoder = decode(
        event({"choices": [{"delta": {"content": "a", "new": [1]}, "finish_reason": "stop", "x": {}}], "y": None})
    )
    assert events == [TextDelta("a"), Finish("stop")]
    assert decoder.error is None


def test_several_data_lines_form_one_chunk() -> None:
    text = json.dumps({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}, indent=1)
    events, _ = decode(b"".join(b"data: " + line.encode() + b"\n" for line in text.split("\n")) + b"\n")
    assert events == [TextDelta("a"), Finish("stop")]


def test_unicode_line_separators_are_part_of_the_text() -> None:
    data = '{"choices": [{"delta": {"content": "a\u2028b\u0085c\u2029"}, "finish_reason": "stop"}]}'
    assert decode(f"data: {data}\n\n".encode())[0] == [TextDelta("a\u2028b\u0085c\u2029"), Finish("stop")]


@pytest.mark.parametrize("step", [1 << 26, 1 << 16])
def test_oversized_event_ends_the_stream(step: int) -> None:
    stream = chunk({"content": "a"}) + b"data: " + b"x" * MAX_EVENT + b"\n\n" + STOP + DONE
    events, decoder = decode(*(stream[at : at + step] for at in range(0, len(stream), step)))
    assert events == [TextDelta("a")]
    assert isinstance(decoder.error, EventTooLargeError)
    assert "16 MiB" in str(decoder.error)
    assert decoder.choices[0].text == "a"


def test_oversized_event_after_the_end_is_ignored() -> None:
    decoder = decode(STOP + DONE + b"data: " + b"x" * MAX_EVENT)[1]
    assert decoder.error is None


def test_large_chunk_is_decoded_from_pieces() -> None:
    text = "x" * (12 << 20)
    stream = chunk({"content": text}, "stop")
    events, decoder = decode(*(stream[at : at + (1 << 16)] for at in range(0, len(stream), 1 << 16)))
    assert events == [TextDelta(text), Finish("stop")]
    assert decoder.error is None


KEYS: st.SearchStrategy[str] = st.sampled_from(
    ["choices", "delta", "content", "tool_calls", "usage", "error", "index", "id", "function", "x"]
)
JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(JSON.map(event) | st.binary(max_size=30).map(lambda data: b"data: " + data + b"\n\n"), max_size=5))
def test_server_data_never_raises(stream: list[bytes]) -> None:
    decoder = decode(*stream)[1]
    assert decoder.error is None or isinstance(decoder.error, CompletionError)
    assert decoder.done
