"""Discovery on the wire: connections, framing, encodings, arbitrary responses, and concurrency."""

from __future__ import annotations

import asyncio
import functools
import gzip
import json
import logging
import socket
import ssl
import struct
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_config.net import limits
from genesis_config.resolve import discovery as module
from genesis_config.resolve.discovery import DiscoveryFailure, ModelList, Query
from genesis_config.resolve.lock import Row
from tests.runtime.support import Exchange, RawServer, raw_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TLS = Path(__file__).parent.parent / "data" / "tls"
BODY = json.dumps({"object": "list", "data": [{"id": "m", "max_model_len": 7}]}).encode()
ROWS = ModelList({"m": Row("m", 7, None)})


def query(base_url: str, **headers: str) -> Query:
    return Query("vllm", base_url, headers, (), "set VLLM_API_KEY to")


def ask(answer: Callable[[Exchange], Awaitable[None]], **headers: str) -> tuple[ModelList, RawServer]:
    async def run() -> tuple[ModelList, RawServer]:
        async with raw_server(answer) as server:
            (made,) = await asyncio.to_thread(module.discover_models, [query(server.base_url, **headers)])
            return made, server

    return asyncio.run(run())


def sending(*pieces: bytes) -> Callable[[Exchange], Awaitable[None]]:
    """Respond with these bytes, each in its own packet, and close."""

    async def answer(exchange: Exchange) -> None:
        for piece in pieces:
            await exchange.send(piece)
            await asyncio.sleep(0)
        exchange.writer.close()

    return answer


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def reason(made: ModelList, server: RawServer) -> str:
    """Return the reason of a failure, without the text before it."""
    assert made.rows == {}
    assert made.failure is not None
    start = f"cannot get the models of `vllm` from {server.base_url}/models: "
    assert made.failure.rule == "server-unreachable"
    assert made.failure.message.startswith(start)
    return made.failure.message.removeprefix(start)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [whole(BODY)],
        [bytes([byte]) for byte in whole(BODY)],
        [CHUNKED, *(b"1\r\n%c\r\n" % byte for byte in BODY), b"0\r\n\r\n"],
        [CHUNKED + b"%x;why=not\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(BODY), BODY)],
        [b"HTTP/1.0 200 OK\r\n\r\n", BODY],
        [b"HTTP/1.1 100 Continue\r\n\r\n", whole(BODY)],
        [whole(gzip.compress(BODY), "Content-Encoding: gzip")],
        [whole(BODY, "Content-Type: text/html; charset=utf-16")],
    ],
    ids=["whole", "bytes", "chunks", "trailer", "until-close", "continue", "gzip", "wrong-type"],
)
def test_model_list_in_every_framing(pieces: list[bytes]) -> None:
    assert ask(sending(*pieces))[0] == ROWS


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (CHUNKED + b"5\r\n{", "connection lost in the middle of the response"),
        (CHUNKED + b"zz\r\n", "the framing of the response is not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "connection lost in the middle of the response"),
        (whole(BODY, "X-Long: " + "x" * 20_000), "the response is not valid HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the response is not valid HTTP"),
        (b"", "connection closed without a response"),
        (b"HTTP/1.1 200", "connection closed without a response"),
    ],
)
def test_damaged_response_is_a_failure(answer: bytes, said: str) -> None:
    assert reason(*ask(sending(answer))) == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (whole(b"nonsense", "Content-Encoding: gzip"), "sent an invalid gzip body"),
        (whole(BODY, "Content-Encoding: br"), "which was not requested"),
        (whole(BODY, "Content-Encoding: zstd"), "which was not requested"),
    ],
)
def test_body_that_cannot_be_decompressed(answer: bytes, said: str) -> None:
    made, _ = ask(sending(answer))
    assert made.failure is not None
    assert made.failure.rule == "bad-model-list"
    assert made.failure.message.endswith(said)


