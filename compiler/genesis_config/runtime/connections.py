"""The connections to a provider: limiting concurrent requests, and encoding and sending them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from genesis_config.net import limits
from genesis_config.net.causes import Exchange, TransportError, explain
from genesis_config.net.transport import Request
from genesis_config.runtime.errors import InvalidRequestError, closed_error, transport_error
from genesis_config.runtime.reply import Reply

if TYPE_CHECKING:
    from genesis_config.manifest import Provider
    from genesis_config.net.transport import Transport
    from genesis_config.runtime.deadline import Deadline

__all__ = ["Connections"]


class Connections:
    """The connections to one provider, at most `maxConnections` at a time.

    Attributes:
        provider: The provider.
        url: The URL of its chat completions endpoint.
    """

    __slots__ = ("_closed", "_slots", "_transport", "provider", "url")

    def __init__(self, provider: Provider, transport: Transport) -> None:
        self.provider = provider
        self.url = f"{provider.base_url}/chat/completions"
        self._closed = False
        self._transport = transport
        # The transport does not limit requests: waiting for a free connection must not count as a server timeout.
        self._slots = asyncio.Semaphore(provider.max_connections)

    async def send(self, body: Mapping[str, object], headers: Mapping[str, str], deadline: Deadline) -> Reply:
        """Send a request once a connection is free, and return the reply once its headers have arrived.

        Raises:
            CompletionError: The request failed, or its body cannot be encoded as JSON.
        """
        async with deadline:
            await self._slots.acquire()
        if self.is_closed():
            self.release()
            raise closed_error()
        try:
            timeout = self.provider.timeout_seconds
            connect_seconds = min(limits.COMPLETION_CONNECT_SECONDS, timeout)
            request = Request("POST", self.url, headers, _encode_body(body), connect_seconds, timeout)
            async with deadline:
                response = await self._transport.send(request)
        except BaseException as error:
            self.release()
            if isinstance(error, TransportError | OSError):
                cause = explain(error, Exchange(self.url, "response", self.provider.timeout_seconds))
                raise (closed_error() if self.is_closed() else transport_error(self.url, cause)) from None
            raise
        return Reply(response, self, deadline)

    def release(self) -> None:
        """Free a connection for the next request."""
        self._slots.release()

    def is_closed(self) -> bool:
        """Return whether the Runtime has closed the connections."""
        return self._closed

    def close(self) -> None:
        """Reject further requests. This wakes one waiting request, which fails and wakes the next."""
        self._closed = True
        self.release()


def _encode_body(body: Mapping[str, object]) -> bytes:
    """Encode a request's body as JSON.

    Raises:
        InvalidRequestError: JSON cannot express a value.
    """
    try:
        _reject_non_finite(body)
        return msgspec.json.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        reason = "half of a surrogate pair" if isinstance(error, UnicodeError) else str(error)
    raise InvalidRequestError(
        f"the request cannot be encoded as JSON: {reason}", help="fix the `messages`, `tools` or `params` you pass"
    )


def _reject_non_finite(value: object) -> None:
    """Reject infinity and NaN, which msgspec would write as null.

    Raises:
        ValueError: The value contains one.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"the number {value}")
    elif isinstance(value, Mapping):
        for item in value.values():
            _reject_non_finite(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _reject_non_finite(item)
