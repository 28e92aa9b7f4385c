"""What can go wrong with a completion, each a switch of the test server: one for each request, in turn."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Fault", "FaultKind", "answer", "write"]

FaultKind = Literal[
    # Instead of a stream.
    "status",
    "redirect",
    "page",
    "whole",
    "silence",
    "no answer",
    "no http",
    # In the middle of one.
    "cut",
    "reset",
    "stall",
    "bad framing",
    "cut gzip",
    "error",
    "error, then done",
    "nonsense",
    "wrong type",
    "half an event",
    "too large",
    # At its end.
    "no finish reason",
    "no done",
    "no usage",
]

_LONG: Final = 3600.0
# Seconds between what was written and what breaks the connection, so that the client has read the one before the other.
_APART: Final = 0.05
_TOO_LARGE: Final = 16 * 1024 * 1024 + 1
_DONE: Final = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: What goes wrong.
        after: How many events of the stream come before it.
        code: The HTTP status of `status` and `redirect`.
        retry_after: The header of that name, as it is sent.
        body: The body of `status`.
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
            return web.Response(text=fault.body, status=fault.code, headers=headers, content_type="application/json")
        case "page":
            return web.Response(text="<!doctype html><title>Sign in</title>", content_type="text/html")
        case "whole":
            return web.Response(text='{"choices": []}', content_type="application/json")
        case "silence":
            await asyncio.sleep(_LONG)
        case "no answer":
            _reset(request, hard=False)
        case "no http":
            assert request.transport is not None
            request.transport.write(b"SSH-2.0-OpenSSH_9.6\r\n")
            _reset(request, hard=False)
        case _:
            return None
    return web.Response()


async def write(request: web.Request, response: web.StreamResponse, events: Sequence[bytes], fault: Fault) -> None:
    """Write a stream that goes wrong. `events` are whole, the last one is `[DONE]`."""
    before = events[: fault.after]
    match fault.kind:
        case "no finish reason":
            await _all(response, [event for event in events if b'"finish_reason":"' not in event])
        case "no done":
            await _all(response, events[:-1])
        case "no usage":
            await _all(response, [event for event in events if b'"usage":{' not in event])
        case "cut gzip":
            # The headers are gone already: the server is asked for it by `encoding`.
            packed = gzip.compress(b"".join(events), mtime=0)
            await response.write(packed[: len(packed) // 2])
        case _:
            await _all(response, before)
            await _middle(request, response, fault)


def encoding(fault: Fault | None) -> dict[str, str]:
    """Give the headers that a fault needs."""
    return {"Content-Encoding": "gzip"} if fault is not None and fault.kind == "cut gzip" else {}


async def _middle(request: web.Request, response: web.StreamResponse, fault: Fault) -> None:
    error = b'data: {"error": {"message": "the engine died", "type": "InternalServerError", "code": 500}}\n\n'
    match fault.kind:
        case "reset":
            await asyncio.sleep(_APART)
            _reset(request, hard=True)
        case "stall":
            await asyncio.sleep(_LONG)
        case "bad framing":
            assert request.transport is not None
            await asyncio.sleep(_APART)
            request.transport.write(b"zz\r\nno size of a chunk\r\n")
            await asyncio.sleep(_APART)
            _reset(request, hard=False)
        case "error":
            await response.write(error)
        case "error, then done":
            await response.write(error + _DONE)
        case "nonsense":
            await response.write(b'data: {"choices": [}\n\n' + _DONE)
        case "wrong type":
            await response.write(b'data: {"choices": [{"index": 0, "delta": {"content": 7}}]}\n\n' + _DONE)
        case "half an event":
            await response.write(b'data: {"choices": [{"index": 0, "del')
        case "too large":
            await response.write(b"data: " + b"x" * _TOO_LARGE)
        case _:
            assert fault.kind == "cut"


async def _all(response: web.StreamResponse, events: Sequence[bytes]) -> None:
    for event in events:
        await response.write(event)


def _reset(request: web.Request, *, hard: bool) -> None:
    """Close the connection at once; a hard one is a reset that the client sees as such."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if hard and raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort() if hard else transport.close()
