"""Requests on the wire, byte for byte, and when connections are reused and closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.credentials.lookup import SecretRef
from genesis_config.manifest import Compat, ManifestError, dumps
from genesis_config.net import sessions
from genesis_config.runtime import (
    Choice,
    Completion,
    Finish,
    InvalidRequestError,
    Runtime,
    ServerUnreachableError,
    TextDelta,
    ToolCall,
    Totals,
    Usage,
    complete,
)
from genesis_config.testing import Answer, FakeVLLM, ServedModel, serving
from genesis_config.testing import ToolCall as Call
from tests.runtime.support import (
    DONE,
    ENVIRONMENT,
    HELLO,
    KEY,
    MESSAGES,
    MODEL,
    STOP,
    USAGE,
    WHOLE,
    Exchange,
    Request,
    chunk,
    collect,
    manifest_of,
    model_with,
    provider_with,
    raw_server,
)

if TYPE_CHECKING:
    from pathlib import Path

    from genesis_config.manifest import Model

# The headers that HTTP needs; none of them names a product.
OWN_HEADERS = ["Accept", "Accept-Encoding", "Content-Length", "Content-Type", "Host"]
PATIENCE = 10


async def whole_answer(exchange: Exchange) -> None:
    await exchange.stream(HELLO, STOP, USAGE, DONE)


def sent(
    model: Model = MODEL,
    *,
    environment: dict[str, str] | None = None,
    provider: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[Request, Usage]:
    """Run one completion, and return the request as the server received it, and the usage."""

    async def run() -> tuple[Request, Usage]:
        async with raw_server(whole_answer) as server:
            changed = provider_with(base_url=server.base_url, models=(model,), **(provider or {}))
            async with Runtime(manifest_of(changed), environment=environment or ENVIRONMENT) as runtime:
                events = await collect(runtime, **options)
        (request,) = server.requests
        assert isinstance(events[-1], Usage)
        return request, events[-1]

    return asyncio.run(run())


def test_complete_request() -> None:
    request, usage = sent()
    assert (request.method, request.path, request.version) == ("POST", "/v1/chat/completions", "HTTP/1.1")
    assert request.names == sorted([*OWN_HEADERS, "Authorization"])
    assert request.header("Accept") == ["text/event-stream"]
    assert request.header("Content-Type") == ["application/json"]
    assert request.header("Authorization") == [f"Bearer {KEY}"]
    assert request.header("Content-Length") == [str(len(request.body))]
    assert request.header("Host")[0].startswith("127.0.0.1:")
    assert request.json == {
        "model": "org/model",
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert usage.notes == ()


def test_no_authorization_header_without_a_credential() -> None:
    assert sent(provider={"credential": None}, environment={"X": "y"})[0].names == OWN_HEADERS


def test_model_headers_override_provider_headers() -> None:
    request, _ = sent(
        model_with(headers={"X-Team": SecretRef(value="model"), "X-Model": SecretRef(value="yes")}),
        provider={"headers": {"x-team": SecretRef(value="provider"), "X-Trace": SecretRef(template="t-${TRACE}")}},
        environment=ENVIRONMENT | {"TRACE": "7"},
    )
    assert request.names == sorted([*OWN_HEADERS, "Authorization", "X-Model", "X-Team", "X-Trace"])
    assert [request.header(name) for name in ("X-Team", "X-Model", "X-Trace")] == [["model"], ["yes"], ["t-7"]]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_declared_authorization_replaces_the_key(name: str) -> None:
    request, _ = sent(
        provider={"headers": {name: SecretRef(template="Basic ${PASS}")}}, environment=ENVIRONMENT | {"PASS": "p"}
    )
    assert request.header("Authorization") == ["Basic p"]
    assert KEY not in str(request)


def test_replaced_key_need_not_exist() -> None:
    request, _ = sent(
        model_with(headers={"authorization": SecretRef(template="Basic ${PASS}")}), environment={"PASS": "p"}
    )
    assert request.header("Authorization") == ["Basic p"]


@pytest.mark.parametrize("name", ["Accept", "content-type", "User-Agent", "Accept-Encoding", "host"])
def test_declared_header_replaces_the_default(name: str) -> None:
    value = "identity" if name == "Accept-Encoding" else "application/json"
    request, _ = sent(provider={"headers": {name: SecretRef(value=value)}})
    assert request.header(name) == [value]


def test_non_ascii_header_is_sent_as_utf8() -> None:
    assert sent(provider={"headers": {"X-Name": SecretRef(value="Zoë")}})[0].header("X-Name") == ["Zoë"]


def test_assumed_token_limit_is_not_sent() -> None:
    request, _ = sent(model_with(max_tokens=8192, max_tokens_from="default"))
    assert not {"max_tokens", "max_completion_tokens"} & request.json.keys()


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_configured_token_limit_is_sent_under_the_expected_name(name: str) -> None:
    other = ({"max_tokens", "max_completion_tokens"} - {name}).pop()
    stated = model_with(max_tokens=77, max_tokens_from="config", compat=Compat(name))  # type: ignore[arg-type]
    request, _ = sent(stated)
    assert request.json[name] == 77
    assert other not in request.json
    request, _ = sent(stated, max_tokens=5)
    assert request.json[name] == 5
    assert other not in request.json


@pytest.mark.parametrize(
    ("compat", "stated", "given", "limit"),
    [
        ("max_tokens", {}, {}, {"max_tokens": 77}),
        ("max_tokens", {"max_tokens": 6}, {}, {"max_tokens": 6}),
        ("max_tokens", {"max_completion_tokens": 6}, {"max_tokens": 5}, {"max_tokens": 5}),
        ("max_tokens", {"max_tokens": 6}, {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("max_completion_tokens", {"max_tokens": 6}, {}, {"max_completion_tokens": 6}),
        ("max_completion_tokens", {"max_tokens": None}, {}, {"max_completion_tokens": 77}),
    ],
)
def test_precedence_of_token_limits(
    compat: str, stated: dict[str, Any], given: dict[str, Any], limit: dict[str, int]
) -> None:
    model = model_with(max_tokens=77, max_tokens_from="config", compat=Compat(compat), params=stated)  # type: ignore[arg-type]
    request, _ = sent(model, params=given)
    assert {name: value for name, value in request.json.items() if "tokens" in name} == limit


def test_params_cannot_override_the_runtime_fields() -> None:
    fields = {"model": "other", "messages": [], "stream": False, "stream_options": {"include_usage": False, "x": 1}}
    request, usage = sent(model_with(params=fields), params=fields)
    assert usage.notes == ("not sent (set by the runtime): messages, model, stream",)
    assert request.json == {
        "model": "org/model",
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_usage": True, "x": 1},
    }


def test_native_endpoint_fields_are_not_sent() -> None:
    request, usage = sent(
        model_with(params={"service_tier": "flex", "store": True, "top_k": 4}),
        params={"prompt_cache_key": "k", "prompt_cache_retention": "24h"},
    )
    assert request.json.keys() == {"model", "messages", "stream", "stream_options", "top_k"}
    assert usage.notes == (
        (
            "not sent (only for the native OpenAI endpoint): "
            "prompt_cache_key, prompt_cache_retention, service_tier, store"
        ),
    )


def test_caller_params_override_model_params() -> None:
    request, _ = sent(
        model_with(params={"temperature": 0.1, "seed": 1, "extra": {"a": 1, "b": {"c": 2}}, "stop": ["x", "y"]}),
        params={"temperature": 0.9, "extra": {"b": {"d": 3}}, "stop": ["z"]},
    )
    own = {"model", "messages", "stream", "stream_options"}
    assert {key: value for key, value in request.json.items() if key not in own} == {
        "temperature": 0.9,
        "seed": 1,
        "extra": {"a": 1, "b": {"c": 2, "d": 3}},
        "stop": ["z"],
    }


def test_reasoning_effort_is_sent_only_if_configured() -> None:
    assert sent(model_with(reasoning=True))[0].json == sent()[0].json
    assert sent(model_with(reasoning=True, params={"reasoning_effort": "low"}))[0].json["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("image", {"type": "image_url", "image_url": {"url": "data:"}}),
        ("audio", {"type": "input_audio", "input_audio": {}}),
        ("audio", {"type": "audio_url", "audio_url": {}}),
        ("video", {"type": "video_url", "video_url": {}}),
        ("image", {"type": "input_image", "image_url": "data:"}),
        ("image", {"image_url": {"url": "data:"}}),
        ("audio", {"input_audio": {}}),
        ("image", {"type": "text", "uuid": "1", "image_url": None}),
    ],
)
def test_unsupported_input_is_rejected(kind: str, part: dict[str, Any]) -> None:
    messages = [{"role": "system", "content": "Look."}, {"role": "user", "content": [{"type": "text"}, part]}]
    taking = model_with(input=("text", kind))
    assert sent(taking, messages=messages)[0].json["messages"] == messages
    with pytest.raises(InvalidRequestError, match=f"`org/model` does not accept {kind} input"):
        sent(messages=messages)


def test_unknown_message_parts_are_sent() -> None:
    odd: list[Any] = [{"role": "user", "content": [7, {"type": "new"}, {}]}, {"role": "user", "content": None}]
    assert sent(messages=odd)[0].json["messages"] == odd


def test_extra_body_fields_become_body_fields() -> None:
    model = model_with(params={"extra_body": {"top_k": 3, "chat_template_kwargs": {"a": 1}}, "temperature": 1})
    body = sent(model, params={"extra_body": {"chat_template_kwargs": {"b": 2}, "max_tokens": 7}})[0].json
    assert body["chat_template_kwargs"] == {"a": 1, "b": 2}
    assert (body["top_k"], body["temperature"], body["max_tokens"]) == (3, 1, 7)
    assert "extra_body" not in body


@pytest.mark.parametrize(("idle", "connections"), [(0.0, 1), (0.5, 2)])
def test_idle_connection_is_not_reused(idle: float, connections: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_KEEPALIVE_SECONDS", 0.1)

    async def run() -> int:
        async with raw_server(whole_answer) as server:
            manifest = manifest_of(provider_with(base_url=server.base_url))
            async with Runtime(manifest, environment=ENVIRONMENT) as runtime:
                await collect(runtime)
                await asyncio.sleep(idle)
                await collect(runtime)
            return server.connections

    assert asyncio.run(run()) == connections


def test_tools_are_sent_unchanged() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    request, _ = sent(tools=tools, tool_choice="required")
    assert (request.json["tools"], request.json["tool_choice"]) == (tools, "required")


def test_large_body_is_sent_with_its_length() -> None:
    picture = "x" * (3 << 20)

    async def run() -> Request:
        async with (
            raw_server(whole_answer) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            await runtime.complete(None, [{"role": "user", "content": picture}])
        return server.requests[0]

    request = asyncio.run(run())
    assert request.json["messages"][0]["content"] == picture
    assert "Transfer-Encoding" not in request.names


def test_unsupported_proxy_receives_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(_: Exchange) -> None:
        raise AssertionError

    async def run() -> list[Request]:
        async with raw_server(answer) as server:
            monkeypatch.setenv("http_proxy", server.base_url.replace("http://", "socks5://"))
            provider = provider_with(base_url="http://gateway.example/v1")
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                with pytest.raises(ServerUnreachableError, match="http_proxy names a `socks5` proxy"):
                    await collect(runtime)
        return server.requests

    assert asyncio.run(run()) == []


@pytest.mark.parametrize(
    ("proxy", "message"),
    [
        ("http://me:hunter2@127.0.0.1:1", "cannot connect to the proxy http://127.0.0.1:1: connection refused"),
        ("http://[", "HTTP_PROXY is not a valid proxy URL"),
        ("http://127.0.0.1:99999", "HTTP_PROXY is not a valid proxy URL"),
    ],
)
def test_unusable_proxy_is_named(proxy: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)

    async def run() -> None:
        provider = provider_with(base_url="http://gateway.example/v1")
        async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
            with pytest.raises(ServerUnreachableError) as caught:
                await collect(runtime)
        assert str(caught.value).endswith(f" failed: {message}")
        assert "hunter2" not in repr(vars(caught.value))

    asyncio.run(run())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_response_is_distinguished_from_the_servers(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.whole("407 Proxy Authentication Required", "text/html", b"<p>")

    async def run() -> str:
        async with raw_server(answer) as server:
            proxy = server.base_url.removesuffix("/v1")
            monkeypatch.setenv(f"{scheme}_proxy", proxy)
            provider = provider_with(base_url=f"{scheme}://gateway.example/v1")
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                with pytest.raises(ServerUnreachableError) as caught:
                    await collect(runtime)
        return str(caught.value).replace(proxy, "PROXY")

    assert asyncio.run(run()).endswith("the proxy PROXY answered 407: it requires a user name and a password")


def test_no_cookie_is_sent_and_no_proxy_is_used_for_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def answer(exchange: Exchange) -> None:
        await exchange.head("200 OK", "text/event-stream", "Set-Cookie: id=1; Path=/")
        await exchange.chunk(WHOLE)
        await exchange.end()

    async def run() -> list[Request]:
        async with (
            raw_server(answer) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            await collect(runtime)
            await collect(runtime)
        return server.requests

    first, second = asyncio.run(run())
    assert first.names == second.names
    assert not second.header("Cookie")


def test_a_stream_gives_deltas_finish_and_usage_as_they_come() -> None:
    go_on = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.chunk(chunk({"content": "Hel"}))
        await go_on.wait()
        await exchange.chunk(chunk({"content": "lo"}) + STOP + USAGE + DONE)
        await exchange.end()

    async def run() -> None:
        async with (
            raw_server(answer) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            stream = runtime.stream(None, MESSAGES)
            # The server sends no more before this one has been handed out.
            assert await anext(stream) == TextDelta("Hel")
            go_on.set()
            rest = [event async for event in stream]
        assert rest == [TextDelta("lo"), Finish("stop"), Usage(3, 2, cost=0.0, context_used=0.005)]

    asyncio.run(run())


@pytest.mark.parametrize("end_with_done", [True, False])
def test_connection_is_reused_after_a_complete_stream(end_with_done: bool) -> None:  # noqa: FBT001 - a parameter
    async def answer(exchange: Exchange) -> None:
        await exchange.stream(HELLO, STOP, USAGE, *([DONE] if end_with_done else []))

    async def run() -> int:
        async with (
            raw_server(answer) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            for _ in range(3):
                assert (await runtime.complete(None, MESSAGES)).text == "Hello"
        assert len(server.requests) == 3
        return server.connections

    assert asyncio.run(run()) == 1


def test_stream_ends_at_done_even_if_the_response_does_not() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.chunk(WHOLE)
        await exchange.until_the_client_leaves()

    async def run() -> None:
        async with (
            raw_server(answer) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            events = await collect(runtime)
            assert isinstance(events[-1], Usage)
            assert events[-1].input == 3
            await asyncio.wait_for(server.left.wait(), PATIENCE)

    asyncio.run(run())


def test_connections_are_limited() -> None:
    async def run() -> int:
        async with raw_server(whole_answer) as server:
            provider = provider_with(base_url=server.base_url, max_connections=2)
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                await asyncio.gather(*(collect(runtime) for _ in range(8)))
        assert len(server.requests) == 8
        return server.connections

    assert asyncio.run(run()) == 2


async def endless(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.chunk(HELLO)
    await exchange.until_the_client_leaves()


def test_leaving_the_loop_early_closes_the_connection() -> None:
    async def run() -> None:
        async with (
            raw_server(endless) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            async for event in runtime.stream(None, MESSAGES):
                assert event == TextDelta("Hel")
                break
            await asyncio.wait_for(server.left.wait(), PATIENCE)
            assert runtime.usage == {"": Totals()}

    asyncio.run(run())


def test_closing_the_stream_closes_the_connection() -> None:
    async def run() -> None:
        async with (
            raw_server(endless) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            stream = runtime.stream(None, MESSAGES)
            await anext(stream)
            await stream.aclose()
            await asyncio.wait_for(server.left.wait(), PATIENCE)

    asyncio.run(run())


def test_cancelling_the_task_closes_the_connection() -> None:
    async def run() -> None:
        async with (
            raw_server(endless) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            arrived = asyncio.Event()

            async def consume() -> None:
                async for _ in runtime.stream(None, MESSAGES):
                    arrived.set()

            task = asyncio.create_task(consume())
            await asyncio.wait_for(arrived.wait(), PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.left.wait(), PATIENCE)

    asyncio.run(run())


def test_cancelling_before_the_response_closes_the_connection() -> None:
    asked = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        asked.set()
        await exchange.until_the_client_leaves()

    async def run() -> None:
        async with (
            raw_server(answer) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            task = asyncio.create_task(runtime.complete(None, MESSAGES))
            await asyncio.wait_for(asked.wait(), PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.left.wait(), PATIENCE)

    asyncio.run(run())


def test_slow_reader_does_not_cause_a_timeout() -> None:
    async def late(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.chunk(chunk({"content": "a"}))
        await asyncio.sleep(1.3)
        await exchange.chunk(STOP + DONE)
        await exchange.end()

    async def run() -> None:
        async with raw_server(late) as server:
            provider = provider_with(base_url=server.base_url, timeout_seconds=1)
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                events = []
                async for event in runtime.stream(None, MESSAGES):
                    events.append(event)
                    if event == TextDelta("a"):
                        await asyncio.sleep(1.2)
        assert events[1] == Finish("stop")

    asyncio.run(run())


def test_open_reads_a_manifest_file(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"

    async def run() -> Completion:
        async with raw_server(whole_answer) as server:
            path.write_bytes(dumps(manifest_of(provider_with(base_url=server.base_url))))
            async with Runtime.open(path, environment=ENVIRONMENT) as runtime:
                completion = await runtime.complete("vllm/org/model", MESSAGES)
        assert server.requests[0].header("Authorization") == [f"Bearer {KEY}"]
        return completion

    assert asyncio.run(run()) == Completion(
        provider="vllm",
        model="org/model",
        choices=(Choice(0, "Hello", finish_reason="stop"),),
        usage=Usage(3, 2, cost=0.0, context_used=0.005),
    )


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ({"id": "chatcmpl-1", "created": 1700000000, "model": "m"}, ("chatcmpl-1", 1700000000)),
        ({"id": 7, "created": "now"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_completion_has_the_servers_ids(head: dict[str, Any], expected: tuple[str | None, int | None]) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.head("200 OK", "text/event-stream", "X-Request-Id: req-1")
        await exchange.chunk(chunk({"content": "a"}, **head) + chunk({"content": "b"}, "stop", id="other") + DONE)
        await exchange.end()

    async def run() -> Completion:
        async with (
            raw_server(answer) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            return await runtime.complete(None, MESSAGES)

    completion = asyncio.run(run())
    assert (completion.id, completion.created, completion.request_id) == (*expected, "req-1")


def test_open_rejects_a_missing_manifest(tmp_path: Path) -> None:
    async def run() -> None:
        async with Runtime.open(tmp_path / "none.json"):
            pytest.fail("opened")

    with pytest.raises(ManifestError, match=r"none\.json"):
        asyncio.run(run())


def test_environment_is_read_at_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[list[str]]:
        async with (
            raw_server(whole_answer) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url))) as runtime,
        ):
            for key in ("key-one", "key-two"):
                monkeypatch.setenv("VLLM_API_KEY", key)
                await collect(runtime)
        return [request.header("Authorization") for request in server.requests]

    assert asyncio.run(run()) == [["Bearer key-one"], ["Bearer key-two"]]


def test_complete_accepts_a_manifest_or_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", KEY)
    path = tmp_path / "manifest.json"
    with serving((ServedModel("org/model"),), api_key=KEY, answer=Answer(("Hi", " you"))) as server:
        manifest = manifest_of(provider_with(base_url=server.base_url))
        path.write_bytes(dumps(manifest))
        completions = [complete(each, None, MESSAGES, max_tokens=1) for each in (manifest, path, str(path))]
    assert [(each.text, each.finish_reason) for each in completions] == [("Hi", "length")] * 3
    assert [request.json()["max_tokens"] for request in server.requests] == [1, 1, 1]


def test_completion_with_reasoning_and_several_choices() -> None:
    answers = (
        Answer(("one",), reasoning=("so", " then")),
        Answer(("two",), tool_calls=(Call("c1", "look", ("{}",)),), finish_reason="length"),
    )

    async def run() -> Completion:
        async with (
            FakeVLLM((ServedModel("org/model"),), answer=answers) as server,
            Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT) as runtime,
        ):
            return await runtime.complete(None, MESSAGES, params={"n": 2})

    completion = asyncio.run(run())
    assert completion.choices == (
        Choice(0, "one", reasoning="so then", finish_reason="stop"),
        Choice(1, "two", tool_calls=(ToolCall("c1", "look", "{}"),), finish_reason="length"),
    )
    assert completion.texts == ("one", "two")
    assert completion.finish_reasons == ("stop", "length")
    assert (completion.text, completion.finish_reason, completion.reasoning) == ("one", "stop", "so then")