def test_invalid_utf8_hides_no_model() -> None:
    row = b'{"id": "m", "max_model_len": 7, "owned_by": "\xff"}'
    made, _ = ask(sending(whole(b'{"data": [%s, {"id": "n\xff"}], "\xc3(": 1}' % row)))
    assert made == ROWS._replace(dropped=1)
    made, _ = ask(sending(whole(b'{"error": {"message": "out \xff order"}}', status="500 Bad")))
    assert made.failure is not None
    assert made.failure.message.endswith("answered 500: out \ufffd order")


@pytest.mark.parametrize("answer", [b"", b"\x15\x03\x03\x00\x02\x02\x46"], ids=["end", "alert"])
def test_help_suggests_https(answer: bytes) -> None:
    made, _ = ask(sending(answer))
    assert made.failure is not None
    assert made.failure.help.startswith(
        "if the server uses TLS, use `https://` in `baseUrl`; otherwise start the server"
    )


def test_decompression_bomb_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES", 1024 * 1024)
    made, _ = ask(sending(whole(gzip.compress(b" " * 30_000_000), "Content-Encoding: gzip")))
    assert made.failure is not None
    assert made.failure.rule == "bad-model-list"
    assert made.failure.message.endswith("larger than 1 MiB")


@pytest.mark.parametrize(("more", "taken"), [(0, True), (1, False)])
def test_response_of_exactly_the_limit_is_accepted(more: int, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a table
    limit = 4096
    monkeypatch.setattr(limits, "MAX_BYTES", limit)
    made, _ = ask(sending(whole(BODY + b" " * (limit + more - len(BODY)))))
    assert (made == ROWS) is taken


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_redirect_is_not_followed(status: str) -> None:
    made, server = ask(sending(whole(b"", "Location: /v1/models", status=status)), Authorization="Bearer canary")
    assert made.failure is not None
    assert made.failure.rule == "bad-model-list"
    assert "`baseUrl`" in made.failure.help
    assert "redirects" in made.failure.help
    assert len(server.requests) == server.connections == 1


@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "206 Partial Content"])
def test_only_status_200_is_a_success(status: str) -> None:
    made, server = ask(sending(whole(b"" if "204" in status else BODY, status=status)))
    assert made.failure == DiscoveryFailure(
        "bad-model-list",
        f"{server.base_url}/models answered {status[:3]}",
        "is `baseUrl` the address of an OpenAI-compatible server, up to `/v1`?",
    )


def test_cookies_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> RawServer:
        cookies = ["Set-Cookie: a=1; Path=/", "Set-Cookie: bad name\x01=;=2"]
        async with raw_server(sending(whole(BODY, *cookies))) as server:
            for _ in range(2):
                answers = await asyncio.to_thread(module.discover_models, [query(server.base_url)] * 2)
                assert answers == [ROWS, ROWS]
            return server

    with caplog.at_level(logging.DEBUG):
        server = asyncio.run(run())
    assert [request.header("Cookie") for request in server.requests] == [[]] * 4
    assert [record.getMessage() for record in caplog.records if record.name.startswith("aiohttp")] == []


def test_declared_accept_replaces_the_default() -> None:
    _, server = ask(sending(whole(BODY)), accept="text/json")
    assert server.requests[0].names == ["Accept-Encoding", "Host", "accept"]
    assert server.requests[0].header("Accept") == ["text/json"]


def test_rejected_authorization_header_in_any_case() -> None:
    made, _ = ask(sending(whole(b"", status="401 Unauthorized")), AUTHORIZATION="Basic eA==")
    assert made.failure is not None
    assert made.failure.message.endswith("answered 401; the server rejected the key")


