"""The table from exceptions to causes: every exception is mapped, and every kind has a message."""

from __future__ import annotations

import errno
import inspect
import os
import socket
import ssl
from typing import TYPE_CHECKING, get_args

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from aiohttp.client_reqrep import ConnectionKey

from genesis_config.net.causes import Cause, Exchange, Kind, Stage, TransportError, build_cause, explain
from genesis_config.net.proxies import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

URL = "http://models.example/v1/models"
EXCHANGE = Exchange(URL, "response", 15.0, 5.0)
PROXY = Proxy("http://me:hunter2@p:1", "http://p:1", "HTTP_PROXY")
KEY = ConnectionKey("models.example", 80, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


def exceptions_of(module: ModuleType) -> Iterator[type[BaseException]]:
    for name, value in vars(module).items():
        if not name.startswith("_") and inspect.isclass(value) and issubclass(value, BaseException):
            yield value


def subclasses(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from subclasses(narrower)


LIBRARIES = {
    *exceptions_of(client_exceptions),
    *exceptions_of(http_exceptions),
    *exceptions_of(ssl),
    *exceptions_of(socket),
    *subclasses(aiohttp.ClientError),
    *subclasses(ConnectionError),
    TimeoutError,
    UnicodeError,
    ValueError,
}


GENERAL = {aiohttp.ClientError, aiohttp.ClientConnectionError, aiohttp.ServerConnectionError}


@pytest.mark.parametrize("stage", get_args(Stage))
@pytest.mark.parametrize("proxy", [None, PROXY])
@pytest.mark.parametrize("kind", sorted(LIBRARIES, key=str))
def test_every_library_exception_has_a_cause(kind: type[BaseException], proxy: Proxy | None, stage: Stage) -> None:
    # Without arguments, because their constructors differ.
    cause = explain(kind.__new__(kind), EXCHANGE._replace(stage=stage, proxy=proxy))
    assert cause.kind in get_args(Kind)
    assert cause.kind != "unknown"
    # Only the base classes may have the generic cause: a new class needs a row.
    assert cause.kind != "disconnected" or kind in GENERAL
    assert cause.reason
    assert cause.help


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_system_error_has_a_cause(number: int) -> None:
    for error in (OSError(number, "words"), aiohttp.ClientConnectorError(KEY, OSError(number, "words"))):
        cause = explain(error, EXCHANGE)
        if cause.kind == "network":
            assert cause.reason == os.strerror(number)
        assert cause.kind in {"network", "refused", "reset"}


def test_other_exceptions_are_unknown() -> None:
    assert explain(KeyError("x"), EXCHANGE)[:2] == ("unknown", "KeyError")


def test_error_without_a_number_keeps_its_message() -> None:
    assert explain(OSError("the tunnel is closed"), EXCHANGE)[:2] == ("network", "the tunnel is closed")


def certificate_error(code: int, words: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, words
    return error


@pytest.mark.parametrize(
    ("error", "stage", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "lookup", "dns"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(None, "x")), "response", "dns"),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(errno.ECONNREFUSED, "x")), "response", "refused"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "response", "reset"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "body", "connection-lost"),
        (aiohttp.ClientOSError(errno.EPIPE, "x"), "response", "reset"),
        (aiohttp.ServerDisconnectedError(), "response", "closed"),
        (aiohttp.ServerDisconnectedError(), "body", "connection-lost"),
        (aiohttp.ClientPayloadError(), "body", "connection-lost"),
        (aiohttp.ClientConnectionError("Connection closed"), "body", "connection-lost"),
        (aiohttp.ConnectionTimeoutError(), "response", "connect-timeout"),
        (TimeoutError(), "lookup", "lookup-timeout"),
        (TimeoutError(), "connect", "connect-timeout"),
        (TimeoutError(), "tls", "tls-timeout"),
        (TimeoutError(), "response", "response-timeout"),
        (aiohttp.SocketTimeoutError(), "body", "idle-timeout"),
        # The system's own timeout, after minutes.
        (TimeoutError(errno.ETIMEDOUT, "x"), "connect", "network"),
        (aiohttp.ClientConnectorError(KEY, OSError("Multiple exceptions: …")), "response", "network"),
        (ssl.SSLError(1, "wrong version number"), "tls", "not-tls"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "x")), "response", "not-tls"),
        (certificate_error(18, "self-signed certificate"), "tls", "certificate-untrusted"),
        (certificate_error(10, "certificate has expired"), "tls", "certificate-expired"),
        (certificate_error(62, "Hostname mismatch"), "tls", "certificate-host"),
        (
            aiohttp.ClientConnectorCertificateError(KEY, certificate_error(64, "IP address mismatch")),
            "response",
            "certificate-host",
        ),
        (aiohttp.InvalidURL("http://["), "response", "invalid-request"),
        (aiohttp.NonHttpUrlClientError("ftp://x"), "response", "unsupported-scheme"),
        (http_exceptions.ContentEncodingError("x"), "body", "bad-compression"),
        (http_exceptions.TransferEncodingError("x"), "body", "bad-framing"),
        (http_exceptions.BadStatusLine("x"), "response", "not-http"),
    ],
)
def test_kind_of_each_failure(error: BaseException, stage: Stage, kind: Kind) -> None:
    assert explain(error, EXCHANGE._replace(stage=stage)).kind == kind


def test_existing_cause_is_kept() -> None:
    cause = Cause("refused", "the recording ends here", "record more")
    assert explain(TransportError(cause), EXCHANGE) is cause


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientProxyConnectionError(KEY, ConnectionRefusedError(errno.ECONNREFUSED, "x")),
        aiohttp.ClientConnectorDNSError(KEY, OSError(None, "x")),
        aiohttp.ConnectionTimeoutError(),
    ],
)
def test_unreachable_host_behind_a_proxy_is_the_proxy(error: BaseException) -> None:
    cause = explain(error, EXCHANGE._replace(proxy=PROXY))
    assert cause.kind == "proxy-unreachable"
    assert cause.reason.startswith("cannot connect to the proxy http://p:1: ")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_names_the_proxy_without_its_password(kind: Kind) -> None:
    direct = build_cause(kind, EXCHANGE, "detail")
    proxied = build_cause(kind, EXCHANGE._replace(proxy=PROXY), "HTTP_PROXY")
    for cause in (direct, proxied):
        assert "{" not in cause.reason + cause.help
        assert "hunter2" not in cause.reason + cause.help
    assert "p:1" not in direct.reason
    assert "http://p:1" in proxied.reason or "HTTP_PROXY" in proxied.reason
    assert proxied.help.endswith(", or add models.example to NO_PROXY to bypass the proxy")


@pytest.mark.parametrize(("seconds", "words"), [(1, "1 second"), (0.5, "0.5 seconds"), (15.0, "15 seconds")])
def test_limits_are_shown_in_seconds(seconds: float, words: str) -> None:
    assert explain(TimeoutError(), EXCHANGE._replace(seconds=seconds)).reason == f"no response within {words}"
