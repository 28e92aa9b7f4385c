"""Causes of failed HTTP exchanges: the one table from exceptions of aiohttp, ssl and the system to causes.

Discovery, `genesis doctor` and the runtime use these messages. Each adds where the failure happened.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import aiohttp
from aiohttp import http_exceptions

from genesis_config.diagnostics.errors import GenesisError
from genesis_config.net.redirects import REDIRECT_HELP

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
    "certificate-expired",
    "certificate-host",
    "certificate-untrusted",
    "closed",
    "connect-timeout",
    "connection-lost",
    "disconnected",
    "dns",
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
]
Stage = Literal["lookup", "connect", "tls", "response", "body"]


class Cause(NamedTuple):
    """The cause of a failed exchange.

    Attributes:
        kind: The kind of failure, for programs.
        reason: A phrase that completes a sentence such as `request to URL failed: …`.
        help: What to do about it.
    """

    kind: Kind
    reason: str
    help: str


class Exchange(NamedTuple):
    """The facts about an exchange that explain its failure.

    Attributes:
        url: The URL of the request, which messages show.
        stage: The stage that failed: the host name lookup, the connection, the TLS handshake, waiting for the
            response's headers, or reading its body.
        seconds: The time limit of the stage.
        connect_seconds: The time limit for connecting, which libraries apply within the stage `response`.
        proxy: The proxy on the way to the server.
        encoding: The `Content-Encoding` of the response.
    """

    url: str
    stage: Stage
    seconds: float
    connect_seconds: float = 0.0
    proxy: Proxy | None = None
    encoding: str | None = None


class TransportError(GenesisError):
    """A failed exchange with a known cause."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.reason, help=cause.help)
        self.cause = cause


PROXY_AUTHENTICATION: Final = 407  # RFC 9110, §15.5.8

_START: Final = "start the server or correct `baseUrl`; check with `curl {url}`"
_LOG: Final = "see the server's log"
_PROXY: Final = "set {variable} to the URL of an HTTP proxy, such as `http://HOST:PORT`"
_COMPRESSION: Final = "configure the server, or the proxy in front of it, to use gzip, deflate, or no compression"


class _Row(NamedTuple):
    kind: Kind
    exceptions: tuple[type[BaseException], ...]
    reason: str
    help: str


