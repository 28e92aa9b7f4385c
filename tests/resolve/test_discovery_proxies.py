"""Proxies set by the environment: when one is used, and its failures."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from typing import TYPE_CHECKING

import pytest

from genesis_config.net.proxies import Proxy, proxy_for
from genesis_config.resolve.discovery import ModelList, Query, discover_models
from genesis_config.resolve.lock import Row
from tests.runtime.support import Exchange, RawServer, raw_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
BODY = json.dumps({"data": [{"id": "m", "max_model_len": 7}]}).encode()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def ask(
    url: str, answer: Callable[[Exchange], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, user: str = ""
) -> tuple[ModelList, RawServer]:
    """Query `url` through a proxy that answers the request itself."""

    async def run() -> tuple[ModelList, RawServer]:
        async with raw_server(answer) as proxy:
            address = proxy.base_url.removeprefix("http://").removesuffix("/v1")
            for name in VARIABLES[:2]:
                monkeypatch.setenv(name, f"http://{user}{address}")
            query = Query("vllm", url, {"Authorization": "Bearer canary-31"}, ("canary-31",), "set VLLM_API_KEY to")
            (made,) = await asyncio.to_thread(discover_models, [query])
            return made, proxy

    return asyncio.run(run())


def answering(head: bytes, body: bytes = b"") -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body))
        exchange.writer.close()

    return answer


def test_http_request_through_a_proxy_has_the_full_url(monkeypatch: pytest.MonkeyPatch) -> None:
    made, proxy = ask("http://models.example:8000/v1", answering(b"200 OK", BODY), monkeypatch, user="me:hunter2@")
    assert made == ModelList({"m": Row("m", 7, None)})
    (request,) = proxy.requests
    assert request.path == "http://models.example:8000/v1/models"
    headers = dict(request.headers)
    assert headers["Proxy-Authorization"] == f"Basic {base64.b64encode(b'me:hunter2').decode()}"
    assert headers["Authorization"] == "Bearer canary-31"


def test_https_request_uses_a_tunnel_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made, proxy = ask("https://models.example/v1", answering(b"407 Proxy Authentication Required"), monkeypatch)
    (request,) = proxy.requests
    assert (request.method, request.path) == ("CONNECT", "models.example:443")
    assert "canary-31" not in repr(request)
    assert made.failure is not None
    assert made.failure.rule == "server-unreachable"
    address = proxy.base_url.removesuffix("/v1")
    assert f" https://models.example/v1/models: the proxy {address} answered 407" in made.failure.message
    assert made.failure.help.endswith("correct HTTPS_PROXY, or add models.example to NO_PROXY to bypass the proxy")


def test_login_page_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    made, proxy = ask(
        "http://models.example/v1", answering(b"200 OK", b"<html>Log in"), monkeypatch, user="me:hunter2@"
    )
    assert made.failure is not None
    assert made.failure.message.startswith("http://models.example/v1/models answered with an HTML page")
    assert f"the proxy {proxy.base_url.removesuffix('/v1')}" in made.failure.message
    assert "hunter2" not in repr(made)


def test_proxy_that_requires_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    made, proxy = ask("http://models.example/v1", answering(b"407 Proxy Authentication Required"), monkeypatch)
    assert made.failure is not None
    assert made.failure.rule == "server-unreachable"
    address = proxy.base_url.removesuffix("/v1")
    assert f" http://models.example/v1/models: the proxy {address} answered 407" in made.failure.message
    assert "password" in made.failure.message


@pytest.mark.parametrize("variable", ["ALL_PROXY", "http_proxy"])
def test_unsupported_proxy_is_not_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        monkeypatch.setenv(variable, f"socks5://me:hunter2@127.0.0.1:{listener.getsockname()[1]}")
        (made,) = discover_models([Query("vllm", "http://models.example/v1", {}, (), "set VLLM_API_KEY to")])
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert made.failure is not None
    assert made.failure.rule == "server-unreachable"
    assert made.failure.message.endswith(f": {variable} names a `socks5` proxy, which is not supported")
    assert "`http://HOST:PORT`" in made.failure.help
    assert "hunter2" not in repr(made)


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://127.0.0.1:1", "cannot connect to the proxy http://127.0.0.1:1: connection refused"),
        ("127.0.0.1:1", "cannot connect to the proxy http://127.0.0.1:1: connection refused"),
        ("http://[", "HTTP_PROXY is not a valid proxy URL"),
        ("http://127.0.0.1:99999", "HTTP_PROXY is not a valid proxy URL"),
        ("http://", "HTTP_PROXY is not a valid proxy URL"),
        ("ftp:x", "HTTP_PROXY is not a valid proxy URL"),
    ],
)
def test_unusable_proxy(proxy: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    (made,) = discover_models([Query("vllm", "http://models.example/v1", {}, (), "set VLLM_API_KEY to")])
    assert made.failure is not None
    assert made.failure.rule == "server-unreachable"
    assert made.failure.message.endswith(f": {said}")
    assert "HTTP_PROXY" in made.failure.help


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("http://h/v1", {}, None),
        ("http://h/v1", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("http://h/v1", {"http_proxy": "http://p:1", "HTTP_PROXY": "http://q:1"}, "http://p:1"),
        ("http://h/v1", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://h/v1", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://h/v1", {"ALL_PROXY": "p:1"}, "http://p:1"),
        ("https://h/v1", {"http_proxy": "http://q:1", "all_proxy": "p:1"}, "http://p:1"),
        ("http://h/v1", {"HTTP_PROXY": ""}, None),
        ("http://h/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "h"}, None),
        ("http://h:8000/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "h:8000"}, None),
        ("http://a.h/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": ".h"}, None),
        ("http://ah/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": ".h,x"}, "http://p:1"),
        ("http://h/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("http://localhost:8000/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://127.0.0.2/v1", {"ALL_PROXY": "http://p:1"}, None),
        ("http://[::1]:8000/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://vllm.localhost/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://localhost.:8000/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://127.1:8000/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://0x7f.1/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://2130706433/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://[::ffff:127.0.0.1]/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://0.0.0.0:8000/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://[::]:8000/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://10.0.0.5/v1", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("http://10.1/v1", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("http://127.example/v1", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("http://10.0.0.5/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "h, 10.0.0.0/8"}, None),
        ("http://11.0.0.5/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "h, 10.0.0.0/8"}, "http://p:1"),
        ("http://[fd00::5]/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "x/y,10.0.0.0/8,fd00::/8"}, None),
        ("http://h/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "0.0.0.0/0"}, "http://p:1"),
    ],
)
def test_proxy_for_a_url(
    url: str, environment: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    named = next((name for name, value in environment.items() if value.removeprefix("http://") == "p:1"), "")
    assert proxy_for(url) == (None if expected is None else Proxy(expected, expected, named))


@pytest.mark.parametrize(
    ("url", "supported"),
    [("http://p:1", True), ("p:1", True), ("HTTPS://p:1", True), ("socks5://p:1", False), ("socks5h://p:1", False)],
)
def test_supported_proxies(url: str, supported: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a table
    monkeypatch.setenv("HTTP_PROXY", url)
    found = proxy_for("http://h/v1")
    assert found is not None
    assert found.supported is supported


def test_shown_proxy_url_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:hunter2@p:1")
    found = proxy_for("http://h/v1")
    assert found is not None
    assert found.shown == "http://p:1"
