"""Shared helpers: manifests, a transport without sockets, and a server that sends raw bytes."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from genesis_config.credentials.lookup import SecretRef
from genesis_config.manifest import (
    Compat,
    Cost,
    Generator,
    Manifest,
    Model,
    Provider,
    RequestPolicy,
    Selection,
    SourceInfo,
    Streaming,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from genesis_config.net import transport
    from genesis_config.net.proxies import Proxy
    from genesis_config.runtime import Event, Runtime

KEY = "sk-canary-5b1c9"
ENVIRONMENT = {"VLLM_API_KEY": KEY}
MESSAGES = [{"role": "user", "content": "Hello"}]
MODEL = Model(
    id="org/model",
    name="A model",
    reasoning=False,
    input=("text",),
    cost=Cost(),
    context_window=1000,
    context_window_from="config",
    max_tokens=8192,
    max_tokens_from="default",
    params={},
    headers={},
    compat=Compat(),
    parent=None,
)
PROVIDER = Provider(
    decision="explicit",
    reason="models.providers.vllm is defined",
    api="openai-completions",
    base_url="http://127.0.0.1:1/v1",
    credential=SecretRef(template="${VLLM_API_KEY}"),
    headers={},
    timeout_seconds=30,
    max_connections=10,
    streaming=Streaming(),
    request_policy=RequestPolicy(),
    models=(MODEL,),
)


def model_with(**changes: Any) -> Model:
    return msgspec.structs.replace(MODEL, **changes)


def provider_with(**changes: Any) -> Provider:
    return msgspec.structs.replace(PROVIDER, **changes)


def manifest_of(provider: Provider = PROVIDER, **selection: Any) -> Manifest:
    """Return a manifest with the provider `vllm`. Its first model is the primary unless `selection` sets another."""
    return Manifest(
        manifest_version=1,
        generator=Generator(),
        source=SourceInfo("genesis.json5", "0" * 64),
        providers={"vllm": provider},
        selection=Selection(**({"primary": f"vllm/{provider.models[0].id}"} | selection)),
    )


def event(data: object) -> bytes:
    """Return a server-sent event."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    """Return a chunk with one choice."""
    return event({"choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more})


DONE = b"data: [DONE]\n\n"
STOP = chunk({}, "stop")
HELLO = chunk({"content": "Hel"}) + chunk({"content": "lo"})
USAGE = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
WHOLE = HELLO + STOP + USAGE + DONE


class MemoryResponse:
    """A response from memory, with its body in pieces. A piece that is an exception is raised."""

    def __init__(
        self,
        *pieces: bytes | Exception,
        status: int = 200,
        kind: str = "text/event-stream",
        proxy: Proxy | None = None,
        **headers: str,
    ) -> None:
        self.status = status
        self.proxy = proxy
        self.headers = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.closed = False
        self._pieces = iter(pieces)

    async def read(self) -> bytes:
        piece = next(self._pieces, b"")
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self) -> None:
        self.closed = True


class MemoryTransport:
    """A transport with a sequence of answers for each provider. An answer that is an exception is raised.

    Attributes:
        requests: The requests sent, in order.
        closed: Whether the runtime closed the transport.
    """

    def __init__(self, **answers: Iterable[MemoryResponse | Exception]) -> None:
        self.requests: list[transport.Request] = []
        self.closed = False
        self._answers = {f"http://{name}/v1": iter(answer) for name, answer in answers.items()}

    async def send(self, request: transport.Request) -> MemoryResponse:
        self.requests.append(request)
        answer = next(self._answers[request.url.removesuffix("/chat/completions")])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True

    def count(self, name: str) -> int:
        """Count the requests to a provider."""
        return sum(request.url.startswith(f"http://{name}/") for request in self.requests)


@dataclass
class Request:
    """One request, byte for byte."""

    method: str
    path: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def names(self) -> list[str]:
        """The names of the headers as they were sent, in alphabetical order."""
        return sorted(name for name, _ in self.headers)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """A request and the connection for its response."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: RawServer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: str = "200 OK", kind: str = "text/event-stream", *more: str) -> None:
        """Send the headers of a chunked response."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Transfer-Encoding: chunked", *more, "", ""]
        await self.send("\r\n".join(lines).encode())

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def whole(self, status: str, kind: str, body: bytes, *more: str) -> None:
        """Send a response with a Content-Length."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *more, "", ""]
        await self.send("\r\n".join(lines).encode() + body)

    async def stream(self, *datas: bytes) -> None:
        """Send a whole stream: each part in its own HTTP chunk, and the end in its own packet."""
        await self.head()
        for data in datas:
            await self.chunk(data)
        await asyncio.sleep(0.01)
        await self.end()

    async def until_the_client_leaves(self) -> None:
        """Wait until the client closes the connection, and record it."""
        try:
            while await self.reader.read(1024):
                pass
        except ConnectionError:
            pass
        self.server.left.set()


if TYPE_CHECKING:
    Answer = Callable[[Exchange], Awaitable[None]]


@dataclass
class RawServer:
    """A server on a socket of this machine.

    Attributes:
        requests: The requests received, in order.
        asked: For each number of requests, an event that is set when that many have arrived.
        connections: The number of connections accepted.
        left: Set when a client closes the connection while `until_the_client_leaves` waits.
    """

    base_url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    asked: defaultdict[int, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    @property
    def url(self) -> str:
        return f"{self.base_url}/chat/completions"


@asynccontextmanager
async def raw_server(
    answer: Answer, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Answer every request with `answer`. Connections stay open until the client or the answer closes them."""
    server = RawServer()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while (request := await _read(reader)) is not None and not writer.is_closing():
                server.requests.append(request)
                server.asked[len(server.requests)].set()
                await answer(Exchange(request, reader, writer, server))
        except ConnectionError:
            pass
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(serve(reader, writer)))

    listener = await asyncio.start_server(begin, host, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server.base_url = f"{'https' if tls else 'http'}://{host}:{port}/v1"
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode().split("\r\n")[:-2]
    method, path, version = first.split(" ")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Request(method, path, version, headers, await reader.readexactly(length))


async def collect(
    runtime: Runtime, model: str | None = None, messages: Sequence[Any] = MESSAGES, **options: Any
) -> list[Event]:
    """Return all events of a stream."""
    return [event async for event in runtime.stream(model, messages, **options)]
