"""Asking servers which models they have: `GET {base URL}/models`, all providers side by side.

What a row holds is what vLLM 0.32 answers: `id`, `max_model_len`, and for a LoRA adapter `parent` with a null window.
"""

from __future__ import annotations

import asyncio
import codecs
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec

from genesis_config.manifest import pointed_at, proxy_for, scrub
from genesis_config.net import limits
from genesis_config.net.failures import Failure, refused_by_proxy, through, unreachable, unsupported, without_tls
from genesis_config.net.loops import Loop
from genesis_config.resolve.lock import Row, is_model_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from genesis_config.diagnostics.rule_names import FindingName

__all__ = ["Answer", "Query", "discover", "discover_with_versions"]

_LONGEST_MESSAGE: Final = 600  # characters; a server may say a great deal

_WRONG_ADDRESS: Final = "is this the address of an OpenAI-compatible server, up to `/v1`?"


class Query(NamedTuple):
    """One provider to ask.

    Attributes:
        provider: Its id.
        base_url: With its path, without a trailing slash.
        headers: All that are sent beyond HTTP's own, with their values.
        secrets: Values that are scrubbed from whatever the server says.
        remedy: How a person changes the key: words that go before `a key that this server takes`.
    """

    provider: str
    base_url: str
    headers: Mapping[str, str]
    secrets: tuple[str, ...]
    remedy: str


class Answer(NamedTuple):
    """What one server said: its rows by id, or why there are none; and ids that were left out."""

    rows: dict[str, Row]
    failure: Failure | None = None
    dropped: int = 0


class _Refused(Exception):  # noqa: N818 - carries a failure up to the query
    def __init__(self, rule: FindingName, message: str, help_: str) -> None:
        super().__init__(message)
        self.failure = Failure(rule, message, help_)


def discover(queries: Iterable[Query]) -> list[Answer]:
    """Ask every provider, all at the same time; the answers come in the order of the queries.

    Never raises for what a server does: each failure is in its own answer. Redirects are refused, so that a key goes
    nowhere but to the host that it was given for.
    """
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(_discover(list(queries)))


def discover_with_versions(queries: Iterable[Query]) -> list[tuple[Answer, str | None]]:
    """Ask every provider as `discover` does, and beside that for its version; None where it does not tell.

    vLLM tells it at `/version`, beside `/v1` and without a key, so that none is sent. It is not waited for much longer
    than for the list.
    """
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(_discover_with_versions(list(queries)))


async def _discover_with_versions(queries: list[Query]) -> list[tuple[Answer, str | None]]:
    async def both(query: Query) -> tuple[Answer, str | None]:
        asked = asyncio.create_task(_version(session, query.base_url))
        answer = await _ask(session, query)
        try:
            async with asyncio.timeout(limits.VERSION_SECONDS):
                return answer, await asked
        except TimeoutError:
            return answer, None

    async with _session() as session:
        return list(await asyncio.gather(*map(both, queries)))


async def _version(session: aiohttp.ClientSession, base_url: str) -> str | None:
    url = f"{base_url.removesuffix('/v1')}/version"
    try:
        proxy = proxy_for(url)
        if proxy is not None and not proxy.supported:
            return None
        via = proxy.url if proxy else None
        async with session.get(
            url, headers={"Accept": "application/json"}, allow_redirects=False, proxy=via
        ) as response:
            answer = msgspec.json.decode(await _read(response)) if response.status == 200 else None  # noqa: PLR2004
    except (_Refused, aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError):
        return None
    found = answer.get("version") if isinstance(answer, dict) else None
    return found if is_model_id(found) else None


async def _discover(queries: list[Query]) -> list[Answer]:
    async with _session() as session:
        return list(await asyncio.gather(*(_ask(session, query) for query in queries)))


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # None waits for another: by default 100 connections would be the most.
        connector=aiohttp.TCPConnector(limit=0),
        # Without .netrc, as in the runtime: the configuration says which key goes where.
        timeout=aiohttp.ClientTimeout(total=limits.TOTAL_SECONDS, sock_connect=limits.CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent",),
    )


async def _ask(session: aiohttp.ClientSession, query: Query) -> Answer:
    url = f"{query.base_url}/models"
    # Of names that differ in case alone aiohttp sends the last: a declared Accept wins.
    headers = {"Accept": "application/json", **query.headers}
    proxy = None
    began = False
    try:
        proxy = proxy_for(url)
        if proxy is not None and not proxy.supported:
            return Answer({}, unsupported(query.provider, url, proxy))
        via = proxy.url if proxy else None
        async with session.get(url, headers=headers, allow_redirects=False, proxy=via) as response:
            began = True
            body = await _read(response)
            _check_status(query, url, response, body)
        return _rows(query, url, body)
    except _Refused as refused:
        failure = refused.failure
    except aiohttp.ClientHttpProxyError as error:
        failure = refused_by_proxy(query.provider, url, error.status)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        failure = unreachable(query.provider, url, error, began=began)
        if isinstance(error, aiohttp.ConnectionTimeoutError) and proxy is None and await _hangs_in_tls(url):
            failure = without_tls(query.provider, url)
    if proxy is not None:
        failure = through(failure, proxy, url)
    # Cut after secrets are out of it: half of one would stay.
    return Answer({}, failure._replace(message=scrub(failure.message, query.secrets)[:_LONGEST_MESSAGE]))


