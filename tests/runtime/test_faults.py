"""Failures of a stream: the error, its message and partial output, and no secret in any of them."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.credentials.lookup import SecretRef
from genesis_config.runtime import (
    AuthRejectedError,
    BadRequestError,
    Completion,
    CompletionError,
    ConnectionLostError,
    CredentialError,
    ErrorInStreamError,
    InvalidRequestError,
    MalformedStreamError,
    ModelNotFoundError,
    RateLimitedError,
    RedirectedError,
    Runtime,
    RuntimeClosedError,
    ServerFailedError,
    ServerUnreachableError,
    StalledStreamError,
    TextDelta,
    TruncatedStreamError,
    UnknownModelError,
    reply,
)
from tests.runtime.support import (
    DONE,
    ENVIRONMENT,
    HELLO,
    KEY,
    MESSAGES,
    PROVIDER,
    STOP,
    USAGE,
    WHOLE,
    Exchange,
    chunk,
    collect,
    event,
    manifest_of,
    model_with,
    provider_with,
    raw_server,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


def failed(
    answer: Callable[[Exchange], Awaitable[None]],
    provider: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    **options: Any,
) -> CompletionError:
    """Return the error of one failing completion, after checking that it contains no secret."""

    async def run() -> CompletionError:
        async with raw_server(answer) as server:
            changed = provider_with(**{"base_url": server.base_url, **(provider or {})})
            async with Runtime(manifest_of(changed), environment=environment or ENVIRONMENT) as runtime:
                with pytest.raises(CompletionError) as caught:
                    async with asyncio.timeout(30):  # no failure may hang
                        await collect(runtime, **options)
        assert runtime.usage[""].completions == 0
        return caught.value

    error = asyncio.run(run())
    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    assert KEY not in shown
    assert error.__context__ is None
    assert error.__cause__ is None
    return error


async def never_asked(exchange: Exchange) -> None:
    raise AssertionError(exchange.request)


def answering(status: str, body: bytes, kind: str = "application/json", *more: str) -> Callable[..., Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        await exchange.whole(status, kind, body, *more)

    return answer


def said(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "code": 0}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        ("401 Unauthorized", b'{"error": "Unauthorized"}', AuthRejectedError, "401: Unauthorized"),
        ("403 Forbidden", said("not you"), AuthRejectedError, "403: not you"),
        (
            "404 Not Found",
            said("The model `m` does not exist."),
            ModelNotFoundError,
            "404: The model `m` does not exist.",
        ),
        ("404 Not Found", b'{"detail": "Not Found"}', ModelNotFoundError, "404: Not Found"),
        ("408 Request Timeout", b"", RateLimitedError, "408"),
        ("429 Too Many Requests", b"slow\n  down", RateLimitedError, "429: slow down"),
        ("400 Bad Request", said("max_tokens is too large"), BadRequestError, "400: max_tokens is too large"),
        ("422 Unprocessable Entity", b"[1]", BadRequestError, "422"),
        (
            "422 Unprocessable Entity",
            b'{"detail": [{"loc": ["body", "n"], "msg": "not a number"}, {"msg": "too long"}, 7]}',
            BadRequestError,
            "422: body.n: not a number; too long",
        ),
        ("400 Bad Request", b'{"detail": ["one", {"msg": "two"}]}', BadRequestError, "400: one; two"),
        ("500 Internal Server Error", b'{"detail": [7]}', ServerFailedError, "500: no reason given"),
        ("500 Internal Server Error", b"{}", ServerFailedError, "500"),
        ("500 Internal Server Error", b"<html><body>no", ServerFailedError, "500"),
        ("503 Service Unavailable", b"\xff\xfe", ServerFailedError, "503: \ufffd\ufffd"),
        (
            "307 Temporary Redirect",
            b"",
            RedirectedError,
            "307, a redirect to http://127.0.0.1:1/, which is not followed",
        ),
        ("201 Created", b'{"error": "later"}', MalformedStreamError, "201 instead of a stream: later"),
        (
            "202 Accepted",
            WHOLE,
            MalformedStreamError,
            f"202 instead of a stream: {' '.join(WHOLE.decode().split())}",
        ),
        ("204 No Content", b"", MalformedStreamError, "204 instead of a stream"),
    ],
)
def test_error_for_each_status(status: str, body: bytes, kind: type[CompletionError], message: str) -> None:
    error = failed(answering(status, body, "application/json", "Location: http://127.0.0.1:1/"))
    assert type(error) is kind
    assert str(error).partition(" answered ")[2] == message
    assert (error.provider, error.model, error.status) == ("vllm", "org/model", int(status[:3]))
    assert error.help is not None
    assert (error.text, error.reasoning, error.tool_calls) == ("", "", ())


@pytest.mark.parametrize(
    ("changes", "help_"),
    [
        ({}, "set VLLM_API_KEY to a key that the server accepts (vLLM: the value of its --api-key)"),
        (
            {"credential": SecretRef(file="KEYFILE")},
            "replace the content of KEYFILE with a key that the server accepts",
        ),
        ({"headers": {"authorization": SecretRef(template="Bearer ${OTHER}")}}, "set OTHER to a key that the server"),
        ({"credential": None}, "set the provider's `apiKey` to a key that the server accepts"),
    ],
)
def test_rejected_key_help_names_its_source(changes: dict[str, Any], help_: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("a-key-of-mine", encoding="utf-8")
    if changes.get("credential"):
        changes = {"credential": SecretRef(file=str(path))}
    error = failed(answering("401 Unauthorized", b""), changes, {"VLLM_API_KEY": "a-key", "OTHER": "another"})
    assert error.help is not None
    assert error.help.startswith(help_.replace("KEYFILE", str(path)))


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/elsewhere?token=abc#x", " to {origin}/elsewhere"),
        (f"https://me:hunter2@login.example/{KEY}/in?to=1", " to https://login.example/***/in"),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_redirect_target_is_shown_without_secrets(location: str, shown: str) -> None:
    error = failed(answering("302 Found", b"", "text/plain", f"Location: {location}"))
    origin = str(error).partition("/v1/")[0]
    assert str(error).endswith(f"302, a redirect{shown.format(origin=origin)}, which is not followed")


def test_url_encoded_key_is_redacted() -> None:
    body = said("see /login?key=sk-a%2Bb%2Fc%3D, /login?key=sk-a%2bb%2fc%3d and sk-a%2Bb/c%3D")
    error = failed(answering("400 Bad Request", body), environment={"VLLM_API_KEY": "sk-a+b/c="})
    assert str(error).endswith("400: see /login?key=***, /login?key=*** and ***")


@pytest.mark.parametrize("secret", [KEY, "k", 'quo"te\\and-more', "p4ss"])
def test_echoed_key_is_redacted(secret: str) -> None:
    environment = {"VLLM_API_KEY": secret}
    body = said(f"no such key: {secret}, Bearer {secret}; kept")
    error = failed(answering("401 Unauthorized", body), environment=environment)
    assert str(error).endswith("401: no such key: ***, Bearer ***; kept")
    # In its JSON form, in an event that is shown verbatim.
    raw = f"data: [{json.dumps(secret)}]\n\n".encode()
    error = failed(answering("200 OK", raw, "text/event-stream"), environment=environment)
    assert str(error).endswith('got `array`): ["***"]')


def test_variable_inside_a_template_is_redacted() -> None:
    headers = {"X-Auth": SecretRef(template="user=me;token=${TOKEN_OF_MINE}")}
    error = failed(
        answering("403 Forbidden", said("token abc-123-def is unknown")),
        {"headers": headers},
        {"VLLM_API_KEY": "x-y-z-1-2", "TOKEN_OF_MINE": "abc-123-def"},
    )
    assert str(error).endswith("403: token *** is unknown")


def test_literal_header_is_redacted() -> None:
    headers = {"X-Gateway": SecretRef(value="Zk9-canary_5t")}
    error = failed(answering("401 Unauthorized", said("no route to Zk9-canary_5t")), {"headers": headers})
    assert str(error).endswith("401: no route to ***")


def test_long_message_is_redacted_before_it_is_cut() -> None:
    error = failed(answering("400 Bad Request", said("x" * 530 + KEY * 40)))
    assert len(str(error)) <= 600
    assert KEY[:6] not in str(error)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"nonsense " + KEY.encode() * 30, f"not a completion chunk: nonsense {'***' * 30}"),
        (
            b'{"choices": 7}',
            'not a completion chunk (Expected `array | null`, got `int` - at `$.choices`): {"choices": 7}',
        ),
        (
            b'{"choices": [], "usage": {"prompt_tokens": 1' + b"0" * 400 + b"}}",
            f'at `$.usage.prompt_tokens`): {{"choices": [], "usage": {{"prompt_tokens": 1{"0" * 156}',
        ),
        (
            b'{"usage": {"completion_tokens": -1}}',
            '(Expected `int` >= 0 - at `$.usage.completion_tokens`): {"usage": {"completion_tokens": -1}}',
        ),
        (b"x" * 1000, f"not a completion chunk: {'x' * 200}"),
        (b"x" * 195 + KEY.encode() * 9, f"not a completion chunk: {'x' * 195}***{'*' * 2}"),
    ],
)
def test_malformed_event_is_redacted_and_cut(data: bytes, message: str) -> None:
    error = failed(answering("200 OK", b"data: " + data + b"\n\n", "text/event-stream"))
    assert isinstance(error, MalformedStreamError)
    assert str(error).endswith(message)
    assert str(error).endswith(f": {error.event}")
    assert len(error.event) <= 200


def test_connection_refused() -> None:
    error = failed(never_asked, {"base_url": "http://127.0.0.1:1/v1"})
    assert type(error) is ServerUnreachableError
    assert str(error) == "request to http://127.0.0.1:1/v1/chat/completions failed: connection refused"
    assert error.help is not None
    assert error.help.startswith("start the server or correct `baseUrl`")
    assert error.status is None


def test_server_without_tls() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1") as listener:
            provider = provider_with(base_url=f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1")
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                with pytest.raises(ServerUnreachableError, match="does not use TLS"):
                    await collect(runtime)

    asyncio.run(run())


async def goodbye(exchange: Exchange) -> None:
    exchange.writer.close()


async def not_http(exchange: Exchange) -> None:
    await exchange.send(b"220 mail.example ESMTP\r\n")
    exchange.writer.close()


async def breaks_off(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.chunk(HELLO)
    exchange.writer.close()


async def bad_framing(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.chunk(HELLO)
    await asyncio.sleep(0.05)  # in the same packet, it would make the headers invalid too
    await exchange.send(b"no number\r\n")


async def stops_early(exchange: Exchange) -> None:
    await exchange.stream(HELLO, DONE)


async def fails_inside(exchange: Exchange) -> None:
    await exchange.stream(HELLO, event({"error": {"message": f"out of memory, {KEY}"}}), DONE)


async def nonsense_inside(exchange: Exchange) -> None:
    await exchange.stream(HELLO, b"data: nonsense\n\n")


@pytest.mark.parametrize(
    ("answer", "kind", "message", "text"),
    [
        (goodbye, ConnectionLostError, "connection closed without a response", ""),
        (not_http, ServerUnreachableError, "the response is not valid HTTP", ""),
        (breaks_off, ConnectionLostError, "connection lost in the middle of the response", "Hello"),
        (bad_framing, ConnectionLostError, "connection lost in the middle of the response", "Hello"),
        (stops_early, TruncatedStreamError, "before the response was complete: no finish reason", "Hello"),
        (fails_inside, ErrorInStreamError, ": out of memory, ***", "Hello"),
        (nonsense_inside, MalformedStreamError, "an event that is not a completion chunk: nonsense", "Hello"),
    ],
)
def test_error_and_partial_text_for_each_broken_response(
    answer: Callable[[Exchange], Awaitable[None]], kind: type[CompletionError], message: str, text: str
) -> None:
    error = failed(answer, {"timeout_seconds": 60})
    assert type(error) is kind
    assert str(error).endswith(message)
    assert error.text == text
    assert error.status == (200 if text else None)


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("application/json", b"{}", ""),
        ("application/json", b'{"choices": []}', ""),
        ("application/json", b'{"error": {"message": "no such thing"}}', ": no such thing"),
        ("text/html", b"<html>", ""),
    ],
)
def test_response_that_is_not_a_stream(kind: str, body: bytes, reason: str) -> None:
    error = failed(answering("200 OK", body, kind))
    assert type(error) is MalformedStreamError
    assert str(error).endswith(f" answered with {kind} instead of a stream{reason}")


def test_slow_error_body_is_still_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply, "_ERROR_SECONDS", 0.2)

    async def answer(exchange: Exchange) -> None:
        await exchange.head("400 Bad Request", "text/plain")
        await exchange.chunk(b"too long")
        while True:
            await asyncio.sleep(0.05)
            await exchange.chunk(b" ")

    error = failed(answer)
    assert type(error) is BadRequestError
    assert str(error).endswith(" answered 400: too long")


@pytest.mark.parametrize(("packing", "name"), [("br", "brotli (br)"), ("zstd", "zstandard (zstd)")])
def test_unrequested_compression(packing: str, name: str) -> None:
    error = failed(answering("200 OK", WHOLE, "text/event-stream", f"Content-Encoding: {packing}"))
    assert type(error) is MalformedStreamError
    assert str(error).endswith(f": the server compressed the response with {name}, which was not requested")


def test_invalid_framing_in_the_first_packet() -> None:
    async def answer(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        await exchange.send(head + b"no number\r\n")

    error = failed(answer)
    assert type(error) is ConnectionLostError
    assert str(error).endswith(": the framing of the response is not valid HTTP")


def test_slow_reader_receives_everything_that_arrived() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.chunk(chunk({"content": "one "}))
        await asyncio.sleep(0.05)
        await exchange.chunk(chunk({"content": "two "}))
        await asyncio.sleep(0.05)
        await exchange.chunk(chunk({"content": "three"}))
        exchange.writer.close()

    async def run() -> None:
        async with raw_server(answer) as server:
            provider = provider_with(base_url=server.base_url)
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                texts = []

                async def read_slowly() -> None:
                    async for each in runtime.stream(None, MESSAGES):
                        assert isinstance(each, TextDelta)
                        texts.append(each.text)
                        await asyncio.sleep(0.3)

                with pytest.raises(ConnectionLostError) as caught:
                    await read_slowly()
                assert texts == ["one ", "two ", "three"]
                assert caught.value.text == "one two three"

    asyncio.run(run())


@pytest.mark.parametrize("begun", [False, True])
def test_timeout_keeps_partial_text(begun: bool) -> None:  # noqa: FBT001 - a parameter
    async def answer(exchange: Exchange) -> None:
        if begun:
            await exchange.head()
            await exchange.chunk(HELLO)
        await exchange.until_the_client_leaves()

    error = failed(answer, {"timeout_seconds": 1})
    assert type(error) is StalledStreamError
    assert error.text == ("Hello" if begun else "")
    assert str(error).endswith(": no data for 1 second" if begun else ": no response within 1 second")
    assert error.help is not None
    assert "`timeoutSeconds`" in error.help


def test_waiting_for_a_connection_is_not_a_server_timeout() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.head()
        for _ in range(6):
            await exchange.chunk(HELLO)
            await asyncio.sleep(0.25)
        await exchange.chunk(STOP + USAGE + DONE)
        await exchange.end()

    async def run() -> None:
        async with raw_server(answer) as server:
            provider = provider_with(base_url=server.base_url, timeout_seconds=1, max_connections=1)
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                answers = await asyncio.gather(*(runtime.complete(None, MESSAGES) for _ in range(2)))
                assert [each.text for each in answers] == ["Hello" * 6] * 2
            assert server.connections == 1

    asyncio.run(run())


def test_closing_the_runtime_ends_its_streams() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.chunk(HELLO)
        await exchange.until_the_client_leaves()

    async def run() -> None:
        async with raw_server(answer) as server:
            runtime = Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT)
            stream = runtime.stream(None, MESSAGES)
            assert await anext(stream) == TextDelta("Hel")
            await runtime.close()
            with pytest.raises(RuntimeClosedError) as caught:
                [each async for each in stream]
            assert caught.value.text == "Hello"
            with pytest.raises(RuntimeClosedError, match="the Runtime is closed"):
                await runtime.complete(None, MESSAGES)

    asyncio.run(run())


async def _silent(exchange: Exchange) -> None:
    await exchange.until_the_client_leaves()


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (_silent, 3),  # all wait for a response
        (_silent, 1),  # one waits for a response, the others for a connection
        (answering("503 Service Unavailable", b"", "text/plain", "Retry-After: 1"), 3),  # all wait to retry
    ],
)
def test_closing_the_runtime_ends_waiting_requests(
    answer: Callable[[Exchange], Awaitable[None]], connections: int
) -> None:
    async def run() -> list[BaseException | Completion]:
        async with raw_server(answer) as server:
            provider = provider_with(base_url=server.base_url, max_connections=connections)
            runtime = Runtime(manifest_of(provider, fallbacks=("vllm/org/model",)), environment=ENVIRONMENT)
            waiting = [asyncio.create_task(runtime.complete(None, MESSAGES)) for _ in range(3)]
            await asyncio.wait_for(server.asked[connections].wait(), 10)
            await runtime.close()
            async with asyncio.timeout(10):
                return await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(each) for each in asyncio.run(run())] == [RuntimeClosedError] * 3


def test_closing_the_runtime_ends_requests_behind_an_unread_stream() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.chunk(HELLO)
        await exchange.until_the_client_leaves()

    async def run() -> None:
        async with raw_server(answer) as server:
            provider = provider_with(base_url=server.base_url, max_connections=1)
            runtime = Runtime(manifest_of(provider), environment=ENVIRONMENT)
            held = runtime.stream(None, MESSAGES)
            await anext(held)
            waiting = [asyncio.create_task(runtime.complete(None, MESSAGES)) for _ in range(2)]
            await asyncio.sleep(0)
            await runtime.close()
            async with asyncio.timeout(10):
                ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(each) for each in ended] == [RuntimeClosedError] * 2
            await held.aclose()

    asyncio.run(run())


def test_runtime_belongs_to_one_event_loop() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.stream(HELLO, STOP, USAGE, DONE)

    async def run(runtime: Runtime) -> None:
        async with raw_server(answer):
            await runtime.complete(None, MESSAGES)

    async def first() -> Runtime:
        async with raw_server(answer) as server:
            runtime = Runtime(manifest_of(provider_with(base_url=server.base_url)), environment=ENVIRONMENT)
            await runtime.complete(None, MESSAGES)
            return runtime

    runtime = asyncio.run(first())
    with pytest.raises(RuntimeClosedError, match="a different event loop"):
        asyncio.run(run(runtime))
    asyncio.run(runtime.close())


@pytest.mark.parametrize(
    ("provider", "environment", "message"),
    [
        ({}, {"A": "b"}, "the variable `VLLM_API_KEY` is not set, but the key of `vllm` needs its value"),
        ({}, {"VLLM_API_KEY": " "}, "the variable `VLLM_API_KEY` is empty, but the key of `vllm` needs its value"),
        ({"credential": SecretRef(template="${K:-}")}, {"A": "b"}, "the key of `vllm` is empty"),
        (
            {},
            {"VLLM_API_KEY": f"{KEY}\r\nX-Evil: 1"},
            "the key of `vllm` contains a line break or control character, which is not allowed in an HTTP header",
        ),
        (
            {"headers": {"Content-Length": SecretRef(value="3")}},
            ENVIRONMENT,
            "the header `Content-Length` of `vllm` is set by HTTP itself",
        ),
        (
            {"headers": {"X Y\r\n": SecretRef(value="3")}},
            ENVIRONMENT,
            "the header `X Y\r\n` of `vllm` has a name that HTTP does not allow",
        ),
        (
            {"headers": {"X-Y": SecretRef(template="${TOKEN:?ask the team}")}},
            ENVIRONMENT,
            "the variable `TOKEN` is not set, but the header `X-Y` of `vllm` needs its value: ask the team",
        ),
    ],
)
def test_nothing_is_sent_without_a_usable_credential(
    provider: dict[str, Any], environment: dict[str, str], message: str
) -> None:
    error = failed(never_asked, provider, environment)
    assert type(error) is CredentialError
    assert str(error) == message
    assert error.help is not None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("\ud800", "half of a surrogate pair"),
        (object(), "Encoding objects of type object is unsupported"),
        ([{"type": "new", "size": float("nan")}], "the number nan"),
        ([{"type": "new", "size": (1.0, float("-inf"))}], "the number -inf"),
    ],
)
def test_values_that_json_cannot_express_are_rejected(content: object, reason: str) -> None:
    async def run() -> None:
        provider = provider_with(max_connections=1)
        async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
            for _ in range(2):  # the first request freed its connection
                with pytest.raises(InvalidRequestError, match=reason):
                    await runtime.complete(None, [{"role": "user", "content": content}])

    asyncio.run(run())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"messages": None}, "`messages` must be a list of objects"),
        ({"messages": "hello"}, "`messages` must be a list of objects"),
        ({"messages": MESSAGES[0]}, "`messages` must be a list of objects"),
        ({"messages": ["hello"]}, "`messages` must be a list of objects"),
        (
            {"messages": [{"role": "user", "content": [{"type": ["text"]}]}]},
            "the `type` of a message part must be a string",
        ),
        ({"tools": 5}, "`tools` must be a list of objects"),
        ({"tools": {"type": "function"}}, "`tools` must be a list of objects"),
        ({"tools": [None]}, "`tools` must be a list of objects"),
        ({"params": [1]}, "`params` must be an object"),
        ({"model": 5}, "the model must be a string"),
        ({"model": []}, "the model must be a string"),
    ],
)
def test_invalid_arguments_are_rejected(given: dict[str, Any], message: str) -> None:
    error = failed(never_asked, **given)
    assert type(error) is InvalidRequestError
    assert str(error) == message
    assert error.help is not None


@pytest.mark.parametrize(
    ("model", "message", "help_"),
    [
        (None, "no model given, and the manifest has no primary model", "pass `provider/model`"),
        ("fast", "`fast` is not an alias in the manifest", "use `provider/model` or an alias (quick)"),
        ("vllm", "`vllm` is not an alias in the manifest", "use `provider/model` or an alias (quick)"),
        ("other/m", "unknown provider in `other/m`", "available providers: vllm"),
        ("vllm/nope", "unknown model `vllm/nope`", "available models: vllm/org/model"),
    ],
)
def test_unknown_model_lists_what_is_available(model: str | None, message: str, help_: str) -> None:
    async def run() -> CompletionError:
        manifest = manifest_of(PROVIDER, primary=None, aliases={"quick": "vllm/org/model"})
        async with Runtime(manifest, environment=ENVIRONMENT) as runtime:
            with pytest.raises(UnknownModelError) as caught:
                await collect(runtime, model)
        return caught.value

    error = asyncio.run(run())
    assert str(error) == message
    assert error.help is not None
    assert error.help.startswith(help_)


def test_response_in_one_packet() -> None:
    async def run() -> str:
        async with raw_server(answering("200 OK", WHOLE, "text/event-stream")) as server:
            provider = provider_with(base_url=server.base_url, models=(model_with(),))
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                return (await runtime.complete(None, MESSAGES)).text

    assert asyncio.run(run()) == "Hello"
