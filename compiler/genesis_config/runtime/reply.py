"""The reply to a completion request: whether it is a stream, and why a stream ended early."""

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
from genesis_config.runtime.request import authorization_source

if TYPE_CHECKING:
    from genesis_config.net.causes import Cause
    from genesis_config.net.transport import Response
    from genesis_config.runtime.connections import Connections
    from genesis_config.runtime.deadline import Deadline
    from genesis_config.runtime.request import Target

__all__ = ["Reply", "parse_retry_after"]

_DRAIN_SECONDS: Final = 0.1
_MAX_ERROR_BODY: Final = 64 * 1024  # bytes to read of an error's body
_ERROR_SECONDS: Final = 5.0  # time to read them in
_NOT_STREAMS: Final = frozenset({"application/json", "text/html"})


class Reply:
    """A response to a completion request.

    Attributes:
        status: The HTTP status.
        read: `Response.read` itself, without another coroutine around it: waits for data and returns it.
    """

    __slots__ = ("_connections", "_deadline", "_deadline_timer", "_failure", "_response", "read", "status")

    def __init__(self, response: Response, connections: Connections, deadline: Deadline) -> None:
        self.status = response.status
        self.read = response.read
        self._response = response
        self._connections = connections
        self._deadline = deadline
        self._failure: Cause | None = None
        loop = asyncio.get_running_loop()
        self._deadline_timer = None if deadline.at == math.inf else loop.call_at(deadline.at, response.close)

    @property
    def request_id(self) -> str | None:
        """The server's id for the request."""
        return self._response.headers.get("X-Request-Id")

    async def check(self, target: Target) -> None:
        """Reject a response that is not a stream.

        Args:
            target: The requested model, which determines where the key came from.

        Raises:
            StatusError: The status is an error or a redirect.
            MalformedStreamError: The response is an HTML page or a JSON document, or has another 2xx status than 200.
        """
        url = self._connections.url
        proxy = self._response.proxy
        note = proxy.note if proxy is not None else ""
        content_type = self._response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.status == 200:  # noqa: PLR2004 - OK
            if content_type not in _NOT_STREAMS:
                return
            answer = f"with {content_type} instead of a stream"
        else:
            answer = f"{self.status} instead of a stream"
        text = read_error(await self._read_error_body())
        if self.status < 300:  # noqa: PLR2004 - the class of successes
            reason = f": {text}" if text else ""
            help_ = "is `baseUrl` the address of an OpenAI-compatible server?"
            raise MalformedStreamError(f"{url} answered {answer}{reason}{note}", help=help_)
        location = self._response.headers.get("Location")
        error = status_error(self.status, url, text, remedy=remedy(authorization_source(target)), location=location)
        error.args = (f"{error}{note}",)
        error.retry_after = parse_retry_after(self._response.headers.get("Retry-After"))
        raise error

    async def _read_error_body(self) -> bytes:
        """Return the part of a body that arrives within a few seconds, so that a slow error is still reported."""
        body = b""
        with contextlib.suppress(TimeoutError, TransportError, OSError):
            async with asyncio.timeout(min(_ERROR_SECONDS, self._connections.provider.timeout_seconds)):
                while len(body) < _MAX_ERROR_BODY and (data := await self.read()):
                    body += data
        return body[:_MAX_ERROR_BODY]

    def record_failure(self, error: Exception) -> bytes:
        """Record why reading failed, and return no data: to the decoder, this is the end of the stream."""
        timeout = self._connections.provider.timeout_seconds
        self._failure = explain(error, Exchange(self._connections.url, "body", timeout, proxy=self._response.proxy))
        return b""

    def explain(self, error: CompletionError) -> CompletionError:
        """Return the error for a failed stream: the reason why reading failed, if that ended the stream."""
        if not isinstance(error, TruncatedStreamError):
            return error
        if self._failure is None:
            encoding = self._response.headers.get("Content-Encoding")
            note = f"; its {encoding} body may have been cut off" if encoding else ""
            return TruncatedStreamError(f"{error}{note}", help=error.help)
        if self._failure.kind == "bad-compression":
            return transport_error(self._connections.url, self._failure)
        if asyncio.get_running_loop().time() >= self._deadline.at:
            return self._deadline.error()
        if self._connections.is_closed():
            return closed_error()
        return transport_error(self._connections.url, self._failure)

    async def drain(self) -> None:
        """Wait briefly for the end of a complete response, so that its connection can be reused.

        The last HTTP chunk arrives in its own packet, after `[DONE]`.
        """
        with contextlib.suppress(TimeoutError, TransportError, OSError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while await self.read():
                    pass

    def close(self) -> None:
        """Stop reading, and free the connection for the next request."""
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
        self._response.close()
        self._connections.release()


def parse_retry_after(retry_after: str | None) -> float | None:
    """Return the seconds to wait from a `Retry-After` header (RFC 9110, §10.2.3), which is a number or a date.

    None if the header is missing or not valid.
    """
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
        # A date without a zone is in GMT (RFC 9110, §5.6.7), not in the client's time zone.
        date = date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - time.time())
