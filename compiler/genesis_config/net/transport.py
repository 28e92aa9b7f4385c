"""What carries a request to a server: an interface that tests and applications can implement.

docs/runtime.md has an example without a socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from genesis_config.net.proxies import Proxy

__all__ = ["Request", "Response", "Transport"]


class Request(NamedTuple):
    """One HTTP request.

    Attributes:
        method: `GET` or `POST`.
        url: The whole URL.
        headers: All headers beyond those that HTTP itself needs (Host, Content-Length, Accept-Encoding).
        body: The body; None if there is none.
        connect_seconds: How long making a connection may take.
        idle_seconds: How long the server may send nothing, before the response's head and within its body.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    connect_seconds: float
    idle_seconds: float


class Response(Protocol):
    """A response whose head has arrived.

    Attributes:
        status: The HTTP status.
        headers: The headers, in a mapping that ignores the case of their names.
        proxy: The proxy between here and the server, which error messages name; None if there is none.
    """

    @property
    def status(self) -> int: ...  # noqa: D102 - an attribute

    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102 - an attribute

    @property
    def proxy(self) -> Proxy | None: ...  # noqa: D102 - an attribute

    def read(self) -> Awaitable[bytes]:
        """Return the bytes of the body that have arrived since the last call, or wait for some; none at the end.

        Raises:
            TransportError: The body ended early, nothing arrived in time, or the response was closed.
            OSError: The same, from a transport that leaves it to the caller to name the cause.
        """
        ...

    def close(self) -> None:
        """Stop reading. A call of `read` that is waiting ends with an error."""


class Transport(Protocol):
    """Sends requests. It follows no redirect, since a key must not reach another host."""

    async def send(self, request: Request) -> Response:
        """Send a request, and return the response when its head has arrived.

        Raises:
            TransportError: There is no response.
            OSError: The same, from a transport that leaves it to the caller to name the cause.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
