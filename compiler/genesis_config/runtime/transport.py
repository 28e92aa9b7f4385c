"""HTTP: connections to each provider, and the library's errors turned into the runtime's, in this one place."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import io
import math
import time
from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import msgspec
from aiohttp.http_exceptions import ContentEncodingError

from genesis_config.manifest import proxy_for, remedy
from genesis_config.runtime.chunks import error_text
from genesis_config.runtime.errors import (
    CompletionError,
    ConnectionLostError,
    InvalidRequestError,
    MalformedStreamError,
    RuntimeClosedError,
    StalledStreamError,
    TruncatedStreamError,
    closed_error,
    status_error,
)
from genesis_config.runtime.request import authorization
from genesis_config.runtime.unanswered import CONNECT_SECONDS, PATIENCE, unanswered, unsupported

if TYPE_CHECKING:
    from collections import deque

    from genesis_config.manifest import Provider
    from genesis_config.runtime.deadline import Deadline
    from genesis_config.runtime.request import Target

__all__ = ["Connections", "Reply", "seconds_until"]

_SETTLE_SECONDS: Final = 0.1
# An idle connection is closed sooner than the server does it (vLLM: after 5 seconds), so that no request meets the end.
_KEPT_SECONDS: Final = 4.0
_LOOK_SECONDS: Final = 1.0
# A connection that is not made in all of the time-out is told as one that is not made, and not as a silent server.
_AFTER_CONNECTING: Final = 0.1
_ERROR_BODY: Final = 64 * 1024  # bytes of an error's body that are read
_ERROR_SECONDS: Final = 5.0  # that they may take
_NO_STREAMS: Final = frozenset({"application/json", "text/html"})


class Connections:
    """The connections to one provider; none is made before the first request.

    Attributes:
        provider: The provider.
        url: Where its completions are.
    """

    __slots__ = ("_loop", "_session", "_slots", "provider", "url")

    def __init__(self, provider: Provider) -> None:
        """Make none yet."""
        self.provider = provider
        self.url = f"{provider.base_url}/chat/completions"
        self._loop = asyncio.get_running_loop()
        # Requests are counted here and not by aiohttp, so that the wait for one's turn is no silence of the server.
        self._slots = asyncio.Semaphore(provider.max_connections)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS),
            # A server's cookies are not sent back: the manifest declares none.
            cookie_jar=aiohttp.DummyCookieJar(),
            # aiohttp's own names a product.
            skip_auto_headers=("User-Agent",),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_SECONDS, provider.timeout_seconds)),
        )

    async def send(self, body: Mapping[str, Any], headers: Mapping[str, str], deadline: Deadline) -> Reply:
        """Send a request when there is a connection for it, and give the answer when its head is there.

        Raises:
            CompletionError: None came, or the body is none that JSON can hold.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeClosedError(
                "the event loop in which the Runtime made its connections is another one, or over",
                help="open a Runtime in each loop that `asyncio.run` makes, or use `genesis_config.runtime.complete`",
            )
        async with deadline:
            await self._slots.acquire()
        if self.closed():
            self.release()
            raise closed_error()
        try:
            # A file, since aiohttp warns about a body of bytes past 1 MiB: a picture is one.
            data = io.BytesIO(_encoded(body))
            via = _proxy(self.url)
            async with deadline, asyncio.timeout(self.provider.timeout_seconds + _AFTER_CONNECTING):
                response = await self._session.post(
                    self.url, data=data, headers=headers, allow_redirects=False, proxy=via
                )
        except BaseException as error:
            self.release()
            if isinstance(error, aiohttp.ClientError | OSError | ValueError):
                timeout = self.provider.timeout_seconds
                raise (closed_error() if self.closed() else unanswered(self.url, error, timeout)) from None
            raise
        return Reply(response, self, deadline)

    def release(self) -> None:
        """Let the next request have its turn."""
        self._slots.release()

    def closed(self) -> bool:
        """Say whether the Runtime has closed them."""
        return self._session.closed

    async def close(self) -> None:
        """Close all of them. Who waits for its turn is told so: each takes it, finds this, and passes it on."""
        await self._session.close()
        self.release()


