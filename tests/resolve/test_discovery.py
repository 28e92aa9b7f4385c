"""Model discovery over real sockets: requests, accepted responses, and failures."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_config.net import limits
from genesis_config.resolve import discovery as module
from genesis_config.resolve.discovery import ModelList, Query
from genesis_config.resolve.lock import Row
from tests.runtime.support import Exchange, RawServer, Request, raw_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

KEY = "canary-77ab31"


def ask(
    answer: Callable[[Exchange], Awaitable[None]], headers: dict[str, str] | None = None, path: str = "/v1"
) -> tuple[ModelList, Request | None, str]:
    """Query a server that gives this answer; return the model list, the request and the server's base URL."""

    async def run() -> tuple[ModelList, RawServer]:
        async with raw_server(answer) as server:
            base_url = server.base_url.removesuffix("/v1") + path
            sent = {"Authorization": f"Bearer {KEY}"} if headers is None else headers
            query = Query("vllm", base_url, sent, (KEY,) if headers is None else (), "set VLLM_API_KEY to")
            (made,) = await asyncio.to_thread(module.discover_models, [query])
            return made, server

    made, server = asyncio.run(run())
    if made.failure is not None:
        assert KEY not in repr(made)
    return made, server.requests[0] if server.requests else None, server.base_url


def answering(
    body: object, status: str = "200 OK", kind: str = "application/json", *more: str
) -> Callable[..., Awaitable[None]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(exchange: Exchange) -> None:
        await exchange.whole(status, kind, data, *more)

    return answer


def rows(*items: object) -> dict[str, Row]:
    return ask(answering({"object": "list", "data": list(items)}))[0].rows


def test_complete_request() -> None:
    headers = {"Authorization": f"Bearer {KEY}", "X-Tenant": "research"}
    _, request, _ = ask(answering({"data": [{"id": "m"}]}), headers)
    assert request is not None
    assert (request.method, request.path, request.version) == ("GET", "/v1/models", "HTTP/1.1")
    assert request.names == ["Accept", "Accept-Encoding", "Authorization", "Host", "X-Tenant"]
    assert request.header("Authorization") == [f"Bearer {KEY}"]
    assert request.header("Accept") == ["application/json"]
    assert request.body == b""


def test_no_proxy_for_loopback_and_no_netrc(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    made, request, _ = ask(answering({"data": [{"id": "m"}]}), {})
    assert made.rows == {"m": Row("m", None, None)}
    assert request is not None
    assert request.names == ["Accept", "Accept-Encoding", "Host"]


@pytest.mark.parametrize(
    ("row", "window"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"context_length": 2048}, 2048),
        ({"context_window": 1024}, 1024),
        ({"context_window": 1, "context_length": 2, "max_model_len": 3}, 3),
        ({"max_model_len": None, "context_window": 1024}, 1024),
        ({"max_model_len": "4096"}, None),
        ({"max_model_len": True}, None),
        ({"max_model_len": 4096.0}, None),
        ({"max_model_len": 0}, None),
        ({"max_model_len": -1}, None),
        ({}, None),
    ],
)
def test_context_window_is_a_positive_integer_or_unknown(row: dict[str, Any], window: int | None) -> None:
    assert rows({"id": "m", **row}) == {"m": Row("m", window, None)}


def test_parent_is_an_id_or_none() -> None:
    assert rows({"id": "a", "parent": "b"}, {"id": "b", "parent": 3}) == {
        "a": Row("a", None, "b"),
        "b": Row("b", None, None),
    }


def test_byte_order_mark_is_ignored() -> None:
    made, _, _ = ask(answering(b'\xef\xbb\xbf{"data": [{"id": "m"}]}'))
    assert made == ModelList({"m": Row("m", None, None)})
    made, _, base_url = ask(answering(b"\xef\xbb\xbf<html>"))
    assert made.failure is not None
    assert made.failure.message.startswith(f"{base_url}/models answered with an HTML page")


def test_first_row_of_a_duplicate_id_counts() -> None:
    assert rows({"id": "a", "max_model_len": 1}, {"id": "a", "max_model_len": 2}) == {"a": Row("a", 1, None)}


def test_rows_without_a_usable_id_are_counted() -> None:
    data = [{"id": "ok"}, {"id": ""}, {"id": "\x1b[31m"}, {"id": "a\nb"}, {"id": "*"}, {"id": 3}, {}, "text", None]
    made = ask(answering({"data": data}))[0]
    assert made == ModelList({"ok": Row("ok", None, None)}, None, 8)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b", "*", "org/c"]) | VALUES,
        "parent": st.sampled_from(["a", "b", "\x1b"]) | VALUES,
        "max_model_len": VALUES,
        "context_length": VALUES,
        "context_window": VALUES,
    },
)