async def _hangs_in_tls(url: str) -> bool:
    """Tell whether a connection can be made to a server that did not get as far as TLS: aiohttp does not tell."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return False
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443)
    except OSError:
        return False
    writer.transport.abort()
    return True


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(1 << 16):
        body += piece
        if len(body) > limits.MAX_BYTES:
            message = f"{response.url} answered with more than {limits.MAX_BYTES // (1024 * 1024)} MiB"
            raise _Refused("bad-model-list", message, "is this the address of a model server?")
    return bytes(body)


def _check_status(query: Query, url: str, response: aiohttp.ClientResponse, body: bytes) -> None:
    """Refuse every answer that is no success."""
    status = response.status
    said = _error_text(body)
    quoted = f": {said}" if said else ""
    if status in {401, 403}:
        keyed = query.secrets or "authorization" in map(str.lower, query.headers)
        sent = "the key was refused" if keyed else "no key was sent"
        help_ = f"{query.remedy} a key that this server takes (vLLM: the value of its --api-key)"
        raise _Refused("auth-rejected", f"{url} answered {status}{quoted}; {sent}", help_)
    if status == 407:  # noqa: PLR2004 - Proxy Authentication Required, which a server itself has no use for
        raise _Refused(*refused_by_proxy(query.provider, url, status))
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        to = pointed_at(url, response.headers.get("Location"))
        message = f"{url} answered {status}, a redirect{to}, which is not followed: a key goes to no other address"
        raise _Refused("bad-model-list", message, "write the address that it points at into `baseUrl`")
    if status == 404:  # noqa: PLR2004
        help_ = "does `baseUrl` end in the path of the API? For vLLM that is `/v1`"
        raise _Refused("bad-model-list", f"{url} answered 404{quoted}", help_)
    if status != 200:  # noqa: PLR2004
        help_ = "look at the server's log" if status >= 500 else _WRONG_ADDRESS  # noqa: PLR2004
        if status == 429:  # noqa: PLR2004
            help_ = "wait a little, or ask with a key of your own"
        raise _Refused("bad-model-list", f"{url} answered {status}{quoted}", help_)


def _rows(query: Query, url: str, body: bytes) -> Answer:
    """Read a list of models: `{"object": "list", "data": [{"id": …}, …]}`."""
    body = body.removeprefix(codecs.BOM_UTF8)  # RFC 8259, §8.1: a reader may pass it over
    try:
        answer = msgspec.json.decode(body.decode(errors="replace"))
    except (msgspec.DecodeError, RecursionError):
        kind = "an HTML page" if body.lstrip()[:1] == b"<" else "text that is no JSON"
        raise _Refused(
            "bad-model-list", f"{url} answered with {kind}, not with a list of models", _WRONG_ADDRESS
        ) from None
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise _Refused("bad-model-list", f"{url} answered with JSON that is no list of models", _WRONG_ADDRESS)
    rows: dict[str, Row] = {}
    dropped = 0
    for item in data:
        name = item.get("id") if isinstance(item, dict) else None
        # A replaced byte: no request could name that model.
        if not is_model_id(name) or "\ufffd" in name:
            dropped += 1
            continue
        parent = item.get("parent")
        rows.setdefault(name, Row(name, _window(item), parent if is_model_id(parent) else None))
    if not rows:
        message = f"{url} answered with a list that holds no model"
        raise _Refused("no-models-discovered", message, f"start the server of `{query.provider}` with a model")
    return Answer(rows, None, dropped)


def _window(row: dict[str, Any]) -> int | None:
    """Find a row's context window: vLLM says `max_model_len`, others `context_length` or `context_window`."""
    for key in ("max_model_len", "context_length", "context_window"):
        value = row.get(key)
        if type(value) is int and value > 0:
            return value
    return None


def _error_text(body: bytes) -> str:
    """Find what the server says is wrong, in both of vLLM's shapes, on one line."""
    try:
        error = msgspec.json.decode(body.decode(errors="replace")).get("error")
    except (msgspec.DecodeError, RecursionError, AttributeError):
        return ""
    text = error.get("message") if isinstance(error, dict) else error
    return " ".join(text.split()) if isinstance(text, str) else ""
