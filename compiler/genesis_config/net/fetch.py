"""Fetching a small document, such as a model list, within the limits of discovery."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from genesis_config.net import limits
from genesis_config.net.causes import Exchange, TransportError, build_cause
from genesis_config.net.proxies import proxy_for
from genesis_config.net.steps import Peer, connect
from genesis_config.net.transport import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.net.transport import Response, Transport

__all__ = ["fetch"]


async def fetch(transport: Transport, url: str, headers: Mapping[str, str]) -> tuple[Response, bytes]:
    """Send a GET request, and return the response and its body.

    Raises:
        TransportError: There was no complete response within the limits.
    """
    request = Request("GET", url, headers, None, limits.CONNECT_SECONDS, limits.TOTAL_SECONDS)
    response = None
    try:
        async with asyncio.timeout(limits.TOTAL_SECONDS):
            response = await transport.send(request)
            return response, await _read_body(response, url)
    except TimeoutError:
        exchange = Exchange(url, "response", limits.TOTAL_SECONDS, proxy=proxy_for(url))
        raise TransportError(build_cause("incomplete" if response else "response-timeout", exchange)) from None
    except TransportError as error:
        if error.cause.kind == "connect-timeout" and await _accepts_connections(url):
            error = TransportError(build_cause("tls-timeout", Exchange(url, "tls", limits.CONNECT_SECONDS)))
        raise error from None
    finally:
        if response is not None:
            response.close()


async def _read_body(response: Response, url: str) -> bytes:
    body = bytearray()
    while data := await response.read():
        body += data
        if len(body) > limits.MAX_BYTES:
            limit = f"{limits.MAX_BYTES // (1024 * 1024)} MiB"
            raise TransportError(build_cause("too-large", Exchange(url, "body", 0, proxy=response.proxy), limit))
    return bytes(body)


async def _accepts_connections(url: str) -> bool:
    """Return whether a server accepts connections, to tell a TLS timeout from a connect timeout. aiohttp does not."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return False
    try:
        async with asyncio.timeout(1):
            await connect(Peer(parts.hostname or "", parts.port or 443, url))
    except (TransportError, TimeoutError):
        return False
    return True
