"""The test server compared with responses recorded from vLLM 0.32.0, byte for byte except ids, times and counts."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import aiohttp
import pytest

from genesis_config.testing import DEFAULT_ANSWER, Answer, FakeVLLM, ServedModel, ToolCall, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CAPTURES = Path(__file__).parent.parent / "captures"
MESSAGES = [{"role": "user", "content": "Say something."}]
USAGE = {"stream_options": {"include_usage": True}}
CONTINUOUS = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}
COMMAND = [sys.executable, "-m", "genesis_config.testing"]


class Options(TypedDict, total=False):
    """Options of an aiohttp request."""

    json: object
    data: bytes
    headers: dict[str, str]


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        return events(self.body)

    def usages(self) -> list[dict[str, Any] | None]:
        return [event.get("usage") for event in self.events]


def read_capture(name: str) -> Reply:
    """Read a capture. The headers of the model list were not recorded; those of another response replace them."""
    if name == "models":
        return Reply(200, read_capture("nonstream").headers, (CAPTURES / "models.json").read_bytes())
    if name.endswith("-401"):
        head, _, body = (CAPTURES / f"{name}.txt").read_bytes().partition(b"\r\n\r\n")
    else:
        head, body = ((CAPTURES / f"{name}.{part}").read_bytes() for part in ("headers", "body"))
    status, *lines = head.decode("ascii").strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Reply(int(status.split()[1]), headers, body)


async def fetch(server: FakeVLLM, method: str, path: str, **options: Unpack[Options]) -> Reply:
    root = server.base_url.removesuffix("/v1")
    async with aiohttp.ClientSession() as session, session.request(method, root + path, **options) as response:
        headers = {name.decode().lower(): value.decode().lower() for name, value in response.raw_headers}
        assert len(headers) == len(response.raw_headers)
        return Reply(response.status, headers, await response.read())


def request(server: FakeVLLM, method: str, path: str, **options: Unpack[Options]) -> Reply:
    async def run() -> Reply:
        async with server:
            return await fetch(server, method, path, **options)

    return asyncio.run(run())


def chat(server: FakeVLLM, **body: object) -> Reply:
    return request(server, "POST", "/v1/chat/completions", json={"model": "tiny-llama", "messages": MESSAGES} | body)


def stream(server: FakeVLLM, **body: object) -> Reply:
    return chat(server, stream=True, **body)


def events(body: bytes) -> list[Any]:
    """Split a stream into events, accepting only the framing that vLLM uses."""
    *parts, done, rest = body.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    assert all(part.startswith(b"data: {") for part in parts)
    return [json.loads(part.removeprefix(b"data: ")) for part in parts]


def deltas(reply: Reply) -> list[dict[str, Any]]:
    return [choice["delta"] for event in reply.events for choice in event["choices"]]


def finish_reasons(reply: Reply) -> list[str]:
    reasons = [choice["finish_reason"] for event in reply.events for choice in event["choices"]]
    return [reason for reason in reasons if reason is not None]


def answers_in(capture: str) -> list[Answer]:
    """Return the answers, one for each choice, with which the server must reproduce a recorded stream."""
    choices: dict[int, list[dict[str, Any]]] = {}
    for event in read_capture(capture).events:
        for choice in event["choices"]:
            choices.setdefault(choice["index"], []).append(choice)
    return [answer_in(choice) for _, choice in sorted(choices.items())]


def answer_in(choices: list[dict[str, Any]]) -> Answer:
    pieces = [choice["delta"] for choice in choices[1:]]
    calls = [piece["tool_calls"][0] for piece in pieces if "tool_calls" in piece]
    tools = []
    if calls:
        arguments = tuple(call["function"]["arguments"] for call in calls[1:])
        tools = [ToolCall(calls[0]["id"], calls[0]["function"]["name"], arguments)]
    return Answer(
        text=tuple(piece["content"] for piece in pieces if piece.get("content") is not None),
        reasoning=tuple(piece["reasoning"] for piece in pieces if "reasoning" in piece),
        tool_calls=tuple(tools),
        finish_reason=choices[-1]["finish_reason"],
    )


def normalize(body: bytes) -> str:
    """Replace what must differ between two servers: random ids, times, the build, counts."""
    text = body.decode()
    text = re.sub(r'"id":"(chatcmpl|modelperm)-[0-9a-f]{16}"', r'"id":"\1-ID"', text)
    text = re.sub(r'"created":17\d{8}\b', '"created":TIME', text)
    text = re.sub(r'"system_fingerprint":"vllm-0\.32\.0-[0-9a-f]{8}"', '"system_fingerprint":BUILD', text)
    return re.sub(r'"(prompt|total|completion|reasoning)_tokens":\d+', r'"\1_tokens":COUNT', text)


def assert_same_response(reply: Reply, capture: Reply) -> None:
    """Compare key by key and byte by byte: status, header names, content type, framing, keys, their order, types."""
    assert reply.status == capture.status
    assert reply.headers.keys() == capture.headers.keys()
    for name in ("content-type", "transfer-encoding", "vary"):
        assert reply.headers.get(name) == capture.headers.get(name)
    assert normalize(reply.body) == normalize(capture.body)


# Compared with the captures


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("stream-usage", USAGE),
        ("stream-continuous", CONTINUOUS),
        ("stream-nousage", {}),
        ("stream-n2", USAGE | {"n": 2}),
        ("stream-reasoning", CONTINUOUS),
        ("stream-tool-required", USAGE | {"tool_choice": "required"}),
        ("stream-tool-named", USAGE | {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}}),
        ("stream-json", {}),
    ],
)
def test_a_stream_matches_the_recording(name: str, body: dict[str, Any]) -> None:
    assert_same_response(stream(FakeVLLM(answer=answers_in(name)), **body), read_capture(name))


def test_every_captured_stream_is_compared() -> None:
    compared = test_a_stream_matches_the_recording.pytestmark[0].args[1]
    assert {name for name, _ in compared} == {path.stem for path in CAPTURES.glob("stream-*.body")}


@pytest.mark.parametrize("name", ["nonstream", "service-tier", "developer-role"])
def test_a_response_that_is_not_streamed_matches_the_recording(name: str) -> None:
    capture = read_capture(name)
    text = capture.json["choices"][0]["message"]["content"]
    reply = chat(FakeVLLM(answer=Answer((text,), finish_reason="length")), service_tier="flex")
    assert_same_response(reply, capture)
    assert reply.headers["content-length"] == str(len(reply.body))


def test_the_model_list_matches_the_recording() -> None:
    assert_same_response(request(FakeVLLM(), "GET", "/v1/models"), read_capture("models"))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("unknown-model", json.dumps({"model": "nope", "messages": MESSAGES})),
        ("too-long", json.dumps({"model": "tiny-llama", "messages": MESSAGES, "max_tokens": 9999})),
        ("bad-json", "{not json"),
    ],
)
def test_an_error_matches_the_recording(name: str, body: str) -> None:
    reply = request(
        FakeVLLM(), "POST", "/v1/chat/completions", data=body.encode(), headers={"Content-Type": "application/json"}
    )
    assert_same_response(reply, read_capture(name))
    assert reply.body == read_capture(name).body


@pytest.mark.parametrize(
    ("name", "method", "path"), [("models-401", "GET", "models"), ("chat-401", "POST", "chat/completions")]
)
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer", "Basic the-key", "the-key"])
def test_a_missing_or_wrong_key_matches_the_recording(
    name: str, method: str, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    reply = request(FakeVLLM(api_key="the-key"), method, f"/v1/{path}", headers=headers)
    assert_same_response(reply, read_capture(name))
    assert reply.body == b'{"error":"Unauthorized"}'


# Not in the captures


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_right_key_is_accepted(scheme: str) -> None:
    reply = request(FakeVLLM(api_key="the-key"), "GET", "/v1/models", headers={"Authorization": f"{scheme} the-key"})
    assert reply.status == 200


def test_health_and_version_need_no_key() -> None:
    health = request(FakeVLLM(api_key="the-key"), "GET", "/health")
    assert (health.status, health.body) == (200, b"")
    version = request(FakeVLLM(api_key="the-key"), "GET", "/version")
    assert (version.status, version.body) == (200, b'{"version":"0.32.0"}')


@pytest.mark.parametrize(
    ("method", "path", "status", "phrase"),
    [("GET", "/v1/nothing", 404, "Not Found"), ("GET", "/v1/chat/completions", 405, "Method Not Allowed")],
)
def test_unknown_paths_and_methods_are_errors_in_the_same_format(
    method: str, path: str, status: int, phrase: str
) -> None:
    reply = request(FakeVLLM(), method, path)
    assert reply.status == status
    assert reply.json == {"error": {"message": phrase, "type": phrase, "param": None, "code": status}}


def test_no_header_names_a_library() -> None:
    assert request(FakeVLLM(), "GET", "/health").headers["server"] == "genesis-testing"


def test_several_models_with_and_without_a_window_and_an_adapter() -> None:
    models = (ServedModel("base", max_model_len=4096), ServedModel("unsized"), ServedModel("adapter", parent="base"))
    rows = request(FakeVLLM(models), "GET", "/v1/models").json["data"]
    assert [(row["id"], row["root"], row["parent"], row["max_model_len"]) for row in rows] == [
        ("base", "base", None, 4096),
        ("unsized", "unsized", None, None),
        ("adapter", "adapter", "base", None),
    ]
    assert len({row["permission"][0]["id"] for row in rows}) == 3


def test_an_adapter_with_a_window_is_rejected() -> None:
    with pytest.raises(ValueError, match="no window of its own"):
        ServedModel("adapter", max_model_len=1, parent="base")


@pytest.mark.parametrize(("model", "status"), [("base", 400), ("adapter", 400), ("unsized", 200), ("orphan", 200)])
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_window_is_that_of_the_model_or_its_parent(model: str, status: int, field: str) -> None:
    models = (
        ServedModel("base", max_model_len=100),
        ServedModel("unsized"),
        ServedModel("adapter", parent="base"),
        ServedModel("orphan", parent="elsewhere"),
    )
    assert chat(FakeVLLM(models), model=model, **{field: 101}).status == status
    assert chat(FakeVLLM(models), model=model, **{field: 100}).status == 200


def test_a_server_without_models() -> None:
    assert request(FakeVLLM(()), "GET", "/v1/models").body == b'{"object":"list","data":[]}'
    assert chat(FakeVLLM(()), model=None).status == 404


def test_the_error_for_an_unknown_model_lists_the_valid_ones() -> None:
    reply = chat(FakeVLLM((ServedModel("one"), ServedModel("two"))), model="three")
    assert reply.json["error"]["message"] == "The model `three` does not exist. Valid aliases: one, two."


def test_a_request_without_a_model_gets_the_first() -> None:
    assert chat(FakeVLLM((ServedModel("one"), ServedModel("two"))), model=None).json["model"] == "one"


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({"messages": None}, "body.messages", "Expected `array`, got `null`"),
        ({"messages": ["hello"]}, "body.messages.0", "Expected `object`, got `str`"),
        ({"max_tokens": 0}, "body.max_tokens", "Expected `int` >= 1"),
        ({"n": "2"}, "body.n", "Expected `int | null`, got `str`"),
        ({"stream_options": {"include_usage": True}}, "body.stream_options", "Stream options can only be defined"),
    ],
)
def test_an_invalid_field_is_a_bad_request(body: dict[str, Any], param: str, message: str) -> None:
    reply = chat(FakeVLLM(), **body)
    error = reply.json["error"]
    assert (reply.status, error["type"], error["param"], error["code"]) == (400, "Bad Request", param, 400)
    assert error["message"].startswith("1 validation error:\n  {'type': 'value_error', 'loc': '" + param)
    assert message in error["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"[]", "application/json", "Expected `object`, got `array`"),
        (b"", "application/json", "Expecting value"),
        (b'{"model": "\xff"}', "application/json", "There was an error parsing the body"),
        (b"[" * 100_000, "application/json", "There was an error parsing the body"),
        (b"{}", "text/plain", "Only 'application/json' is allowed"),
    ],
)
def test_an_invalid_body_is_a_bad_request(body: bytes, content_type: str, message: str) -> None:
    reply = request(FakeVLLM(), "POST", "/v1/chat/completions", data=body, headers={"Content-Type": content_type})
    assert reply.status == 400
    assert message in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("options", "final", "running"),
    [
        (None, False, False),
        ({}, True, False),
        ({"include_usage": False}, False, False),
        ({"include_usage": True}, True, False),
        ({"continuous_usage_stats": True}, True, True),
        ({"include_usage": False, "continuous_usage_stats": True}, False, False),
    ],
)
def test_usage_is_sent_as_requested(options: dict[str, bool] | None, final: bool, running: bool) -> None:  # noqa: FBT001
    reply = stream(FakeVLLM(answer=Answer(("a", "b"))), stream_options=options)
    *others, last = reply.events
    assert (last["choices"] == []) is final
    assert ("usage" in last) is final
    assert {"usage" in event for event in others} == {running}


def test_a_continuous_server_adds_usage_to_every_chunk_if_any_is_requested() -> None:
    server = FakeVLLM(answer=Answer(("a", "b")), usage="continuous")
    counts = [usage and usage["completion_tokens"] for usage in stream(server, **USAGE).usages()]
    assert counts == [0, 1, 2, 2, 2]
    assert set(map(str, stream(server).usages())) == {"None"}


def test_a_server_without_streamed_usage_ignores_the_option() -> None:
    server = FakeVLLM(usage="never")
    reply = stream(server, **CONTINUOUS)
    assert set(map(str, reply.usages())) == {"None"}
    assert reply.events[-1]["choices"][0]["finish_reason"] == "stop"
    assert "usage" in chat(server).json


def test_each_piece_is_one_token() -> None:
    call = ToolCall("call-1", "f", ("{", "}"))
    answer = Answer(("a", ""), reasoning=("x", "y", "z"), tool_calls=(call,))
    messages = [
        {"role": "system", "content": "two words"},
        {"role": "user", "content": [{"type": "text", "text": "now three words"}, {"type": "image_url"}, 1]},
        {"role": "assistant", "content": None},
    ]
    counts = {"prompt_tokens": 17, "total_tokens": 25, "completion_tokens": 8}
    details = {"reasoning_tokens": 3}
    streamed = stream(FakeVLLM(answer=answer), messages=messages, **USAGE).events[-1]["usage"]
    assert streamed == counts | {"completion_tokens_details": details}
    whole = chat(FakeVLLM(answer=answer), messages=messages).json["usage"]
    assert whole == counts | {"prompt_tokens_details": None, "completion_tokens_details": details}


def test_usage_is_counted_per_choice_and_totalled_at_the_end() -> None:
    server = FakeVLLM(answer=(Answer(("a",)), Answer(("b", "c", "d"))))
    reply = stream(server, n=2, **CONTINUOUS)
    assert [choice["index"] for event in reply.events for choice in event["choices"]] == [0, 1, 0, 1, 0, 1, 1, 1]
    assert [usage and usage["completion_tokens"] for usage in reply.usages()] == [0, 0, 1, 1, 1, 2, 3, 3, 4]
    assert finish_reasons(reply) == ["stop", "stop"]


def test_a_response_that_is_not_streamed_has_every_choice() -> None:
    reply = chat(FakeVLLM(answer=(Answer(("a",)), Answer(("b",)))), n=3)
    choices = [(choice["index"], choice["message"]["content"]) for choice in reply.json["choices"]]
    assert choices == [(0, "a"), (1, "b"), (2, "a")]


def test_without_usage_every_choice_ends_with_the_fingerprint() -> None:
    reply = stream(FakeVLLM(answer=Answer(("a",))), n=2)
    assert ["system_fingerprint" in event for event in reply.events] == [False] * 4 + [True] * 2


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, [{"reasoning": "x"}]),
        (3, [{"reasoning": "x"}, {"reasoning": "y"}, {"content": "a"}]),
        (5, [None, None, None, "call-1", "{"]),
        (7, [None, None, None, "call-1", "{", "}", "call-2"]),
    ],
)
def test_max_tokens_truncates_the_answer(limit: int, expected: list[Any]) -> None:
    calls = (ToolCall("call-1", "f", ("{", "}")), ToolCall("call-2", "g", ("{}",)))
    answer = Answer(("a",), reasoning=("x", "y"), tool_calls=calls)
    reply = stream(FakeVLLM(answer=answer), max_tokens=limit, **USAGE)
    streamed = deltas(reply)[1:]
    if limit > 3:
        tools = [delta["tool_calls"][0] if "tool_calls" in delta else {} for delta in streamed]
        assert [tool.get("id", tool.get("function", {}).get("arguments")) for tool in tools] == expected
    else:
        assert streamed == expected
    assert finish_reasons(reply) == ["length"]
    assert reply.events[-1]["usage"]["completion_tokens"] == limit


def test_sufficient_max_tokens_truncate_nothing() -> None:
    reply = chat(FakeVLLM(answer=Answer(("a", "b"))), max_tokens=2)
    assert reply.json["choices"][0]["message"]["content"] == "ab"
    assert reply.json["choices"][0]["finish_reason"] == "stop"


def test_tool_calls_with_and_without_streaming() -> None:
    calls = (ToolCall("call-1", "f", ('{"a"', ":1}")), ToolCall("call-2", "g"))
    server = FakeVLLM(answer=Answer(tool_calls=calls))
    reply = stream(server, tool_choice="auto")
    assert deltas(reply)[1:] == [
        {"content": None, "tool_calls": [{"id": "call-1", "type": "function", "index": 0, "function": {"name": "f"}}]},
        {"content": None, "tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
        {"content": None, "tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {"content": None, "tool_calls": [{"id": "call-2", "type": "function", "index": 1, "function": {"name": "g"}}]},
        {},
    ]
    assert finish_reasons(reply) == ["tool_calls"]
    choice = chat(server).json["choices"][0]
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {"id": "call-1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "call-2", "type": "function", "function": {"name": "g", "arguments": ""}},
    ]
    assert choice["finish_reason"] == "tool_calls"


def test_a_named_tool_has_the_finish_reason_stop() -> None:
    server = FakeVLLM(answer=Answer(tool_calls=(ToolCall("call-1", "f"),)))
    assert finish_reasons(stream(server, tool_choice={"type": "function", "function": {"name": "f"}})) == ["stop"]


@pytest.mark.parametrize(("older", "key"), [(False, "reasoning"), (True, "reasoning_content")])
def test_reasoning_has_the_key_of_its_vllm_version(older: bool, key: str) -> None:  # noqa: FBT001
    server = FakeVLLM(answer=Answer(reasoning=("h", "m"), older=older))
    reply = stream(server, **USAGE)
    assert deltas(reply)[1:] == [{key: "h"}, {key: "m"}, {}]
    assert ("completion_tokens_details" in reply.events[-1]["usage"]) is not older
    whole = chat(server).json["choices"][0]["message"]
    assert (whole["content"], whole[key]) == (None, "hm")


def test_an_empty_answer_has_a_finish_reason() -> None:
    for reason in ("length", "stop"):
        reply = stream(FakeVLLM(answer=Answer(finish_reason=reason)))
        assert deltas(reply) == [{"role": "assistant", "content": ""}, {}]
        assert finish_reasons(reply) == [reason]


def test_the_default_answer_says_what_it_is() -> None:
    text = chat(FakeVLLM()).json["choices"][0]["message"]["content"]
    assert text == (
        "This text comes from the test server built into Genesis, not from a model. "
        "It arrives piece by piece, just as vLLM would send it."
    )
    assert DEFAULT_ANSWER.tokens == 25
    assert "".join(delta.get("content", "") for delta in deltas(stream(FakeVLLM()))) == text


def test_text_is_sent_as_utf8_and_not_as_escapes() -> None:
    text = 'ä 🙂 \u2028 "\\\n'
    body = stream(FakeVLLM(answer=Answer((text,)))).body
    assert '"content":"ä 🙂 \u2028 \\"\\\\\\n"'.encode() in body


def test_the_same_requests_in_the_same_order_get_the_same_responses() -> None:
    def session() -> list[bytes]:
        with serving() as server:
            return [asyncio.run(fetch(server, "POST", "/v1/chat/completions", json=body)).body for body in bodies]

    bodies = [{"messages": MESSAGES, "stream": True, "n": 2}, {"messages": MESSAGES}, {"messages": MESSAGES}]
    first, second = session(), session()
    assert first == second
    assert len({re.search(rb'"id":"(.*?)"', body)[1] for body in first}) == 3  # type: ignore[index]


# The wire


def test_requests_are_recorded_as_they_were_sent() -> None:
    with serving(api_key="the-key") as server:
        request = (
            b"POST /v1/models?a=%20b HTTP/1.1\r\nhOST: x\r\nX-One: 1\r\nx-two:  caf\xc3\xa9 \xff\r\nX-One: 2\r\n"
            b'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n'
        )
        assert b"401 Unauthorized" in raw_exchange(server, request)
        (recorded,) = server.requests
    assert recorded.method == "POST"
    assert recorded.path == "/v1/models?a=%20b"
    assert recorded.headers == [
        ("hOST", "x"),
        ("X-One", "1"),
        ("x-two", "café \udcff"),
        ("X-One", "2"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
    ]
    assert recorded.body == b'{"a":1}'
    assert recorded.json() == {"a": 1}


def test_a_large_body_is_accepted() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 5_000_000}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    with serving() as server:
        assert b"200 OK" in raw_exchange(server, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert server.requests[0].body == body


def raw_exchange(server: FakeVLLM, request: bytes) -> bytes:
    host, port = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_every_event_is_sent_at_once_in_a_chunk_of_its_own() -> None:
    async def arrivals() -> list[tuple[float, bytes]]:
        received = []
        async with (
            FakeVLLM(answer=Answer(("a", "b", "c")), chunk_delay=0.05) as server,
            aiohttp.ClientSession() as session,
            session.post(
                f"{server.base_url}/chat/completions", json={"messages": MESSAGES, "stream": True}
            ) as response,
        ):
            parts = b""
            async for data, end_of_chunk in response.content.iter_chunks():
                parts += data
                if end_of_chunk:
                    received.append((time.monotonic(), parts))
                    parts = b""
        return received

    received = asyncio.run(arrivals())
    chunks = [data for _, data in received if data]
    assert len(chunks) == 6
    assert all(data.startswith(b"data: ") and data.endswith(b"\n\n") and data.count(b"\n") == 2 for data in chunks)
    assert received[-1][0] - received[0][0] > 4 * 0.05


def test_a_client_that_disconnects_while_sending_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as server:
        host, port = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
        for _ in range(3):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(b"POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
                time.sleep(0.05)
        assert raw_exchange(server, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert [request.path for request in server.requests] == ["/health"]
    assert caplog.records == []


def test_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    stream(FakeVLLM())
    assert caplog.records == []


def test_a_client_that_disconnects_ends_the_stream() -> None:
    async def disconnect() -> int:
        async with FakeVLLM(answer=Answer(("a",) * 1000), chunk_delay=0.005) as server:
            body = {"messages": MESSAGES, "stream": True}
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"{server.base_url}/chat/completions", json=body) as response,
            ):
                await response.content.readline()
            for _ in range(200):
                if server.aborted:
                    break
                await asyncio.sleep(0.01)
            return server.aborted

    assert asyncio.run(disconnect()) == 1


def test_the_server_can_stop_in_the_middle_of_a_stream(caplog: pytest.LogCaptureFixture) -> None:
    async def stop() -> float:
        async with aiohttp.ClientSession() as session:
            async with FakeVLLM(chunk_delay=60) as server:
                body = {"messages": MESSAGES, "stream": True}
                response = await session.post(f"{server.base_url}/chat/completions", json=body)
                await response.content.readline()
                begin = time.monotonic()
            response.close()
            return time.monotonic() - begin

    assert asyncio.run(stop()) < 5
    assert caplog.records == []


def test_nothing_listens_before_or_after() -> None:
    server = FakeVLLM()
    assert server.base_url == ""
    asyncio.run(server.__aexit__(None, None, None))
    request(server, "GET", "/health")
    with pytest.raises(ConnectionRefusedError):
        raw_exchange(server, b"")


def test_a_server_can_be_restarted() -> None:
    server = FakeVLLM()
    assert [request(server, "GET", "/health").status for _ in range(2)] == [200, 200]
    assert len(server.requests) == 2


def test_serving_runs_it_in_a_thread() -> None:
    with serving((ServedModel("m"),), chunk_delay=0) as server:
        with urllib.request.urlopen(f"{server.base_url}/models") as response:
            assert json.load(response)["data"][0]["id"] == "m"
        assert server.requests[0].path == "/v1/models"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{server.base_url}/models")


def test_serving_propagates_errors_of_the_block() -> None:
    with pytest.raises(ZeroDivisionError), serving():
        raise ZeroDivisionError


def test_serving_raises_the_reason_why_it_cannot_start() -> None:
    with serving() as server:
        port = int(server.base_url.removesuffix("/v1").rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"), serving(port=port):
            pytest.fail("it must not start")
    with pytest.raises(OverflowError), serving(port=70_000):
        pytest.fail("it must not start")


# The process


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `python -m genesis_config.testing`. At the end of the test, every process must exit with its input."""
    processes: list[subprocess.Popen[bytes]] = []

    def run(
        *arguments: str, stdin: int = subprocess.PIPE, stdout: int = subprocess.PIPE, **env: str
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=os.environ | env
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        try:
            process.communicate(timeout=10)  # closes its input
        finally:
            process.kill()


def read_url(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1\n", line)
    return line.strip()


def list_models(url: str, key: str = "") -> list[tuple[str, int | None]]:
    request = urllib.request.Request(f"{url}/models", headers={"Authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(request, timeout=10) as response:
        return [(row["id"], row["max_model_len"]) for row in json.load(response)["data"]]


def test_the_process_serves_and_exits_with_its_input(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = start()
    assert list_models(read_url(process)) == [("tiny-llama", 2048)]
    assert process.stdin is not None
    process.stdin.write(b"ignored\n")
    process.stdin.flush()
    time.sleep(0.1)
    assert process.poll() is None
    assert process.communicate(timeout=10) == (b"", b"")
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_exits_on_a_signal(start: Callable[..., subprocess.Popen[bytes]], number: signal.Signals) -> None:
    process = start()
    read_url(process)
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    assert process.communicate() == (b"", b"")


def test_the_process_exits_at_once_without_an_input(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = start(stdin=subprocess.DEVNULL)
    output, errors = process.communicate(timeout=10)
    assert output.startswith(b"http://127.0.0.1:")
    assert (errors, process.returncode) == (b"", 0)


def test_the_process_tolerates_a_closed_standard_output(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    reader, writer = os.pipe()
    process = start(stdout=writer)
    os.close(writer)
    os.close(reader)
    assert process.communicate(timeout=10)[1] == b""
    assert process.returncode == 0


def test_the_process_does_not_outlive_a_killed_parent() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, time; subprocess.Popen({COMMAND!r}, stdin=subprocess.PIPE); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stdout is not None
    url = read_url(parent)
    assert list_models(url)
    parent.kill()
    # The server has the other ends of these pipes open, so they end when it exits.
    assert parent.communicate(timeout=10) == (b"", b"")
    with pytest.raises(urllib.error.URLError):
        list_models(url)


def test_importing_the_command_runs_nothing() -> None:
    assert callable(importlib.import_module("genesis_config.testing.__main__").main)


def test_the_process_has_options_for_models_and_a_key(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    models = ["--model", "a:4096", "--model", "org/b", "--model", "c:latest", "--model", "d:8b:512"]
    process = start(*models, "--api-key-env", "SERVER_KEY", "--chunk-delay", "0.001", SERVER_KEY="the-key")
    url = read_url(process)
    assert list_models(url, "the-key") == [("a", 4096), ("org/b", None), ("c:latest", None), ("d:8b", 512)]
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        list_models(url)
    caught.value.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--api-key-env", "SERVER_KEY"], b"SERVER_KEY"),
        (["--model", "a:0"], b"got 'a:0'"),
        (["--model", ""], b"expected ID or ID:WINDOW"),
        (["--api-key", "the-key"], b"unrecognized arguments"),
    ],
)
def test_the_process_rejects_invalid_options(
    start: Callable[..., subprocess.Popen[bytes]], arguments: list[str], message: bytes
) -> None:
    process = start(*arguments, SERVER_KEY="")
    output, errors = process.communicate(timeout=10)
    assert (output, process.returncode) == (b"", 2)
    assert message in errors


def test_the_process_reports_a_port_that_is_in_use_or_invalid(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    with serving() as server:
        in_use = server.base_url.removesuffix("/v1").rpartition(":")[2]
        for port in (in_use, "70000"):
            process = start("--port", port)
            output, errors = process.communicate(timeout=10)
            assert (output, process.returncode) == (b"", 1)
            assert errors.startswith(b"genesis_config.testing: cannot listen on port " + port.encode())
            assert errors.count(b"\n") == 1
