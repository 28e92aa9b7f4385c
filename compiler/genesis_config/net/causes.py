"""Why an HTTP exchange failed: the one table from exceptions of aiohttp, ssl and the system to causes.

Discovery, `genesis doctor` and the runtime report failures in these words. Each adds where the failure happened.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import aiohttp
from aiohttp import http_exceptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.net.proxies import Proxy

__all__ = [
    "PROXY_AUTHENTICATION",
    "Cause",
    "Exchange",
    "Kind",
    "Stage",
    "TransportError",
    "build_cause",
    "explain",
    "proxy_fault",
    "proxy_refusal",
]

Kind = Literal[
    "bad-compression",
    "bad-framing",
    "closed",
    "connect-timeout",
    "connection-lost",
    "dns",
    "certificate-expired",
    "idle-timeout",
    "incomplete",
    "invalid-proxy",
    "invalid-request",
    "lookup-timeout",
    "network",
    "not-http",
    "not-tls",
    "proxy-refused",
    "proxy-unreachable",
    "redirect",
    "refused",
    "reset",
    "response-timeout",
    "tls-timeout",
    "too-large",
    "unknown",
    "unrequested-compression",
    "unsupported-proxy",
    "unsupported-scheme",
    "certificate-untrusted",
    "certificate-host",
]
Stage = Literal["lookup", "connect", "tls", "response", "body"]


class Cause(NamedTuple):
    """Why an exchange failed.

    Attributes:
        kind: What a program decides by.
        reason: A fragment that completes a sentence such as `request to URL failed: …`.
        help: What to do about it.
    """

    kind: Kind
    reason: str
    help: str


class Exchange(NamedTuple):
    """An exchange with a server, as far as its failure has to be explained.

    Attributes:
        url: The URL of the request, which messages show.
        stage: What was under way: the name lookup, the connection, the TLS handshake, the wait for the response's
            head, or the read of its body.
        seconds: The limit on that stage.
        connect_seconds: The limit on making a connection, which libraries apply within the stage `response`.
        proxy: The proxy between here and the server.
        encoding: The `Content-Encoding` of the response.
    """

    url: str
    stage: Stage
    seconds: float
    connect_seconds: float = 0.0
    proxy: Proxy | None = None
    encoding: str | None = None


class TransportError(Exception):
    """An exchange failed, for a cause that is known."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.reason)
        self.cause = cause


PROXY_AUTHENTICATION: Final = 407  # RFC 9110, §15.5.8

_START: Final = "start the server or correct `baseUrl`; check with `curl {url}`"
_LOG: Final = "see the server's log"
_ADDRESS: Final = "correct `baseUrl`: it must be the address of an OpenAI-compatible server"
_COMPRESSION: Final = "configure the server, or the proxy in front of it, to use gzip, deflate, or no compression"

# The reason and the help of each kind. `{detail}` is what the exception adds.
_TEXTS: Final[Mapping[Kind, tuple[str, str]]] = {
    "bad-compression": ("the server sent an invalid {encoding} body", _COMPRESSION),
    "bad-framing": ("the framing of the response is not valid HTTP", _LOG),
    "closed": ("connection closed without a response", _START),
    "connect-timeout": ("no connection within {connect_seconds}", _START),
    "connection-lost": ("connection lost in the middle of the response", _LOG),
    "dns": ("host name not found", "correct the host in `baseUrl`, or check this machine's DNS configuration"),
    "certificate-expired": (
        "TLS handshake failed: {detail}",
        "renew the server's certificate, or correct this machine's clock",
    ),
    "idle-timeout": ("no data for {seconds}", _LOG),
    "incomplete": (
        "the response did not complete within {seconds}",
        "check with `curl {url}`; a proxy in front of the server may be holding the response back",
    ),
    "invalid-proxy": ("{detail} is not a valid proxy URL", "set it to the URL of an HTTP proxy: `http://HOST:PORT`"),
    "invalid-request": ("no valid HTTP request can be made from this URL and these headers", "correct `baseUrl`"),
    "lookup-timeout": (
        "the host name lookup did not complete within {seconds}",
        "check this machine's DNS configuration",
    ),
    "network": ("{detail}", _START),
    "not-http": ("the response is not valid HTTP", _START),
    "not-tls": (
        "TLS handshake failed: the server does not use TLS (try `http://`) or uses an incompatible version",
        "correct the scheme in `baseUrl`",
    ),
    "proxy-refused": ("{proxy} answered {detail}", "check that the proxy allows this request"),
    "proxy-unreachable": ("cannot connect to {proxy}{detail}", "check that the proxy is running"),
    "redirect": (
        "the server redirects to another address",
        "set `baseUrl` to the address that the server redirects to",
    ),
    "refused": ("connection refused", _START),
    "reset": ("connection reset by the server", _START),
    "response-timeout": ("no response within {seconds}", "is the server still loading its model?"),
    "tls-timeout": (
        "the server accepted the connection but did not complete a TLS handshake within {seconds}",
        "if the server does not use TLS, use `http://` in `baseUrl`",
    ),
    "too-large": ("the response is larger than {detail}", _ADDRESS),
    "unknown": ("{detail}", _START),
    "unrequested-compression": (
        "the server compressed the response with {detail}, which was not requested",
        _COMPRESSION,
    ),
    "unsupported-proxy": ("{detail}, which is not supported", "use an HTTP proxy: `http://HOST:PORT`"),
    "unsupported-scheme": ("the URL's scheme is not supported", "use `http://` or `https://` in `baseUrl`"),
    "certificate-untrusted": (
        "TLS handshake failed: certificate not trusted{detail}",
        "point SSL_CERT_FILE at a CA bundle that includes the server's CA",
    ),
    "certificate-host": (
        "TLS handshake failed: {detail}",
        "use a host name in `baseUrl` that the server's certificate covers",
    ),
}

