"""Why no answer came: the errors of the HTTP library and of the system, turned into the runtime's."""

from __future__ import annotations

import ssl
from typing import Final

import aiohttp

from genesis.runtime.errors import CompletionError, ConnectionLostError, ServerUnreachableError, StalledStreamError

__all__ = ["CONNECT_SECONDS", "PATIENCE", "unanswered"]

CONNECT_SECONDS: Final = 10
PATIENCE: Final = "raise the provider's timeoutSeconds if the server needs longer"

_START: Final = "start the server, or correct the provider's base URL"
_PROXY: Final = "correct the proxy's variable, or put the server's host into NO_PROXY"


def unanswered(url: str, error: BaseException, timeout: int) -> CompletionError:
    """Give the error for a request that got no answer; `timeout` is the provider's, in seconds."""
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
    return ConnectionLostError(f"{url} closed the connection without an answer", help="look at the server's log")


def _unreachable(url: str, reason: str, help_: str) -> ServerUnreachableError:
    return ServerUnreachableError(f"no server answered at {url}: {reason}", help=help_)