# The first matching row counts, because some classes derive from several of these. Kinds without exceptions follow from
# the stage or from an error number. `{detail}` is the part that varies within a kind.
_TABLE: Final = (
    _Row("connect-timeout", (aiohttp.ConnectionTimeoutError,), "no connection within {connect_seconds}", _START),
    _Row(
        "proxy-refused",
        (aiohttp.ClientHttpProxyError,),
        "{proxy} answered {detail}",
        "check that the proxy allows this request, correct {variable}",
    ),
    _Row(
        "proxy-unreachable",
        (aiohttp.ClientProxyConnectionError,),
        "cannot connect to {proxy}{detail}",
        "check that the proxy is running, correct {variable}",
    ),
    _Row(
        "dns",
        (aiohttp.ClientConnectorDNSError, socket.gaierror, socket.herror, UnicodeError),
        "host name not found",
        "correct the host in `baseUrl`, or check this machine's DNS configuration",
    ),
    _Row(
        "certificate-untrusted",
        (ssl.SSLCertVerificationError, aiohttp.ServerFingerprintMismatch),
        "TLS handshake failed: certificate not trusted{detail}",
        "point SSL_CERT_FILE at a CA bundle that includes the server's CA",
    ),
    _Row(
        "certificate-expired",
        (),
        "TLS handshake failed: {detail}",
        "renew the server's certificate, or correct this machine's clock",
    ),
    _Row(
        "certificate-host",
        (),
        "TLS handshake failed: {detail}",
        "use a host name in `baseUrl` that the server's certificate covers",
    ),
    _Row(
        "not-tls",
        (ssl.SSLError, aiohttp.ClientSSLError),
        "TLS handshake failed: the server does not use TLS (try `http://`) or uses an incompatible version",
        "correct the scheme in `baseUrl`",
    ),
    _Row(
        "redirect",
        (aiohttp.TooManyRedirects, aiohttp.RedirectClientError),
        "the server redirects to another address",
        REDIRECT_HELP,
    ),
    _Row(
        "unsupported-scheme",
        (aiohttp.NonHttpUrlClientError,),
        "the URL's scheme is not supported",
        "use `http://` or `https://` in `baseUrl`",
    ),
    _Row(
        "invalid-request",
        (ValueError,),
        "no valid HTTP request can be made from this URL and these headers",
        "correct `baseUrl` and `headers`",
    ),
    _Row(
        "bad-compression",
        (http_exceptions.ContentEncodingError,),
        "the server sent an invalid {encoding} body",
        _COMPRESSION,
    ),
    _Row(
        "unrequested-compression",
        (),
        "the server compressed the response with {detail}, which was not requested",
        _COMPRESSION,
    ),
    _Row(
        "too-large",
        (http_exceptions.DecompressSizeError,),
        "the response is larger than {detail}",
        "is `baseUrl` the address of an OpenAI-compatible server?",
    ),
    _Row(
        "connection-lost",
        (http_exceptions.ContentLengthError, aiohttp.ClientPayloadError, aiohttp.UploadAbortedError),
        "connection lost in the middle of the response",
        _LOG,
    ),
    _Row("bad-framing", (http_exceptions.PayloadEncodingError,), "the framing of the response is not valid HTTP", _LOG),
    _Row(
        "not-http",
        (aiohttp.ClientResponseError, http_exceptions.HttpProcessingError, aiohttp.WSMessageTypeError),
        "the response is not valid HTTP",
        _START,
    ),
    _Row("closed", (aiohttp.ServerDisconnectedError,), "connection closed without a response", _START),
    _Row("refused", (ConnectionRefusedError,), "connection refused", _START),
    _Row("reset", (ConnectionError,), "connection reset by the server", _START),
    _Row("network", (OSError,), "{detail}", _START),
    _Row("disconnected", (aiohttp.ClientError,), "the connection was closed", _LOG),
    _Row(
        "lookup-timeout",
        (),
        "the host name lookup did not complete within {seconds}",
        "check this machine's DNS configuration",
    ),
    _Row(
        "tls-timeout",
        (),
        "the server accepted the connection but did not complete a TLS handshake within {seconds}",
        "if the server does not use TLS, use `http://` in `baseUrl`",
    ),
    _Row("response-timeout", (), "no response within {seconds}", "is the server still loading its model?"),
    _Row("idle-timeout", (), "no data for {seconds}", _LOG),
    _Row(
        "incomplete",
        (),
        "the response did not complete within {seconds}",
        "check with `curl {url}`; a proxy in front of the server may be holding the response back",
    ),
    _Row("unsupported-proxy", (), "{detail}, which is not supported", _PROXY),
    _Row(
        "invalid-proxy",
        (),
        "{detail} is not a valid proxy URL",
        _PROXY,
    ),
    _Row("unknown", (BaseException,), "{detail}", _START),
)
_ROWS: Final[Mapping[Kind, _Row]] = {row.kind: row for row in _TABLE}