# The first row that fits counts: some classes have several of these as bases.
_KINDS: Final[tuple[tuple[tuple[type[BaseException], ...], Kind], ...]] = (
    ((aiohttp.ConnectionTimeoutError,), "connect-timeout"),
    ((aiohttp.ClientHttpProxyError,), "proxy-refused"),
    ((aiohttp.ClientProxyConnectionError,), "proxy-unreachable"),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror, socket.herror, UnicodeError), "dns"),
    ((ssl.SSLCertVerificationError, aiohttp.ServerFingerprintMismatch), "certificate-untrusted"),
    ((ssl.SSLError, aiohttp.ClientSSLError), "not-tls"),
    ((aiohttp.TooManyRedirects, aiohttp.RedirectClientError), "redirect"),
    ((aiohttp.NonHttpUrlClientError,), "unsupported-scheme"),
    ((ValueError,), "invalid-request"),
    ((http_exceptions.ContentEncodingError,), "bad-compression"),
    ((http_exceptions.DecompressSizeError,), "too-large"),
    ((http_exceptions.ContentLengthError, aiohttp.ClientPayloadError, aiohttp.UploadAbortedError), "connection-lost"),
    ((http_exceptions.PayloadEncodingError,), "bad-framing"),
    ((aiohttp.ClientResponseError, http_exceptions.HttpProcessingError, aiohttp.WSMessageTypeError), "not-http"),
    ((aiohttp.ServerDisconnectedError,), "closed"),
    ((ConnectionRefusedError,), "refused"),
    ((ConnectionError,), "reset"),
    ((OSError,), "network"),
    ((aiohttp.ClientConnectionError, aiohttp.ClientError), "connection-lost"),
)

_TIMEOUTS: Final[Mapping[Stage, Kind]] = {
    "lookup": "lookup-timeout",
    "connect": "connect-timeout",
    "tls": "tls-timeout",
    "response": "response-timeout",
    "body": "incomplete",
}
# X509_V_ERR_… of OpenSSL (x509_vfy.h).
_CERTIFICATES: Final[Mapping[int, Kind]] = {
    9: "certificate-expired",  # not valid yet
    10: "certificate-expired",
    62: "certificate-host",
    64: "certificate-host",  # an IP address
}
# How a server that expects TLS reacts to a plain request: it closes or resets the connection, or sends an alert.
_PERHAPS_TLS: Final = frozenset({"closed", "reset", "not-http"})
# Where there is a proxy, it is what these are about: nothing else is connected to.
_BEFORE_CONNECTED: Final = frozenset({"connect-timeout", "dns", "lookup-timeout", "network", "refused"})
# Once the body has begun, these all mean that the connection is gone.
_WITHIN_BODY: Final = frozenset({"closed", "network", "not-http", "refused", "reset"})
_NAMING_PROXY: Final = frozenset({"invalid-proxy", "proxy-refused", "proxy-unreachable", "unsupported-proxy"})


def explain(error: BaseException, exchange: Exchange) -> Cause:
    """Return the cause of an exception that ended an exchange."""
    if isinstance(error, TransportError):
        return error.cause
    if isinstance(error, aiohttp.ClientProxyConnectionError) and exchange.proxy is not None:
        error = getattr(error, "os_error", None) or error
    kind, detail = _classify(error, exchange.stage)
    if kind in _BEFORE_CONNECTED and exchange.proxy is not None:
        inner = build_cause(kind, exchange._replace(proxy=None), detail)
        kind, detail = "proxy-unreachable", f": {inner.reason}"
    return build_cause(kind, exchange, detail)


