"""Why a server gave no models, in words: what the causes of libraries and of the system are called."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError

from genesis_config.net import limits

if TYPE_CHECKING:
    from genesis_config.diagnostics.rule_names import FindingName
    from genesis_config.net.proxies import Proxy

__all__ = ["Failure", "refused_by_proxy", "through", "unreachable", "unsupported", "without_tls"]

_START: Final = "start it, or correct `baseUrl`; `curl` with this URL shows the same"
_LOADING: Final = "is the server still loading its model?"
_SLOW: Final = "`curl` with this URL shows the same; is something in between that holds the answer back?"
_PACKING: Final = "look at the server, or the proxy before it: what is asked for is gzip, deflate, or no compression"
_TLS: Final = (
    "correct the scheme in `baseUrl`, or have the certificate signed by an authority that is trusted here "
    "(SSL_CERT_FILE names a file with more of them)"
)

_NO_HTTP: Final = (aiohttp.ServerDisconnectedError, aiohttp.ClientResponseError, ConnectionResetError)


class Failure(NamedTuple):
    """Why a server gave no models: a rule of the server family, with its message and help."""

    rule: FindingName
    message: str
    help: str


def unreachable(provider: str, url: str, error: BaseException, *, began: bool = False) -> Failure:
    """Say why no answer came from a provider's server.

    Args:
        provider: Its id.
        url: What was asked.
        error: What came instead: an error of aiohttp or the system.
        began: Whether an answer had begun.
    """
    packing = _packing(error)
    if packing is not None:
        return Failure("bad-model-list", f"{url} answered with {packing}", _PACKING)
    if began and isinstance(error, TimeoutError):
        reason, help_ = f"an answer began, and did not end within {limits.TOTAL_SECONDS:g} seconds", _SLOW
    else:
        reason, help_ = _reason(error)
    if help_ == _START and url.startswith("http:") and isinstance(error, _NO_HTTP):
        # What a server that speaks TLS does with a request that is none: an alert, an end, a reset.
        help_ = f"does it speak TLS? Then write `https://` in `baseUrl`; else {_START}"
    return _no_answer(provider, url, reason, help_)


def without_tls(provider: str, url: str) -> Failure:
    """Say that a server takes connections, and no TLS comes about on them."""
    reason = f"it takes connections, and does not answer to TLS within {limits.CONNECT_SECONDS:g} seconds"
    return _no_answer(provider, url, reason, "does it speak TLS? Else write `http://` in `baseUrl`")


def refused_by_proxy(provider: str, url: str, status: int) -> Failure:
    """Say that a proxy would not pass a request on."""
    asks = ": it wants a user and a password" if status == 407 else ""  # noqa: PLR2004 - the status for that
    return _no_answer(provider, url, f"the proxy answered {status}{asks}", _START)


def unsupported(provider: str, url: str, proxy: Proxy) -> Failure:
    """Say that a proxy is of a kind that no request can be made through."""
    scheme = proxy.url.partition("://")[0]
    reason = f"{proxy.variable} names a proxy of the kind `{scheme}`, which is not supported"
    return _no_answer(provider, url, reason, "name one that speaks HTTP: `http://HOST:PORT`")


def through(failure: Failure, proxy: Proxy, url: str) -> Failure:
    """Say of a failure that a proxy was in between, which may be what went wrong."""
    help_ = f"put {urlsplit(url).hostname} into NO_PROXY if it is to be reached directly, or correct {proxy.variable}"
    message = f"{failure.message} (through the proxy {proxy.shown})"
    return failure._replace(message=message, help=f"{failure.help}; {help_}")


def _no_answer(provider: str, url: str, reason: str, help_: str) -> Failure:
    return Failure("server-unreachable", f"the server of `{provider}` did not answer at {url}: {reason}", help_)


def _packing(error: BaseException) -> str | None:
    """Say what is wrong with an answer's compression; None where that is not what went wrong."""
    if isinstance(error.__cause__, ContentEncodingError):
        return "what is not the compression that it says"
    # aiohttp 3.14 has no class of its own for one that it could unpack if only another library were installed.
    if isinstance(error, aiohttp.ClientResponseError) and "content-encoding" in error.message:
        return "a compression that was not asked for"
    return None


def _reason(error: BaseException) -> tuple[str, str]:
    """Name the cause of an error of aiohttp or the system, and what to do about it. The first kind that fits counts."""
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