def listening(greet: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> ModelList:
    """Query, over TLS, a server that handles connections in this way."""

    async def run() -> ModelList:
        closed = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await greet(reader, writer)
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            closed.set()

        async with await asyncio.start_server(serve, "127.0.0.1") as listener:
            url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
            (made,) = await asyncio.to_thread(module.discover_models, [query(url)])
            await closed.wait()
        return made

    return asyncio.run(run())


def test_server_without_tls() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(5)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    made = listening(plain)
    assert made.failure is not None
    assert made.failure.message.partition(": TLS handshake failed: ")[2].startswith("the server does not use TLS")
    assert made.failure.help.startswith("correct the scheme in `baseUrl`")


@pytest.mark.parametrize("trusted", [False, True])
def test_untrusted_certificate_and_ssl_cert_file(
    trusted: bool,  # noqa: FBT001 - a table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "certificate.pem"))
        # aiohttp's cached context was created before the variable was set.
        monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")

    async def run() -> ModelList:
        async with raw_server(sending(whole(BODY)), tls=context) as server:
            (made,) = await asyncio.to_thread(module.discover_models, [query(server.base_url)])
            return made

    made = asyncio.run(run())
    if trusted:
        assert made == ROWS
        return
    assert made.failure is not None
    assert made.failure.message.endswith(
        "/v1/models: TLS handshake failed: certificate not trusted: self-signed certificate"
    )
    assert "SSL_CERT_FILE" in made.failure.help


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_ipv6_address_and_path_prefix() -> None:
    async def run() -> tuple[ModelList, list[str]]:
        try:
            server = raw_server(sending(whole(BODY)), host="::1")
            async with server as running:
                port = running.base_url.rpartition(":")[2].removesuffix("/v1")
                (made,) = await asyncio.to_thread(module.discover_models, [query(f"http://[::1]:{port}/llm/a/v1")])
                return made, [request.path for request in running.requests]
        except OSError as error:
            pytest.skip(f"this machine has no ::1: {error}")

    assert asyncio.run(run()) == (ROWS, ["/llm/a/v1/models"])


def test_tls_timeout_is_distinguished_from_a_late_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECT_SECONDS", 0.2)

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    made = listening(silent)
    assert made.failure is not None
    assert made.failure.message.endswith(
        ": the server accepted the connection but did not complete a TLS handshake within 0.2 seconds"
    )
    assert "`http://` in `baseUrl`" in made.failure.help


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_server_that_accepts_no_connection(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECT_SECONDS", 0.2)
    with socket.socket() as listener, ExitStack() as taken:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):  # more than the queue holds
            waiting = taken.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        (made,) = module.discover_models([query(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/v1")])
    assert made.failure is not None
    assert made.failure.message.endswith(": no connection within 0.2 seconds")
    assert made.failure.help.startswith("start the server or correct `baseUrl`")


def test_slow_response_does_not_extend_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOTAL_SECONDS", 0.4)

    async def drip(exchange: Exchange) -> None:
        await exchange.head(kind="application/json")
        for _ in range(100):
            await exchange.chunk(b" ")
            await asyncio.sleep(0.02)
        await exchange.chunk(BODY)
        await exchange.end()

    made, server = ask(drip)
    assert reason(made, server) == "the response did not complete within 0.4 seconds"
    assert made.failure is not None
    assert made.failure.help.startswith("check with `curl ")


def test_silent_server_may_be_loading_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOTAL_SECONDS", 0.3)

    async def silent(_: Exchange) -> None:
        await asyncio.Event().wait()

    made, server = ask(silent)
    assert reason(made, server) == "no response within 0.3 seconds"
    assert made.failure is not None
    assert "loading its model" in made.failure.help


@pytest.mark.parametrize("listed", ["200 OK", "401 Unauthorized"])
def test_version_is_queried_concurrently_without_waiting(listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "VERSION_SECONDS", 0.1)

    async def run() -> list[ModelList]:
        both = asyncio.Barrier(2)

        async def answer(exchange: Exchange) -> None:
            await both.wait()  # neither is answered before both have arrived
            body = b'{"version": "0.32.0"}' if exchange.request.path == "/version" else BODY
            await exchange.send(whole(body, status="200 OK" if exchange.request.path == "/version" else listed))

        async def silent(exchange: Exchange) -> None:
            if exchange.request.path == "/version":
                await asyncio.Event().wait()
            await exchange.send(whole(BODY, status=listed))

        async with raw_server(answer) as server, raw_server(silent) as other:
            queries = [query(each.base_url, Authorization="Bearer canary") for each in (server, other)]
            made = await asyncio.to_thread(functools.partial(module.discover_models, queries, versions=True))
            for each in (server, other):
                (asked,) = [request for request in each.requests if request.path == "/version"]
                assert asked.header("Authorization") == []
            return made

    made = asyncio.run(run())
    assert [models.version for models in made] == ["0.32.0", None]
    assert [models.rows == ROWS.rows for models in made] == [listed == "200 OK"] * 2


def test_slow_name_lookup_does_not_extend_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOTAL_SECONDS", 0.2)
    late = threading.Event()

    def slow(*_: object, **__: object) -> list[object]:
        late.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    (made,) = module.discover_models([query("http://slow-to-find.example/v1")])
    # Waiting for the thread would have taken until it ended.
    assert not late.is_set()
    late.set()
    assert made.failure is not None
    assert made.failure.message.endswith(": no response within 0.2 seconds")


def test_unknown_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    # The only fake here: a real lookup would leave this machine.
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    (made,) = module.discover_models([query("http://no-such-host.example/v1")])
    assert made.failure is not None
    assert "`vllm`" in made.failure.message
    assert made.failure.message.endswith("http://no-such-host.example/v1/models: host name not found")


def test_connection_reset() -> None:
    async def resets(exchange: Exchange) -> None:
        # Closing a socket with a linger time of zero sends a reset.
        lingers = struct.pack("ii", 1, 0)
        exchange.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingers)
        exchange.writer.transport.abort()

    assert reason(*ask(resets)) == "connection reset by the server"


NO_REQUEST = "no valid HTTP request can be made from this URL and these headers"


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("http://[::1", NO_REQUEST),
        ("http://127.0.0.1:99999/v1", NO_REQUEST),
        ("http://double..dot/v1", "host name not found"),
        (f"http://{'a' * 70}.example/v1", "host name not found"),
    ],
)
def test_invalid_address_is_a_failure(base_url: str, said: str) -> None:
    (made,) = module.discover_models([query(base_url)])
    assert made.failure is not None
    assert "`vllm`" in made.failure.message
    assert made.failure.message.endswith(f" {base_url}/models: {said}")


def test_header_injection_is_rejected() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        (made,) = module.discover_models([query(base_url, **{"X\r\nY": "1"})])
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1) == b""
    assert made.failure is not None
    assert made.failure.message.endswith(f"/models: {NO_REQUEST}")


@pytest.mark.parametrize("count", [3, 120])
def test_queries_do_not_wait_for_each_other(count: int) -> None:
    """The server answers no query before it has received all of them, so they must be concurrent."""

    async def run() -> tuple[list[ModelList], RawServer]:
        everyone = asyncio.Barrier(count)

        async def answer(exchange: Exchange) -> None:
            await everyone.wait()
            row = {"id": exchange.request.header("X-Number")[0]}
            await exchange.whole("200 OK", "application/json", json.dumps({"data": [row]}).encode())

        async with raw_server(answer) as server:
            queries = [query(server.base_url, **{"X-Number": str(number)}) for number in range(count)]
            return await asyncio.to_thread(module.discover_models, queries), server

    answers, server = asyncio.run(run())
    assert [list(answer.rows) for answer in answers] == [[str(number)] for number in range(count)]
    assert server.connections == count


# Parts of heads and of lists of models, so that not all of what is tried fails at its first byte.
PIECES = st.lists(
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 401 No\r\n",
            b"Content-Length: 2\r\n",
            b"Content-Length: -1\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Encoding: gzip\r\n",
            b"Content-Encoding: br\r\n",
            b"Set-Cookie: \xff=\x00\r\n",
            b"Location: http://[\r\n",
            b"\r\n",
            b"{}",
            b'{"data":[',
            b'{"id":"a"},',
            b'{"id":"\\ud800"}',
            b'{"error":{"message":[1]}}',
            b'"max_model_len":1e999',
            b"NaN",
            b"]}",
            b"0\r\n\r\n",
            b"ff\r\n",
        ]
    )
    | st.binary(max_size=20),
    max_size=12,
)


@settings(max_examples=150)
@given(PIECES)
def test_any_response_gives_rows_or_a_failure(pieces: list[bytes]) -> None:
    made, _ = ask(sending(b"".join(pieces)))
    assert (made.failure is None) == bool(made.rows)
