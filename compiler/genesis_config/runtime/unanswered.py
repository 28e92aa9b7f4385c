"""Why no answer came: the errors of the HTTP library and of the system, turned into the runtime's."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

import aiohttp

from genesis_config.runtime.errors import (
    CompletionError,
    ConnectionLostError,
    MalformedStreamError,
    ServerUnreachableError,
    StalledStreamError,
)

if TYPE_CHECKING:
    from genesis_config.manifest import Proxy

__all__ = ["CONNECT_SECONDS", "PATIENCE", "unanswered", "unsupported"]

CONNECT_SECONDS: Final = 10
PATIENCE: Final = "raise the provider's timeoutSeconds if the server needs longer"

_LOG: Final = "look at the server's log"
_START: Final = "start the server, or correct the provider's base URL"
_PROXY: Final = "correct the proxy's variable, or put the server's host into NO_PROXY"


def unanswered(url: str, error: BaseException, timeout: int) -> CompletionError:
    """Give the error for a request that got no answer; `timeout` is the provider's, in seconds."""
    # The words of aiohttp 3.14's parser, which are all that it tells of what is wrong with an answer.
    said = getattr(error, "message", "") if isinstance(error, aiohttp.ClientResponseError) else ""
    if "content-encoding: " in said:
        packing = said.partition("content-encoding: ")[2].partition(".")[0]
        return MalformedStreamError(
            f"{url} answered with a body that is packed with {packing}, which was not asked for",
            help="switch that off in the server, or in what stands before it",
        )
    if "chunk" in said:
        return ConnectionLostError(
            f"the answer of {url} was broken off at once, since its framing is not HTTP's", help=_LOG
        )
    os_error = getattr(error, "os_error", None)
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        return StalledStreamError(f"{url} did not begin to answer within {timeout} seconds", help=PATIENCE)
    if isinstance(os_error, ConnectionRefusedError) and not isinstance(error, aiohttp.ClientProxyConnectionError):
        return _unreachable(url, "nothing listens there", _START)
    for kind, reason, help_ in (
        (aiohttp.ClientHttpProxyError, f"the proxy before it answered {getattr(error, 'status', '')}", _PROXY),
        (aiohttp.ClientProxyConnectionError, "the proxy before it cannot be connected to", _PROXY),
        (aiohttp.ConnectionTimeoutError, f"no connection within {min(CONNECT_SECONDS, timeout)} seconds", _START),
        (aiohttp.ClientConnectorDNSError, "its name is not known", _START),
        (aiohttp.ClientConnectorCertificateError, "its certificate is not accepted", _START),
        ((aiohttp.ClientSSLError, ssl.SSLError), "it does not speak TLS, or another version of it", _START),
        (ValueError, "this is no valid address", _START),
        (aiohttp.ClientResponseError, "what listens there does not speak HTTP", _START),
        (aiohttp.ClientConnectorError, getattr(os_error, "strerror", None) or "no connection", _START),
    ):
        if isinstance(error, kind):
            return _unreachable(url, reason, help_)
    return ConnectionLostError(f"{url} closed the connection without an answer", help=_LOG)


def unsupported(url: str, proxy: Proxy) -> ServerUnreachableError:
    """Give the error for a proxy that no request can be made through: it would get the key, and make nothing of it."""
    scheme = proxy.url.partition("://")[0]
    reason = f"{proxy.variable} names a proxy of the kind `{scheme}`, which is not supported"
    return _unreachable(url, reason, "name one that speaks HTTP: `http://HOST:PORT`")


def _unreachable(url: str, reason: str, help_: str) -> ServerUnreachableError:
    return ServerUnreachableError(f"no server answered at {url}: {reason}", help=help_)
