"""The single steps of reaching a server, without HTTP: host name lookup, connection, TLS handshake."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from genesis_config.net import limits
from genesis_config.net.causes import Exchange, TransportError, explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from genesis_config.net.causes import Stage
    from genesis_config.net.proxies import Proxy

__all__ = ["Peer", "connect", "look_up_host", "shake_hands"]


class Peer(NamedTuple):
    """The peer of a connection: a server, or the proxy in front of it.

    Attributes:
        host: A name or an address.
        port: The port.
        url: The URL of the requests.
        proxy: The proxy, if the peer is one.
    """

    host: str
    port: int
    url: str
    proxy: Proxy | None = None

    @property
    def endpoint(self) -> str:
        """The host and port as in a URL, with an IPv6 address in brackets (RFC 3986, §3.2.2)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def look_up_host(peer: Peer) -> list[str]:
    """Return the addresses of a host.

    Raises:
        TransportError: The host has no address, or the lookup takes too long.
    """
    async with _step(peer, "lookup"):
        results = await asyncio.get_running_loop().getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in results))


async def connect(peer: Peer) -> float:
    """Connect, and return the time it took in milliseconds.

    Raises:
        TransportError: The connection failed.
    """
    started = time.perf_counter()
    async with _step(peer, "connect"):
        _, writer = await asyncio.open_connection(peer.host, peer.port)
    milliseconds = (time.perf_counter() - started) * 1000
    writer.transport.abort()
    return milliseconds


async def shake_hands(peer: Peer) -> str:
    """Connect with TLS, and return the protocol's version, such as `TLSv1.3`.

    Raises:
        TransportError: The certificate is not trusted, or the server does not use TLS.
    """
    async with _step(peer, "tls"):
        _, writer = await asyncio.open_connection(peer.host, peer.port, ssl=ssl.create_default_context())
    version: str = writer.get_extra_info("ssl_object").version()
    writer.transport.abort()
    return version


@asynccontextmanager
async def _step(peer: Peer, stage: Stage) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limits.CONNECT_SECONDS):
            yield
    except (OSError, ValueError) as error:
        exchange = Exchange(peer.url, stage, limits.CONNECT_SECONDS, proxy=peer.proxy)
        raise TransportError(explain(error, exchange)) from None