def window(item: dict[str, object]) -> int | None:
    """Return the first positive integer of the three."""
    stated = [item.get(key) for key in ("max_model_len", "context_length", "context_window")]
    return next((value for value in stated if isinstance(value, int) and value is not True and value > 0), None)


def usable(value: object) -> bool:
    return isinstance(value, str) and value not in {"", "*"} and value.isprintable()


@settings(max_examples=150)
@given(st.lists(ITEMS | VALUES, max_size=5))
def test_rows_come_from_the_first_item_of_each_id(data: list[object]) -> None:
    made, _, _ = ask(answering({"data": data}))
    expected: dict[str, Row] = {}
    dropped = 0
    for item in data:
        if isinstance(item, dict) and usable(item.get("id")):
            parent = item["parent"] if usable(item.get("parent")) else None
            expected.setdefault(item["id"], Row(item["id"], window(item), parent))
        else:
            dropped += 1
    assert made.rows == expected
    if expected:
        assert (made.failure, made.dropped) == (None, dropped)
        assert all(type(row.context_window) in {int, type(None)} for row in made.rows.values())
    else:
        assert made.failure is not None
        assert made.failure.rule == "no-models-discovered"


@pytest.mark.parametrize(
    ("body", "status", "rule", "message", "help_"),
    [
        (
            {"error": "Unauthorized"},
            "401 Unauthorized",
            "auth-rejected",
            "{url} answered 401: Unauthorized; the server rejected the key",
            "set VLLM_API_KEY to a key that the server accepts (vLLM: the value of its --api-key)",
        ),
        (
            {"error": {"message": f"no\n key {KEY}"}},
            "403 Forbidden",
            "auth-rejected",
            "{url} answered 403: no key ***; the server rejected the key",
            "set VLLM_API_KEY to a key that the server accepts (vLLM: the value of its --api-key)",
        ),
        (
            {"detail": "Not Found"},
            "404 Not Found",
            "bad-model-list",
            "{url} answered 404: Not Found",
            "does `baseUrl` end in the API path? For vLLM that is `/v1`",
        ),
        (
            {"error": {"message": "slow\tdown", "type": "RateLimitError", "code": 429}},
            "429 Too Many Requests",
            "bad-model-list",
            "{url} answered 429: slow down",
            "try again later, or use a key with a higher rate limit",
        ),
        (
            {"error": "loading"},
            "503 Service Unavailable",
            "bad-model-list",
            "{url} answered 503: loading",
            "see the server's log",
        ),
        (b"oops", "500 Internal Server Error", "bad-model-list", "{url} answered 500: oops", "see the server's log"),
        (
            {},
            "308 Permanent Redirect",
            "bad-model-list",
            "{url} answered 308, a redirect to http://127.0.0.1:1/v1/models, which is not followed",
            "set `baseUrl` to the address that the server redirects to",
        ),
        (
            b"<!doctype html>",
            "200 OK",
            "bad-model-list",
            "{url} answered with an HTML page instead of a model list",
            "is `baseUrl` the address of an OpenAI-compatible server, up to `/v1`?",
        ),
        (
            b"\xff{",
            "200 OK",
            "bad-model-list",
            "{url} answered with text that is not valid JSON instead of a model list",
            "is `baseUrl` the address of an OpenAI-compatible server, up to `/v1`?",
        ),
        (
            b"[" * 100_000,
            "200 OK",
            "bad-model-list",
            "{url} answered with text that is not valid JSON instead of a model list",
            "is `baseUrl` the address of an OpenAI-compatible server, up to `/v1`?",
        ),
        (
            ["m"],
            "200 OK",
            "bad-model-list",
            "{url} answered with JSON that is not a model list",
            "is `baseUrl` the address of an OpenAI-compatible server, up to `/v1`?",
        ),
        (
            {"data": {"id": "m"}},
            "200 OK",
            "bad-model-list",
            "{url} answered with JSON that is not a model list",
            "is `baseUrl` the address of an OpenAI-compatible server, up to `/v1`?",
        ),
        (
            {"data": []},
            "200 OK",
            "no-models-discovered",
            "{url} returned an empty model list",
            "start the server of `vllm` with a model",
        ),
        (
            {"data": [{"id": "\x00"}]},
            "200 OK",
            "no-models-discovered",
            "{url} returned an empty model list",
            "start the server of `vllm` with a model",
        ),
    ],
)
def test_failure_for_each_response_that_is_not_a_model_list(
    body: object, status: str, rule: str, message: str, help_: str
) -> None:
    made, _, base_url = ask(answering(body, status, "text/plain", "Location: http://127.0.0.1:1/v1/models"))
    assert made.rows == {}
    assert made.failure == (rule, message.format(url=f"{base_url}/models"), help_)


