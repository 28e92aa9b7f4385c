"""Faults of the test server: everything that can go wrong with a completion, one fault per request."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Fault", "FaultKind", "headers", "respond", "write_stream"]

FaultKind = Literal[
    # Instead of a stream.
    "status",
    "redirect",
    "page",
    "whole",
    "silence",
    "slow headers",
    "slow error",
    "huge headers",
    "no answer",
    "no http",
    # In the middle of a stream.
    "cut",
    "drop",
    "reset",
    "stall",
    "bad framing",
    "cut gzip",
    "not gzip",
    "not asked for",
    "error",
    "error, then done",
    "nonsense",
    "wrong type",
    "invalid utf-8",
    "half an event",
    "too large",
    # In every event of a stream.
    "invalid utf-8 in id",
    # Omitted from a stream.
    "no content",
    "no finish reason",
    "no done",
    "no usage",
]

_FOREVER: Final = 3600.0
# Seconds between writing and breaking the connection, so that the client has read everything before.
_PAUSE: Final = 0.05
_TOO_LARGE: Final = 16 * 1024 * 1024 + 1
_DONE: Final = b"data: [DONE]\n\n"
_ERROR: Final = b'data: {"error": {"message": "the engine died", "type": "InternalServerError", "code": 500}}\n\n'
_GZIP: Final = 16 + zlib.MAX_WBITS

# Written instead of a response before the connection is closed.
_INSTEAD: Final[dict[FaultKind, bytes]] = {
    "huge headers": b"HTTP/1.1 200 OK\r\nX-Huge: " + b"x" * 1_000_000,
    "no answer": b"",
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n",
}
# Written before the rest, which comes byte by byte without end.
_TRICKLING: Final[dict[FaultKind, bytes]] = {
    "slow headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "slow error": b"HTTP/1.1 CODE Slow\r\nContent-Type: text/plain\r\n\r\nout of order",
}
# Written in the middle of a stream, which then ends.
_WRITTEN: Final[dict[FaultKind, bytes]] = {
    "cut": b"",
    "error": _ERROR,
    "error, then done": _ERROR + _DONE,
    "nonsense": b'data: {"choices": [}\n\n' + _DONE,
    "wrong type": b'data: {"choices": [{"index": 0, "delta": {"content": 7}}]}\n\n' + _DONE,
    "invalid utf-8": b'data: {"choices": [{"index": 0, "delta": {"content": "\xff"}}]}\n\n' + _DONE,
    "half an event": b'data: {"choices": [{"index": 0, "del',
    "too large": b"data: " + b"x" * _TOO_LARGE,
}
# The declared content encoding.
_ENCODINGS: Final[dict[FaultKind, str]] = {"cut gzip": "gzip", "not gzip": "gzip", "not asked for": "br"}
# A text in the events that are omitted from the stream.
_OMITTED: Final[dict[FaultKind, bytes]] = {
    "no content": b'"choices":',
    "no finish reason": b'"finish_reason":"',
    "no done": _DONE,
    "no usage": b'"usage":{',
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the server.

    Attributes:
        kind: What goes wrong.
        after: The number of events before it in the stream.
        code: The HTTP status of `status`, `slow error` and `redirect`.
        retry_after: The value of the `Retry-After` header.
        body: The body of `status`; a lone surrogate is written as the byte that it represents (PEP 383).
    """

    kind: FaultKind
    after: int = 3
    code: int = 503
    retry_after: str | None = None
    body: str = '{"error": {"message": "out of order", "type": "ServerError", "param": null, "code": 503}}'


async def respond(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """Send a fault that replaces the stream. Return None if the fault occurs in the stream."""
    match fault.kind:
        case "status" | "redirect":
            headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
            if fault.kind == "redirect":
                headers["Location"] = "/elsewhere"
            body = fault.body.encode(errors="surrogateescape")
            return web.Response(body=body, status=fault.code, headers=headers, content_type="application/json")
        case "page":
            return web.Response(text="<!doctype html><title>Sign in</title>", content_type="text/html")
        case "whole":
            return web.Response(text='{"choices": []}', content_type="application/json")
        case "silence":
            await asyncio.sleep(_FOREVER)
        case _ if fault.kind in _TRICKLING:
            _raw(request, _TRICKLING[fault.kind].replace(b"CODE", b"%d" % fault.code))
            while request.transport is not None:
                _raw(request, b".")
                await asyncio.sleep(_PAUSE)
        case _ if fault.kind in _INSTEAD:
            _raw(request, _INSTEAD[fault.kind])
            _close(request)
        case _:
            return None
    return web.Response()


async def write_stream(
    request: web.Request, response: web.StreamResponse, events: Sequence[bytes], fault: Fault
) -> None:
    """Write a stream with a fault. `events` are complete server-sent events, of which the last one is `[DONE]`."""
    events = _faulty_events(events, fault)
    for event in events:
        await response.write(event)
    if fault.kind in _WRITTEN:
        await response.write(_WRITTEN[fault.kind])
        return
    await asyncio.sleep(_PAUSE)
    match fault.kind:
        case "stall":
            await asyncio.sleep(_FOREVER)
        case "drop":
            _close(request)
        case "reset":
            _reset(request)
        case "bad framing":
            _raw(request, b"zz\r\nnot a chunk size\r\n")
            await asyncio.sleep(_FOREVER)


def _faulty_events(events: Sequence[bytes], fault: Fault) -> Sequence[bytes]:
    """Return the events before the fault, or all events if the fault is inside of them."""
    if fault.kind in _OMITTED:
        return [event for event in events if _OMITTED[fault.kind] not in event]
    if fault.kind == "invalid utf-8 in id":
        return [event.replace(b'"id":"', b'"id":"\xff') for event in events]
    if fault.kind == "cut gzip":
        # Each event can be decompressed on arrival, as with servers that compress streams; the last one is cut.
        compressor = zlib.compressobj(wbits=_GZIP)
        compressed = [
            compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH) for event in events[: fault.after + 1]
        ]
        return [*compressed[:-1], compressed[-1][: len(compressed[-1]) // 2]]
    return events if fault.kind in _ENCODINGS else events[: fault.after]


def headers(fault: Fault | None) -> dict[str, str]:
    """Return the headers that a fault needs."""
    encoding = None if fault is None else _ENCODINGS.get(fault.kind)
    return {} if encoding is None else {"Content-Encoding": encoding}


def _raw(request: web.Request, data: bytes) -> None:
    """Write to the transport directly, since aiohttp would not write invalid data."""
    if request.transport is not None:
        request.transport.write(data)


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _reset(request: web.Request) -> None:
    """Close the connection so that the client gets a connection reset."""
    if request.transport is not None:
        raw = request.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
