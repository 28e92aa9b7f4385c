"""Why a server gave no models, in words: what the causes of libraries and of the system are called."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from genesis.discover import limits

if TYPE_CHECKING:
    from genesis.manifest import Proxy

__all__ = ["Failure", "through", "unreachable"]

_START: Final = "start it, or correct `baseUrl`; `curl` with this URL shows the same"
_LOADING: Final = "is the server still loading its model?"
_TLS: Final = (
    "correct the scheme in `baseUrl`, or have the certificate signed by an authority that is trusted here "
    "(SSL_CERT_FILE names a file with more of them)"
)


class Failure(NamedTuple):
    """Why a server gave no models: a rule of the server family, with its message and help."""

    rule: str
    message: str
    help: str


def unreachable(provider: str, url: str, error: BaseException) -> Failure:
    """Say why no answer came from a provider's server."""
    reason, help_ = _reason(error)
    return Failure("server-unreachable", f"the server of `{provider}` did not answer at {url}: {reason}", help_)


def through(failure: Failure, proxy: Proxy, url: str) -> Failure:
    """Say of a failure that a proxy was in between, which may be what went wrong."""
    variable = "HTTPS_PROXY" if url.startswith("https:") else "HTTP_PROXY"
    help_ = f"put {urlsplit(url).hostname} into NO_PROXY if it is to be reached directly, or correct {variable}"
    message = f"{failure.message} (through the proxy {proxy.shown})"
    return failure._replace(message=message, help=f"{failure.help}; {help_}")


def _reason(error: BaseException) -> tuple[str, str]:
    """Name the cause of an error of aiohttp or the system, and what to do about it. The first kind that fits counts."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        asks = ": it wants a user and a password" if error.status == 407 else ""  # noqa: PLR2004 - the status for that
        return f"the proxy answered {error.status}{asks}", _START
    os_error = getattr(error, "os_error", None)
    if isinstance(os_error, ConnectionRefusedError):
        return "nothing listens there", _START
    for kind, reason, help_ in (
        (aiohttp.ConnectionTimeoutError, f"no connection within {limits.CONNECT_SECONDS:g} seconds", _START),
        (TimeoutError, f"no whole answer within {limits.TOTAL_SECONDS:g} seconds", _LOADING),
        (aiohttp.ClientConnectorDNSError, "its name is not known", _START),
        (aiohttp.ClientConnectorCertificateError, "its certificate is not accepted", _TLS),
        (
            (aiohttp.ClientSSLError, ssl.SSLError),
            "no secure connection: it does not speak TLS, or another version of it",
            _TLS,
        ),
        (aiohttp.ServerDisconnectedError, "it closed the connection without an answer", _START),
        (aiohttp.ClientPayloadError, "the connection broke in the middle of its answer", _START),
        (aiohttp.ClientResponseError, "what listens there does not speak HTTP", _START),
        (ValueError, "no request can be made with this address and these headers", _START),
    ):
        if isinstance(error, kind):
            return reason, help_
    # By its number: asyncio puts words of its own in place of the system's.
    number = getattr(os_error or error, "errno", None)
    return (os.strerror(number) if number else type(error).__name__), _START
