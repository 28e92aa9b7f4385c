"""The way to a server, step by step: its name, a connection, encryption. Each step is made by itself, without HTTP."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, TypeVar

from genesis_config.diagnostics.errors import GenesisError
from genesis_config.net import limits
from genesis_config.net.loops import Loop

if TYPE_CHECKING:
    from collections.abc import Coroutine

_Result = TypeVar("_Result")

__all__ = ["NetworkError", "connect", "endpoint", "handshake", "look_up"]


class NetworkError(GenesisError):
    """A step that failed, in words."""


def endpoint(host: str, port: int) -> str:
    """Write a host and a port as a URL has them: an IPv6 address in brackets (RFC 3986, §3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def look_up(host: str, port: int) -> list[str]:
    """Give the addresses of a name.

    Raises:
        NetworkError: It has none, or the look-up takes too long.
    """

    async def run() -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    try:
        return _run(run())
    except (socket.gaierror, UnicodeError):
        raise NetworkError(f"the name {host} is not known") from None
    except TimeoutError:
        raise NetworkError(f"looking up {host} took more than {limits.CONNECT_SECONDS:g} seconds") from None


def connect(host: str, port: int) -> float:
    """Connect, and give the milliseconds that it took.

    Raises:
        NetworkError: Nothing listens there, or no answer comes.
    """

    async def run() -> float:
        began = time.perf_counter()
        _, writer = await asyncio.open_connection(host, port)
        took = (time.perf_counter() - began) * 1000
        writer.transport.abort()
        return took

    try:
        return _run(run())
    except ConnectionRefusedError:
        raise NetworkError(f"nothing listens on {endpoint(host, port)}") from None
    except TimeoutError:
        message = f"{endpoint(host, port)} does not answer within {limits.CONNECT_SECONDS:g} seconds"
        raise NetworkError(message) from None
    except OSError as error:
        # Of several addresses asyncio gives one error with all their words.
        reason = error.strerror or "no address of it can be connected to"
        raise NetworkError(f"no connection to {endpoint(host, port)}: {reason}") from None


def handshake(host: str, port: int) -> str:
    """Agree on encryption, and give its name, such as `TLSv1.3`.

    Raises:
        NetworkError: The certificate is not accepted, or what listens there does not speak TLS.
    """

    async def run() -> str:
        _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
        version: str = writer.get_extra_info("ssl_object").version()
        writer.transport.abort()
        return version

    try:
        return _run(run())
    except ssl.SSLCertVerificationError as error:
        raise NetworkError(f"the certificate of {host} is not accepted: {error.verify_message}") from None
    except TimeoutError:
        raise NetworkError(
            f"{endpoint(host, port)} does not answer to TLS within {limits.CONNECT_SECONDS:g} seconds"
        ) from None
    except OSError:
        raise NetworkError(f"{endpoint(host, port)} does not speak TLS, or another version of it") from None


def _run(step: Coroutine[Any, Any, _Result]) -> _Result:
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(asyncio.wait_for(step, limits.CONNECT_SECONDS))
