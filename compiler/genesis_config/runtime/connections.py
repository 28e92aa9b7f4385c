"""Connections to each provider: whose turn it is, and how a request's body is written."""

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
    """The connections to one provider, of which there are at most `maxConnections`.

    Attributes:
        provider: The provider.
        url: The URL of its completions.
    """

    __slots__ = ("_closed", "_slots", "_transport", "provider", "url")

    def __init__(self, provider: Provider, transport: Transport) -> None:
        self.provider = provider
        self.url = f"{provider.base_url}/chat/completions"
        self._closed = False
        self._transport = transport
        # Requests are counted here, not by the transport: the wait for a turn is not the server's silence.
        self._slots = asyncio.Semaphore(provider.max_connections)

    async def send(self, body: Mapping[str, object], headers: Mapping[str, str], deadline: Deadline) -> Reply:
        """Send a request when a connection is free, and return the reply when its head has arrived.

        Raises:
            CompletionError: There is no reply, or JSON cannot express the body.
        """
        async with deadline:
            await self._slots.acquire()
        if self.closed():
            self.release()
            raise closed_error()
        try:
            timeout = self.provider.timeout_seconds
            connect_seconds = min(limits.COMPLETION_CONNECT_SECONDS, timeout)
            request = Request("POST", self.url, headers, _encoded(body), connect_seconds, timeout)
            async with deadline:
                response = await self._transport.send(request)
        except BaseException as error:
            self.release()
            if isinstance(error, TransportError | OSError):
                cause = explain(error, Exchange(self.url, "response", self.provider.timeout_seconds))
                raise (closed_error() if self.closed() else transport_error(self.url, cause)) from None
            raise
        return Reply(response, self, deadline)

    def release(self) -> None:
        """Let the next request have its turn."""
        self._slots.release()

    def closed(self) -> bool:
        """Return whether the Runtime has closed them."""
        return self._closed

    def close(self) -> None:
        """Refuse further requests. One that waits for its turn gets it, finds this, and passes it on."""
        self._closed = True
        self.release()


def _encoded(body: Mapping[str, object]) -> bytes:
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


def _refuse_non_finite(value: object) -> None:
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
