"""HTTP: connections to each provider, and the library's errors turned into the runtime's, in this one place."""

from __future__ import annotations

import io
import ssl
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import msgspec

from genesis.runtime.chunks import error_text
from genesis.runtime.errors import (
    CompletionError,
    ConnectionLostError,
    MalformedStreamError,
    ServerUnreachableError,
    StalledStreamError,
    status_error,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Mapping

    from genesis.manifest import Provider

__all__ = ["Watchdog", "check", "connect", "lost", "scrub", "send", "unreachable"]

_CONNECT_SECONDS: Final = 10
_ERROR_BODY: Final = 64 * 1024  # bytes of an error's body that are read


def connect(provider: Provider) -> aiohttp.ClientSession:
    """Open the connections of one provider; none is made before the first request."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=provider.max_connections),
        # A server's cookies are not sent back: the manifest declares none.
        cookie_jar=aiohttp.DummyCookieJar(),
        # aiohttp's own names a product.
        skip_auto_headers=("User-Agent",),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT_SECONDS, provider.timeout_seconds)),
    )


async def send(
    session: aiohttp.ClientSession, url: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    """Send a request and give the answer's head."""
    # A file, since aiohttp warns about a body of bytes past 1 MiB: a picture is one.
    data = io.BytesIO(msgspec.json.encode(body))
    return await session.post(url, data=data, headers=headers, allow_redirects=False)


async def check(response: aiohttp.ClientResponse, url: str, secrets: Iterable[str]) -> None:
    """Refuse an answer that is no stream.

    Raises:
        StatusError: Its status is not 200.
        MalformedStreamError: It is a page or a whole JSON answer.
    """
    if response.status != 200:  # noqa: PLR2004 - OK
        raise status_error(response.status, url, scrub(_said(await response.content.read(_ERROR_BODY)), secrets))
    if response.content_type in {"application/json", "text/html"}:
        raise MalformedStreamError(
            f"{url} answered with {response.content_type}, not with a stream",
            help="is this the address of an OpenAI-compatible server?",
        )


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of what a server said: some echo the key that they refuse."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def unreachable(url: str, error: BaseException, provider: Provider) -> CompletionError:
    """Say why no answer came."""
    help_ = "start the server, or correct the provider's base URL"
    os_error = getattr(error, "os_error", None)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        reason = f"no connection within {min(_CONNECT_SECONDS, provider.timeout_seconds)} seconds"
    elif isinstance(error, TimeoutError):
        return StalledStreamError(
            f"{url} did not begin to answer within {provider.timeout_seconds} seconds",
            help="raise the provider's timeoutSeconds if the server needs longer",
        )
    elif isinstance(error, aiohttp.ClientConnectorDNSError):
        reason = "its name is not known"
    elif isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        reason = "no secure connection: its certificate is not accepted, or it does not speak TLS"
    elif isinstance(os_error, ConnectionRefusedError):
        reason = "nothing listens there"
    elif isinstance(error, aiohttp.ClientConnectorError):
        reason = os_error.strerror if os_error is not None and os_error.strerror else "no connection"
    else:
        return ConnectionLostError(f"{url} closed the connection without an answer", help="look at the server's log")
    return ServerUnreachableError(f"no server answered at {url}: {reason}", help=help_)


def lost(url: str, provider: Provider, *, stalled: bool) -> CompletionError:
    """Say why a stream broke off."""
    if stalled:
        return StalledStreamError(
            f"{url} sent nothing for {provider.timeout_seconds} seconds",
            help="raise the provider's timeoutSeconds if the server needs longer",
        )
    return ConnectionLostError(
        f"the connection to {url} broke in the middle of the answer", help="look at the server's log"
    )


class Watchdog:
    """Closes a response on which nothing arrives: one timer for the stream, and none for each chunk.

    The timer looks when the last bytes came, and sleeps on for what is left; `seen` only notes the time.
    """

    __slots__ = ("_handle", "_loop", "_response", "_seconds", "last", "stalled")

    def __init__(self, loop: asyncio.AbstractEventLoop, response: aiohttp.ClientResponse, seconds: float) -> None:
        """Begin to watch."""
        self._loop = loop
        self._response = response
        self._seconds = seconds
        self.last = loop.time()
        self.stalled = False
        self._handle = loop.call_later(seconds, self._look)

    def stop(self) -> None:
        """Watch no longer."""
        self._handle.cancel()

    def _look(self) -> None:
        left = self.last + self._seconds - self._loop.time()
        if left > 0:
            self._handle = self._loop.call_later(left, self._look)
        else:
            self.stalled = True
            self._response.close()


def _said(body: bytes) -> str:
    """Find the words in an error's body: vLLM's two shapes, or the text itself."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = body.decode(errors="replace")
        return "" if text.lstrip().startswith("<") else " ".join(text.split())[:500]
    if isinstance(answer, dict):
        return error_text(answer.get("error") or answer.get("message") or answer.get("detail"))
    return ""