class Reply:
    """An answer that is being read, and closed when nothing arrives: one timer for it, and none for each chunk.

    The timer looks how long bytes have been waited for, and sleeps on for what is left. The time in which nobody reads,
    since the caller is busy with what it got, does not count.

    Attributes:
        status: The HTTP status.
        broken: The library's error, where reading failed.
    """

    __slots__ = (
        "_clock",
        "_connections",
        "_deadline",
        "_handle",
        "_late",
        "_loop",
        "_readany",
        "_response",
        "_since",
        "_stalled",
        "broken",
        "status",
    )

    def __init__(self, response: aiohttp.ClientResponse, connections: Connections, deadline: Deadline) -> None:
        """Begin to watch; at the end the next request has its turn."""
        self.status = response.status
        self.broken: Exception | None = None
        self._response = response
        self._readany = response.content.readany
        self._connections = connections
        self._stalled = False
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._since = math.inf  # when the read that is under way began
        self._handle = self._loop.call_later(_LOOK_SECONDS, self._look)
        self._deadline = deadline
        self._late = None if deadline.at == math.inf else self._loop.call_at(deadline.at, response.close)

    @property
    def request_id(self) -> str | None:
        """What the server calls the request."""
        return self._header("X-Request-Id")

    def _header(self, name: str) -> str | None:
        """Return a header, with U+FFFD for what is not valid UTF-8: aiohttp keeps such bytes as lone surrogates."""
        value = self._response.headers.get(name)
        return value and value.encode(errors="surrogateescape").decode(errors="replace")

    async def check(self, target: Target) -> None:
        """Refuse an answer that is no stream.

        Args:
            target: What was asked, which knows where the key came from.

        Raises:
            StatusError: Its status is one of an error, or of a redirect.
            MalformedStreamError: It is a page or a whole JSON answer, or says with its status that it is no stream.
        """
        url = self._connections.url
        kind = self._response.content_type
        if self.status == 200:  # noqa: PLR2004 - OK
            if kind not in _NO_STREAMS:
                return
            what = f"with {kind}, not with a stream"
        else:
            what = f"{self.status}, and not with a stream"
        said = _said(await self._beginning())
        if self.status < 300:  # noqa: PLR2004 - the class of successes
            words = f": {said}" if said else ""
            help_ = "is this the address of an OpenAI-compatible server?"
            raise MalformedStreamError(f"{url} answered {what}{words}", help=help_)
        location = self._response.headers.get("Location")
        error = status_error(self.status, url, said, remedy=remedy(authorization(target)), location=location)
        error.retry_after = seconds_until(self._response.headers.get("Retry-After"))
        raise error

    async def _beginning(self) -> bytes:
        """Give what comes of a body within a few seconds: an error is told though the server takes its time over it."""
        body = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(_ERROR_SECONDS, self._connections.provider.timeout_seconds)):
                while len(body) < _ERROR_BODY and (data := await self.read()):
                    body += data
        return body[:_ERROR_BODY]

    async def read(self) -> bytes:
        """Give the bytes that have come, or wait for some. There are none at the end, and where the answer breaks."""
        self._since = self._clock()
        try:
            return await self._readany()
        except Exception as error:  # noqa: BLE001 - the library's have no base in common: bad framing is a bare one
            self.broken = error
            return self._left_behind()
        finally:
            self._since = math.inf

    def explain(self, error: CompletionError) -> CompletionError:
        """Give the error for a stream that did not end well: why reading failed, where that is what ended it."""
        if not isinstance(error, TruncatedStreamError):
            return error
        packing = self._header("Content-Encoding")
        if self.broken is None:
            note = f"; its body is packed with {packing}, and may have been cut off" if packing else ""
            return TruncatedStreamError(f"{error}{note}", help=error.help)
        return self._why_broken(packing)

    def _why_broken(self, packing: str | None) -> CompletionError:
        """Give the error for a stream of which no more can be read."""
        if self.broken is not None and isinstance(self.broken.__cause__, ContentEncodingError):
            return MalformedStreamError(
                f"{self._connections.url} answered with what is not the {packing} that it says",
                help="look at the server's log",
            )
        if self._clock() >= self._deadline.at:
            return self._deadline.error()
        if self._connections.closed():
            return closed_error()
        if self._stalled:
            return StalledStreamError(
                f"{self._connections.url} sent nothing for {self._connections.provider.timeout_seconds} seconds",
                help=PATIENCE,
            )
        return ConnectionLostError(
            f"the connection to {self._connections.url} broke in the middle of the answer",
            help="look at the server's log",
        )

    async def settle(self) -> None:
        """Wait a moment for the end of an answer that has said all, so that its connection can be used again.

        The last chunk of HTTP comes in a packet of its own, after `[DONE]`.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                while await self.read():
                    pass

    def close(self) -> None:
        """Read no more.

        An answer that was read to its end has given its connection back already. Any other connection is closed at
        once, so that the server notices and stops.
        """
        self._handle.cancel()
        if self._late is not None:
            self._late.cancel()
        self._response.close()
        self._connections.release()

    def _left_behind(self) -> bytes:
        """Give what had arrived before the connection broke and nobody had asked for yet.

        aiohttp 3.14 keeps it, and has no public way to it once the error is known.
        """
        buffer: deque[bytes] = self._response.content._buffer  # noqa: SLF001
        data = b"".join(buffer)
        buffer.clear()
        return data

    def _look(self) -> None:
        """Give up on a server that is silent, or whose connection is gone.

        aiohttp 3.14 closes a connection on which HTTP is broken, and does not wake who waits for data.
        """
        connection = self._response.connection
        protocol = None if connection is None else connection.protocol
        gone = protocol is not None and not protocol.is_connected()
        left = self._since + self._connections.provider.timeout_seconds - self._clock()
        if left > 0 and not gone:
            self._handle = self._loop.call_later(min(left, _LOOK_SECONDS), self._look)
        else:
            self._stalled = not gone
            self._response.close()


def _proxy(url: str) -> str | None:
    """Give the URL of the proxy that a request goes through; None where there is none.

    Raises:
        ServerUnreachableError: It is one of a kind that no request can be made through.
    """
    proxy = proxy_for(url)
    if proxy is not None and not proxy.supported:
        raise unsupported(url, proxy)
    return proxy.url if proxy else None


def _encoded(body: Mapping[str, Any]) -> bytes:
    """Write a request's body.

    Raises:
        InvalidRequestError: It holds what JSON cannot.
    """
    try:
        _refuse_non_finite(body)
        return msgspec.json.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        reason = "half of a surrogate pair" if isinstance(error, UnicodeError) else str(error)
    raise InvalidRequestError(
        f"the messages, tools or params hold what JSON cannot: {reason}", help="correct what the caller passes"
    )


def _refuse_non_finite(value: Any) -> None:
    """Refuse the numbers that msgspec writes as null.

    Raises:
        ValueError: There is one.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"the number {value}")
    elif isinstance(value, Mapping):
        for each in value.values():
            _refuse_non_finite(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _refuse_non_finite(each)


def seconds_until(retry_after: str | None) -> float | None:
    """Read a `Retry-After` header (RFC 9110, §10.2.3): seconds, or a date. None where none can be read."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        # What says no zone is in GMT (RFC 9110, §5.6.7), and not where the client happens to be.
        date = date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - time.time())


def _said(body: bytes) -> str:
    """Find the words in an error's body: vLLM's two shapes, or FastAPI's, or the text itself; empty without any."""
    text = body.decode(errors="replace")
    try:
        answer = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return "" if text.lstrip().startswith("<") else " ".join(text.split())
    words = (answer.get(name) for name in ("error", "message", "detail")) if isinstance(answer, dict) else ()
    return next((error_text(each) for each in words if each), "")
