"""HTTP connections: how every request of Genesis is sent, by aiohttp."""

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

# An idle connection is closed before the server closes it (vLLM: after 5 seconds), so that no request meets its end.
_KEEPALIVE_SECONDS: Final = 4.0
_WATCH_SECONDS: Final = 1.0
# A connection that takes all of the idle limit is reported as not made, not as a silent server.
_AFTER_CONNECTING: Final = 0.1


class HttpTransport:
    """Sends requests over connections that are kept and shared, through the proxies that the environment names.

    Nothing is opened before the first request. Redirects, cookies and `.netrc` are not followed, kept or read: the
    configuration states which key goes where.
    """

    __slots__ = ("_session",)

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> HttpResponse:
        """Send a request, and return the response when its head has arrived.

        Raises:
            TransportError: There is no response.
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
                    # A file, since aiohttp warns about a body of bytes past 1 MiB: an image is one.
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
                # No request waits for another: by default 100 connections would be the most.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                # aiohttp's own names a product.
                skip_auto_headers=("User-Agent",),
            )
        return self._session


class HttpResponse:
    """A response that is closed when nothing arrives: one timer for it, not one for each chunk.

    The timer checks how long a read has been waiting, and sleeps on for what is left. Time in which nobody reads,
    because the caller is busy, does not count.

    Attributes:
        status: The HTTP status.
        headers: The headers.
        proxy: The proxy between here and the server.
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
        """Return the bytes that have arrived, or wait for some; none at the end.

        Raises:
            TransportError: The body ended early, nothing arrived in time, or the response was closed. All that had
                arrived has been returned before.
        """
        self._waiting_since = self._clock()
        try:
            return await self._readany()
        except Exception as error:  # noqa: BLE001 - aiohttp's have no base in common: bad framing has a bare one
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

        A response that was read to its end has given its connection back already. Any other connection is closed at
        once, so that the server notices and stops.
        """
        self._timer.cancel()
        self._response.close()

    def _unread(self) -> bytes:
        """Return what had arrived before the connection broke, and was not read.

        aiohttp 3.14 keeps it, but has no public way to it once the error is known.
        """
        buffer: deque[bytes] = self._response.content._buffer  # noqa: SLF001
        data = b"".join(buffer)
        buffer.clear()
        return data

    def _watch(self) -> None:
        """Close a response whose server is silent, or whose connection is gone.

        aiohttp 3.14 closes a connection on which HTTP is broken, but does not wake a waiting reader.
        """
        connection = self._response.connection
        protocol = None if connection is None else connection.protocol
        gone = protocol is not None and not protocol.is_connected()
        left = self._waiting_since + self._exchange.seconds - self._clock()
        if left > 0 and not gone:
            self._timer = self._loop.call_later(min(left, _WATCH_SECONDS), self._watch)
        else:
            self._stalled = not gone
            self._response.close()


def _clean_headers(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    """Return headers with U+FFFD for what is not valid UTF-8: aiohttp keeps such bytes as lone surrogates."""
    headers = response.headers.copy()
    for name, value in response.headers.items():
        if not value.isascii():
            headers[name] = value.encode(errors="surrogateescape").decode(errors="replace")
    return headers
