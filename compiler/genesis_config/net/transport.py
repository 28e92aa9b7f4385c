"""The transport interface, which tests and applications can implement.

docs/runtime.md has an example that needs no socket.
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
        url: The complete URL.
        headers: All headers except those that HTTP itself needs (Host, Content-Length, Accept-Encoding).
        body: The body; None if there is none.
        connect_seconds: The maximum time for connecting.
        idle_seconds: The maximum time without data, before the response's headers and within its body.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    connect_seconds: float
    idle_seconds: float


class Response(Protocol):
    """A response whose headers have arrived.

    Attributes:
        status: The HTTP status.
        headers: The headers, in a mapping that ignores the case of their names.
        proxy: The proxy on the way to the server, which error messages name; None if there is none.
    """

    @property
    def status(self) -> int: ...  # noqa: D102 - an attribute

    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102 - an attribute

    @property
    def proxy(self) -> Proxy | None: ...  # noqa: D102 - an attribute

    def read(self) -> Awaitable[bytes]:
        """Return the bytes of the body that have arrived since the last call, or wait for more; empty at the end.

        Raises:
            TransportError: The body ended early, no data arrived in time, or the response was closed.
            OSError: The same, from a transport that lets the caller determine the cause.
        """
        ...

    def close(self) -> None:
        """Stop reading. A pending call of `read` raises an error."""


class Transport(Protocol):
    """Sender of requests. It must not follow redirects, because the key must not reach another host."""

    async def send(self, request: Request) -> Response:
        """Send a request, and return the response once its headers have arrived.

        Raises:
            TransportError: There was no response.
            OSError: The same, from a transport that lets the caller determine the cause.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