_TIMEOUTS: Final[Mapping[Stage, Kind]] = {
    "lookup": "lookup-timeout",
    "connect": "connect-timeout",
    "tls": "tls-timeout",
    "response": "response-timeout",
    "body": "idle-timeout",
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
# With a proxy, these concern the proxy, because it is the only host that is connected to.
_BEFORE_CONNECTED: Final = frozenset({"connect-timeout", "dns", "lookup-timeout", "network", "refused"})
# Within the body, all of these mean that the connection was lost.
_WITHIN_BODY: Final = frozenset({"closed", "disconnected", "network", "not-http", "refused", "reset"})
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
    """Return the cause for a kind of failure. `detail` is the part that varies within the kind."""
    row = _ROWS[kind]
    help_ = row.help
    if kind in _PERHAPS_TLS and exchange.url.startswith("http:"):
        help_ = f"if the server uses TLS, use `https://` in `baseUrl`; otherwise {row.help}"
    proxy = exchange.proxy
    values = {
        "detail": detail,
        "encoding": exchange.encoding or "compressed",
        "url": exchange.url,
        "seconds": _format_seconds(exchange.seconds),
        "connect_seconds": _format_seconds(exchange.connect_seconds or exchange.seconds),
        "proxy": f"the proxy {proxy.shown}" if proxy else "the proxy",
        "variable": proxy.variable if proxy else "the proxy's URL",
    }
    cause = Cause(kind, row.reason.format(**values), help_.format(**values))
    if proxy is None:
        return cause
    note = "" if kind in _NAMING_PROXY else proxy.note
    return Cause(kind, f"{cause.reason}{note}", f"{cause.help}, or {proxy.bypass_help(exchange.url)}")


def proxy_fault(exchange: Exchange) -> Cause | None:
    """Return why the proxy of an exchange cannot be used; None if it can, or if there is none."""
    proxy = exchange.proxy
    if proxy is None or (proxy.supported and proxy.valid):
        return None
    if proxy.supported:
        return build_cause("invalid-proxy", exchange, proxy.variable)
    scheme = proxy.url.partition("://")[0]
    return build_cause("unsupported-proxy", exchange, f"{proxy.variable} names a `{scheme}` proxy")


def proxy_refusal(exchange: Exchange, status: int) -> Cause:
    """Return the cause for a proxy that answered the request itself."""
    return build_cause("proxy-refused", exchange, _proxy_answer(status))


def _proxy_answer(status: int) -> str:
    return f"{status}: it requires a user name and a password" if status == PROXY_AUTHENTICATION else str(status)


def _classify(error: BaseException, stage: Stage) -> tuple[Kind, str]:
    """Return the kind of an exception, and its detail."""
    if isinstance(error.__cause__, http_exceptions.ContentEncodingError):
        return "bad-compression", ""
    if isinstance(error, aiohttp.ClientResponseError):
        # Messages of the parser in aiohttp 3.14, which has no classes for these errors.
        message = getattr(error, "message", "")
        if "content-encoding: " in message:
            return "unrequested-compression", message.partition("content-encoding: ")[2].partition(".")[0]
        if "chunk" in message:
            return "bad-framing", ""
    error = _system_error(error)
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError) and not error.errno:
        return _TIMEOUTS[stage], ""
    kind = next(row.kind for row in _TABLE if isinstance(error, row.exceptions))
    if stage == "body" and kind in _WITHIN_BODY:
        kind = "connection-lost"
    return _detail(kind, error)


def _system_error(error: BaseException) -> BaseException:
    """Return the system error behind a library's error, in the class for its error number."""
    if isinstance(error, ssl.SSLError | socket.gaierror | socket.herror) or not isinstance(error, OSError):
        return error
    if isinstance(error, aiohttp.ClientConnectorDNSError | aiohttp.ClientProxyConnectionError | aiohttp.ClientSSLError):
        return error
    inner = getattr(error, "os_error", None)
    if isinstance(inner, OSError) and inner is not error:
        return _system_error(inner)
    # asyncio replaces the system's message with its own.
    return OSError(error.errno, os.strerror(error.errno)) if error.errno else error


def _detail(kind: Kind, error: BaseException) -> tuple[Kind, str]:
    """Return the kind, or a narrower one if the exception reveals it, and the detail."""
    if kind == "certificate-untrusted":
        # aiohttp wraps the error that has the details.
        inner = getattr(error, "certificate_error", error)
        reason = getattr(inner, "verify_message", "").rstrip(".")
        narrower = _CERTIFICATES.get(getattr(inner, "verify_code", 0))
        return (narrower, reason) if narrower else (kind, f": {reason}" if reason else "")
    if kind == "network":
        reason = getattr(error, "strerror", None) or str(next(iter(error.args), type(error).__name__))
        # asyncio combines the errors of several addresses into one without an error number.
        return kind, "cannot connect to any of the host's addresses" if reason.startswith("Multiple exc") else reason
    if kind == "proxy-refused":
        return kind, _proxy_answer(getattr(error, "status", 0))
    return kind, type(error).__name__ if kind == "unknown" else ""


def _format_seconds(seconds: float) -> str:
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
