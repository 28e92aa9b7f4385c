"""The HTTP transport for all requests, based on aiohttp."""

from __future__ import annotations

import asyncio
import io
import math
from typing import TYPE_CHECKING, Final

import aiohttp

from genesis_config.net.causes import (
    PROXY_AUTHENTICATION,
    Exchange,
    TransportError,
    explain,
    proxy_fault,
    proxy_refusal,
)
from genesis_config.net.proxies import proxy_for

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping

    from genesis_config.net.transport import Request

__all__ = ["HttpResponse", "HttpTransport"]

# Close an idle connection before the server does (vLLM: after 5 seconds), so that no request hits a closing connection.
_KEEPALIVE_SECONDS: Final = 4.0
_WATCH_SECONDS: Final = 1.0
# Extra time, so that a connection attempt as long as the idle limit is reported as such, not as a silent server.
_AFTER_CONNECTING: Final = 0.1


class HttpTransport:
    """Transport over shared HTTP connections, through the proxies that the environment sets.

    Nothing is opened before the first request. Redirects, cookies and `.netrc` are ignored, because the configuration
    determines which key goes where.
    """

    __slots__ = ("_session",)

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> HttpResponse:
        """Send a request, and return the response once its headers have arrived.

        Raises:
            TransportError: There was no response.
        """
        exchange = Exchange(request.url, "response", request.idle_seconds, request.connect_seconds)
        try:
            proxy = proxy_for(request.url)
            if proxy is not None:
                exchange = exchange._replace(proxy=proxy)
                if (fault := proxy_fault(exchange)) is not None:
                    raise TransportError(fault)
            async with asyncio.timeout(request.idle_seconds + _AFTER_CONNECTING):
                response = await self._open().request(
                    request.method,
                    request.url,
                    # A file object, because aiohttp warns about bytes larger than 1 MiB, which an image may be.
                    data=None if request.body is None else io.BytesIO(request.body),
                    headers=request.headers,
                    allow_redirects=False,
                    proxy=None if proxy is None else proxy.url,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=request.connect_seconds),
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TransportError(explain(error, exchange)) from None
        if proxy is not None and response.status == PROXY_AUTHENTICATION:
            response.close()
            raise TransportError(proxy_refusal(exchange, response.status))
        return HttpResponse(response, exchange)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # No limit, so that no request waits for another; aiohttp's default is 100 connections.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                # aiohttp's User-Agent would name a product.
                skip_auto_headers=("User-Agent",),
            )
        return self._session


class HttpResponse:
    """A response with an idle timeout, using one timer for the response instead of one for each chunk.

    The timer checks how long a read has been waiting, and is set again for the remaining time. Time during which the
    caller does not read does not count.

    Attributes:
        status: The HTTP status.
        headers: The headers.
        proxy: The proxy on the way to the server.
    """

    __slots__ = (
        "_clock",
        "_exchange",
        "_loop",
        "_readany",
        "_response",
        "_stalled",
        "_timer",
        "_waiting_since",
        "headers",
        "proxy",
        "status",
    )

    def __init__(self, response: aiohttp.ClientResponse, exchange: Exchange) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = _clean_headers(response)
        self.proxy = exchange.proxy
        self._response = response
        self._readany = response.content.readany
        self._exchange = exchange
        self._stalled = False
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._waiting_since = math.inf
        self._timer = self._loop.call_later(_WATCH_SECONDS, self._watch)

    async def read(self) -> bytes:
        """Return the bytes that have arrived, or wait for more; empty at the end.

        Raises:
            TransportError: The body ended early, no data arrived in time, or the response was closed. Everything that
                had arrived has been returned before.
        """
        self._waiting_since = self._clock()
        try:
            return await self._readany()
        except Exception as error:  # noqa: BLE001 - aiohttp's errors have no common base: bad framing raises a bare Exception
            if data := self._unread():
                return data
            failure = error
        finally:
            self._waiting_since = math.inf
        encoding = self.headers.get("Content-Encoding")
        exchange = self._exchange._replace(stage="body", encoding=encoding)
        raise TransportError(explain(TimeoutError() if self._stalled else failure, exchange))

    def close(self) -> None:
        """Stop reading.

        A response that was read to its end has already released its connection. Otherwise the connection is closed at
        once, so that the server notices and stops.
        """
        self._timer.cancel()
        self._response.close()

    def _unread(self) -> bytes:
        """Return the unread data that had arrived before the connection broke.

        aiohttp 3.14 keeps it, but has no public access to it after an error.
        """
        buffer: deque[bytes] = self._response.content._buffer  # noqa: SLF001
        data = b"".join(buffer)
        buffer.clear()
        return data

    def _watch(self) -> None:
        """Close the response if the server is silent or the connection is gone.

        aiohttp 3.14 closes a connection with invalid HTTP, but does not wake a waiting reader.
        """
        connection = self._response.connection
        protocol = None if connection is None else connection.protocol
        is_gone = protocol is not None and not protocol.is_connected()
        seconds_left = self._waiting_since + self._exchange.seconds - self._clock()
        if seconds_left > 0 and not is_gone:
            self._timer = self._loop.call_later(min(seconds_left, _WATCH_SECONDS), self._watch)
        else:
            self._stalled = not is_gone
            self._response.close()


def _clean_headers(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    """Return the headers with U+FFFD for invalid UTF-8, which aiohttp keeps as lone surrogates."""
    headers = response.headers.copy()
    for name, value in response.headers.items():
        if not value.isascii():
            headers[name] = value.encode(errors="surrogateescape").decode(errors="replace")
    return headers