def test_deeply_nested_error_is_quoted_as_text() -> None:
    made, _, base_url = ask(answering(b"[" * 100_000, "400 Bad Request"))
    assert made.failure is not None
    assert made.failure.rule == "bad-model-list"
    assert made.failure.message.startswith(f"{base_url}/models answered 400: [[[")


@pytest.mark.parametrize("body", [{"error": {"message": "not today", "code": 1}}, {"error": "not today"}], ids=str)
@pytest.mark.parametrize(
    ("status", "rule", "help_"),
    [
        ("401 Unauthorized", "auth-rejected", "set VLLM_API_KEY to a key that the server accepts"),
        ("403 Forbidden", "auth-rejected", "set VLLM_API_KEY to a key that the server accepts"),
        ("404 Not Found", "bad-model-list", "does `baseUrl` end in the API path?"),
        ("429 Too Many Requests", "bad-model-list", "try again later"),
        ("500 Internal Server Error", "bad-model-list", "see the server's log"),
        ("502 Bad Gateway", "bad-model-list", "see the server's log"),
        ("503 Service Unavailable", "bad-model-list", "see the server's log"),
    ],
)
def test_failure_quotes_the_servers_error_text(body: dict[str, Any], status: str, rule: str, help_: str) -> None:
    made, _, base_url = ask(answering(body, status))
    assert made.failure is not None
    assert made.failure.rule == rule
    assert made.failure.message.partition(";")[0] == f"{base_url}/models answered {status[:3]}: not today"
    assert made.failure.help.startswith(help_)


def test_rejection_without_a_key_says_that_none_was_sent() -> None:
    made, _, _ = ask(answering({"error": "Unauthorized"}, "401 Unauthorized"), {})
    assert made.failure is not None
    assert made.failure.message.endswith("answered 401: Unauthorized; no key was sent")


# Wherever in the key the cut would be.
@pytest.mark.parametrize("before", range(500, 500 + len(KEY), 3))
def test_long_message_is_redacted_before_it_is_cut(before: int) -> None:
    made, _, _ = ask(answering({"error": {"message": "x" * before + KEY * 50}}, "401 Unauthorized"))
    assert made.failure is not None
    assert len(made.failure.message) <= 600
    assert KEY[:3] not in made.failure.message


def test_oversized_response_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES", 2 * 1024 * 1024)

    async def answer(exchange: Exchange) -> None:
        await exchange.head(kind="application/json")
        for _ in range(64):
            await exchange.chunk(b" " * 65536)
        await exchange.until_the_client_leaves()

    made, _, base_url = ask(answer)
    assert made.failure is not None
    assert made.failure.rule == "bad-model-list"
    assert made.failure.message.endswith(f"{base_url}/models: the response is larger than 2 MiB")


async def says_goodbye(exchange: Exchange) -> None:
    exchange.writer.close()


async def stops_in_the_middle(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    exchange.writer.close()


async def is_no_http(exchange: Exchange) -> None:
    await exchange.send(b"220 mail.example ESMTP\r\n")
    exchange.writer.close()


async def says_nothing(exchange: Exchange) -> None:
    await exchange.until_the_client_leaves()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says_goodbye, "connection closed without a response"),
        (stops_in_the_middle, "connection lost in the middle of the response"),
        (is_no_http, "the response is not valid HTTP"),
        (says_nothing, "no response within 0.3 seconds"),
    ],
)
def test_failure_for_each_broken_response(
    answer: Callable[[Exchange], Awaitable[None]], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TOTAL_SECONDS", 0.3)
    made, _, base_url = ask(answer)
    assert made.failure is not None
    assert made.failure.rule == "server-unreachable"
    assert "`vllm`" in made.failure.message
    assert made.failure.message.endswith(f" {base_url}/models: {reason}")


def test_connection_refused() -> None:
    (made,) = module.discover_models([Query("vllm", "http://127.0.0.1:1/v1", {}, (), "set VLLM_API_KEY to")])
    assert made.failure is not None
    assert made.failure.rule == "server-unreachable"
    assert made.failure.message.endswith(" http://127.0.0.1:1/v1/models: connection refused")
    assert "`curl http://127.0.0.1:1/v1/models`" in made.failure.help


def test_failing_server_does_not_affect_others() -> None:
    async def run() -> list[ModelList]:
        async with raw_server(answering({"data": [{"id": "m"}]})) as server:
            urls = ["http://127.0.0.1:1/v1", server.base_url, "http://127.0.0.1:2/v1"]
            queries = [Query(f"p{number}", url, {}, (), "X") for number, url in enumerate(urls)]
            return await asyncio.to_thread(module.discover_models, queries)

    answers = asyncio.run(run())
    assert [sorted(answer.rows) for answer in answers] == [[], ["m"], []]
