"""The reply to a request for a completion: whether it is a stream, and why one that ended early did so."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import math
import time
from datetime import UTC
from typing import TYPE_CHECKING, Final

from genesis_config.credentials.lookup import remedy
from genesis_config.net.causes import Exchange, TransportError, explain
from genesis_config.net.error_bodies import read_error
from genesis_config.runtime.errors import (
    CompletionError,
    MalformedStreamError,
    TruncatedStreamError,
    closed_error,
    status_error,
    transport_error,
)
from genesis_config.runtime.request import authorization

if TYPE_CHECKING:
    from genesis_config.net.causes import Cause
    from genesis_config.net.transport import Response
    from genesis_config.runtime.connections import Connections
    from genesis_config.runtime.deadline import Deadline
    from genesis_config.runtime.request import Target

__all__ = ["Reply", "seconds_until"]

_SETTLE_SECONDS: Final = 0.1
_ERROR_BODY: Final = 64 * 1024  # bytes of an error's body that are read
_ERROR_SECONDS: Final = 5.0  # that they may take
_NO_STREAMS: Final = frozenset({"application/json", "text/html"})


class Reply:
    """A response to a request for a completion.

    Attributes:
        status: The HTTP status.
        read: Returns bytes that have arrived, or waits for some: `Response.read` itself, without a coroutine around it.
    """

    __slots__ = ("_broken", "_connections", "_deadline", "_late", "_response", "read", "status")

    def __init__(self, response: Response, connections: Connections, deadline: Deadline) -> None:
        self.status = response.status
        self.read = response.read
        self._response = response
        self._connections = connections
        self._deadline = deadline
        self._broken: Cause | None = None
        loop = asyncio.get_running_loop()
        self._late = None if deadline.at == math.inf else loop.call_at(deadline.at, response.close)

    @property
    def request_id(self) -> str | None:
        """The server's id for the request."""
        return self._response.headers.get("X-Request-Id")

    async def check(self, target: Target) -> None:
        """Refuse a response that is not a stream.

        Args:
            target: The model that was requested, which knows where the key came from.

        Raises:
            StatusError: Its status is that of an error or of a redirect.
            MalformedStreamError: It is a page or a whole JSON document, or its status says that it is not a stream.
        """
        url = self._connections.url
        proxy = self._response.proxy
        note = proxy.note if proxy is not None else ""
        kind = self._response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.status == 200:  # noqa: PLR2004 - OK
            if kind not in _NO_STREAMS:
                return
            what = f"with {kind}, not with a stream"
        else:
            what = f"{self.status}, not with a stream"
        text = read_error(await self._beginning())
        if self.status < 300:  # noqa: PLR2004 - the class of successes
            words = f": {text}" if text else ""
            help_ = "is `baseUrl` the address of an OpenAI-compatible server?"
            raise MalformedStreamError(f"{url} answered {what}{words}{note}", help=help_)
        location = self._response.headers.get("Location")
        error = status_error(self.status, url, text, remedy=remedy(authorization(target)), location=location)
        error.args = (f"{error}{note}",)
        error.retry_after = seconds_until(self._response.headers.get("Retry-After"))
        raise error

    async def _beginning(self) -> bytes:
        """Return what arrives of a body within a few seconds, so that a slow error is reported all the same."""
        body = b""
        with contextlib.suppress(TimeoutError, TransportError, OSError):
            async with asyncio.timeout(min(_ERROR_SECONDS, self._connections.provider.timeout_seconds)):
                while len(body) < _ERROR_BODY and (data := await self.read()):
                    body += data
        return body[:_ERROR_BODY]

    def broke(self, error: Exception) -> bytes:
        """Record why reading failed, and return no bytes: for the decoder it is an end like any other."""
        timeout = self._connections.provider.timeout_seconds
        self._broken = explain(error, Exchange(self._connections.url, "body", timeout, proxy=self._response.proxy))
        return b""

    def explain(self, error: CompletionError) -> CompletionError:
        """Return the error for a stream that did not end well: why reading failed, if that is what ended it."""
        if not isinstance(error, TruncatedStreamError):
            return error
        if self._broken is None:
            encoding = self._response.headers.get("Content-Encoding")
            note = f"; its {encoding} body may have been cut off" if encoding else ""
            return TruncatedStreamError(f"{error}{note}", help=error.help)
        if self._broken.kind == "bad-compression":
            return transport_error(self._connections.url, self._broken)
        if asyncio.get_running_loop().time() >= self._deadline.at:
            return self._deadline.error()
        if self._connections.closed():
            return closed_error()
        return transport_error(self._connections.url, self._broken)

    async def settle(self) -> None:
        """Wait a moment for the end of a response that is complete, so that its connection can be used again.

        The last chunk of HTTP comes in a packet of its own, after `[DONE]`.
        """
        with contextlib.suppress(TimeoutError, TransportError, OSError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                while await self.read():
                    pass

    def close(self) -> None:
        """Stop reading, and let the next request have its turn."""
        if self._late is not None:
            self._late.cancel()
        self._response.close()
        self._connections.release()


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