def build_cause(kind: Kind, exchange: Exchange, detail: str = "") -> Cause:
    """Return a cause in words; `detail` is what varies within its kind."""
    reason, help_ = _TEXTS[kind]
    if kind in _PERHAPS_TLS and exchange.url.startswith("http:"):
        help_ = f"if the server uses TLS, use `https://` in `baseUrl`; otherwise {help_}"
    values = {
        "detail": detail,
        "encoding": exchange.encoding or "compressed",
        "url": exchange.url,
        "seconds": _format_seconds(exchange.seconds),
        "connect_seconds": _format_seconds(exchange.connect_seconds or exchange.seconds),
        "proxy": f"the proxy {exchange.proxy.shown}" if exchange.proxy else "the proxy",
    }
    cause = Cause(kind, reason.format(**values), help_.format(**values))
    if exchange.proxy is None:
        return cause
    note = "" if kind in _NAMING_PROXY else exchange.proxy.note
    return Cause(kind, f"{cause.reason}{note}", f"{cause.help}; or {exchange.proxy.bypass_help(exchange.url)}")


def proxy_fault(exchange: Exchange) -> Cause | None:
    """Return why no request can be sent through the proxy of an exchange, which would receive the key all the same."""
    proxy = exchange.proxy
    if proxy is None or (proxy.supported and proxy.valid):
        return None
    if proxy.supported:
        return build_cause("invalid-proxy", exchange, proxy.variable)
    scheme = proxy.url.partition("://")[0]
    return build_cause("unsupported-proxy", exchange, f"{proxy.variable} names a `{scheme}` proxy")


def proxy_refusal(exchange: Exchange, status: int) -> Cause:
    """Return the cause for a proxy that answered with a status of its own."""
    return build_cause("proxy-refused", exchange, _proxy_answer(status))


def _proxy_answer(status: int) -> str:
    return f"{status}: it requires a user name and a password" if status == PROXY_AUTHENTICATION else str(status)


def _classify(error: BaseException, stage: Stage) -> tuple[Kind, str]:
    """Return the kind of an exception, and what it adds to that."""
    if isinstance(error.__cause__, http_exceptions.ContentEncodingError):
        return "bad-compression", ""
    if isinstance(error, aiohttp.ClientResponseError):
        # The words of the parser in aiohttp 3.14, which has no class for either.
        message = getattr(error, "message", "")
        if "content-encoding: " in message:
            return "unrequested-compression", message.partition("content-encoding: ")[2].partition(".")[0]
        if "chunk" in message:
            return "bad-framing", ""
    error = _system_error(error)
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError) and not error.errno:
        return _TIMEOUTS[stage], ""
    kind: Kind = next((kind for classes, kind in _KINDS if isinstance(error, classes)), "unknown")
    if stage == "body" and kind in _WITHIN_BODY:
        kind = "connection-lost"
    return _detail(kind, error)


def _system_error(error: BaseException) -> BaseException:
    """Return the system's error that a library's stands for, in the class that its number has."""
    if isinstance(error, ssl.SSLError | socket.gaierror | socket.herror) or not isinstance(error, OSError):
        return error
    if isinstance(error, aiohttp.ClientConnectorDNSError | aiohttp.ClientProxyConnectionError | aiohttp.ClientSSLError):
        return error
    inner = getattr(error, "os_error", None)
    if isinstance(inner, OSError) and inner is not error:
        return _system_error(inner)
    # asyncio puts words of its own in place of the system's.
    return OSError(error.errno, os.strerror(error.errno)) if error.errno else error


def _detail(kind: Kind, error: BaseException) -> tuple[Kind, str]:
    """Return what an exception adds to its kind, or the narrower kind that it tells."""
    if kind == "certificate-untrusted":
        # aiohttp wraps the one that tells.
        inner = getattr(error, "certificate_error", error)
        words = getattr(inner, "verify_message", "").rstrip(".")
        narrower = _CERTIFICATES.get(getattr(inner, "verify_code", 0))
        return (narrower, words) if narrower else (kind, f": {words}" if words else "")
    if kind == "network":
        # Of several addresses that all failed asyncio makes one error without a number.
        return kind, getattr(error, "strerror", None) or "cannot connect to any of the host's addresses"
    if kind == "proxy-refused":
        return kind, _proxy_answer(getattr(error, "status", 0))
    return kind, type(error).__name__ if kind == "unknown" else ""


def _format_seconds(seconds: float) -> str:
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
