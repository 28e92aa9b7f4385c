"""What can go wrong with a completion, each a switch of the test server: one for each request, in turn."""

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

__all__ = ["Fault", "FaultKind", "answer", "headers", "write"]

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
    # In the middle of one.
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
    # What is not valid UTF-8 in all events of one.
    "invalid utf-8 in id",
    # What is left out of one.
    "no content",
    "no finish reason",
    "no done",
    "no usage",
]

_LONG: Final = 3600.0
# Seconds between what was written and what breaks the connection, so that the client has read the one before the other.
_APART: Final = 0.05
_TOO_LARGE: Final = 16 * 1024 * 1024 + 1
_DONE: Final = b"data: [DONE]\n\n"
_ERROR: Final = b'data: {"error": {"message": "the engine died", "type": "InternalServerError", "code": 500}}\n\n'
_GZIP: Final = 16 + zlib.MAX_WBITS

# What is written instead of an answer before the connection is closed.
_INSTEAD: Final[dict[FaultKind, bytes]] = {
    "huge headers": b"HTTP/1.1 200 OK\r\nX-Huge: " + b"x" * 1_000_000,
    "no answer": b"",
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n",
}
# What is written before the rest comes byte by byte, and has no end.
_TRICKLING: Final[dict[FaultKind, bytes]] = {
    "slow headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "slow error": b"HTTP/1.1 CODE Slow\r\nContent-Type: text/plain\r\n\r\nout of order",
}
# What is written in the middle of a stream, which then ends.
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
# How the body is said to be packed.
_PACKINGS: Final[dict[FaultKind, str]] = {"cut gzip": "gzip", "not gzip": "gzip", "not asked for": "br"}
# What is in the events that are left out; all others come.
_LEFT_OUT: Final[dict[FaultKind, bytes]] = {
    "no content": b'"choices":',
    "no finish reason": b'"finish_reason":"',
    "no done": _DONE,
    "no usage": b'"usage":{',
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: What goes wrong.
        after: How many events of the stream come before it.
        code: The HTTP status of `status`, `slow error` and `redirect`.
        retry_after: The header of that name, as it is sent.
        body: The body of `status`; a lone surrogate is written as the byte that it stands for (PEP 383).
    """

    kind: FaultKind
    after: int = 3
    code: int = 503
    retry_after: str | None = None
    body: str = '{"error": {"message": "out of order", "type": "ServerError", "param": null, "code": 503}}'


async def answer(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """Answer with a fault that comes instead of a stream; None for one that comes in or after it."""
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
            await asyncio.sleep(_LONG)
        case _ if fault.kind in _TRICKLING:
            _raw(request, _TRICKLING[fault.kind].replace(b"CODE", b"%d" % fault.code))
            while request.transport is not None:
                _raw(request, b".")
                await asyncio.sleep(_APART)
        case _ if fault.kind in _INSTEAD:
            _raw(request, _INSTEAD[fault.kind])
            _close(request)
        case _:
            return None
    return web.Response()


async def write(request: web.Request, response: web.StreamResponse, events: Sequence[bytes], fault: Fault) -> None:
    """Write a stream that goes wrong. `events` are whole, the last one is `[DONE]`."""
    events = _before(events, fault)
    for event in events:
        await response.write(event)
    if fault.kind in _WRITTEN:
        await response.write(_WRITTEN[fault.kind])
        return
    await asyncio.sleep(_APART)
    match fault.kind:
        case "stall":
            await asyncio.sleep(_LONG)
        case "drop":
            _close(request)
        case "reset":
            _reset(request)
        case "bad framing":
            _raw(request, b"zz\r\nno size of a chunk\r\n")
            await asyncio.sleep(_LONG)


def _before(events: Sequence[bytes], fault: Fault) -> Sequence[bytes]:
    """Return what is written of a stream before it goes wrong, or all of it with what is wrong inside."""
    if fault.kind in _LEFT_OUT:
        return [event for event in events if _LEFT_OUT[fault.kind] not in event]
    if fault.kind == "invalid utf-8 in id":
        return [event.replace(b'"id":"', b'"id":"\xff') for event in events]
    if fault.kind == "cut gzip":
        # Each event can be unpacked when it is there, as servers do that pack streams; the next one is cut.
        packer = zlib.compressobj(wbits=_GZIP)
        packed = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in events[: fault.after + 1]]
        return [*packed[:-1], packed[-1][: len(packed[-1]) // 2]]
    return events if fault.kind in _PACKINGS else events[: fault.after]


def headers(fault: Fault | None) -> dict[str, str]:
    """Give the headers that a fault needs."""
    packing = None if fault is None else _PACKINGS.get(fault.kind)
    return {} if packing is None else {"Content-Encoding": packing}


def _raw(request: web.Request, data: bytes) -> None:
    """Write past aiohttp, which would not write what is wrong."""
    if request.transport is not None:
        request.transport.write(data)


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _reset(request: web.Request) -> None:
    """Close the connection so that the client sees a reset."""
    if request.transport is not None:
        raw = request.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
