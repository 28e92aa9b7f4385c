"""Discovery: the models that servers list at `GET {base URL}/models`. All providers are queried concurrently.

A row contains what vLLM 0.32 reports: `id`, `max_model_len`, and for a LoRA adapter `parent` with a null window.
"""

from __future__ import annotations

import asyncio
import codecs
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from genesis_config.credentials.lookup import scrub
from genesis_config.credentials.names import is_authorization
from genesis_config.net import limits
from genesis_config.net.causes import TransportError
from genesis_config.net.error_bodies import read_error
from genesis_config.net.fetch import fetch
from genesis_config.net.loops import run_coroutine
from genesis_config.net.redirects import REDIRECT_HELP, describe_redirect
from genesis_config.net.sessions import HttpTransport
from genesis_config.resolve.lock import Row, is_model_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from genesis_config.diagnostics.rule_names import FindingName
    from genesis_config.net.causes import Cause, Kind
    from genesis_config.net.proxies import Proxy
    from genesis_config.net.transport import Response, Transport

__all__ = ["DiscoveryFailure", "ModelList", "Query", "discover_models"]

# Of header names that differ only in case, the last is sent: a declared Accept wins.
_ACCEPT: Final = {"Accept": "application/json"}
_CHECK_ADDRESS: Final = "is `baseUrl` the address of an OpenAI-compatible server, up to `/v1`?"
# Causes that mean the server responded, but not with a model list.
_RESPONSE_CAUSES: Final[frozenset[Kind]] = frozenset({"bad-compression", "too-large", "unrequested-compression"})


class Query(NamedTuple):
    """The query for the models of one provider.

    Attributes:
        provider: The provider's id.
        base_url: The base URL with its path, without a trailing slash.
        headers: The headers to send in addition to HTTP's own, with their values.
        secrets: The parts of its key, and of headers with references, which are redacted in the server's response.
        remedy: How to change the key, as a phrase followed by `a key that the server accepts`.
        literals: Other literal headers whose values are redacted.
    """

    provider: str
    base_url: str
    headers: Mapping[str, str]
    secrets: tuple[str, ...]
    remedy: str
    literals: tuple[str, ...] = ()

    @property
    def redacted(self) -> tuple[str, ...]:
        """All values to redact in the server's response."""
        return (*self.secrets, *self.literals)

    @property
    def url(self) -> str:
        """The URL of the model list."""
        return f"{self.base_url}/models"


class DiscoveryFailure(NamedTuple):
    """The reason why a server listed no models: one of the server rules, with its message and help."""

    rule: FindingName
    message: str
    help: str


class ModelList(NamedTuple):
    """The models that one server lists.

    Attributes:
        rows: The models by id.
        failure: The reason why there are none.
        dropped: The number of models without a usable id.
        version: The server's version, if it was queried and reported.
    """

    rows: dict[str, Row]
    failure: DiscoveryFailure | None = None
    dropped: int = 0
    version: str | None = None


def discover_models(queries: Iterable[Query], *, versions: bool = False) -> list[ModelList]:
    """Query all providers concurrently, and return their lists in the order of the queries.

    A server's failure never raises; it is part of the server's list. Redirects are not followed, so that a key only
    reaches the host it is meant for.

    Args:
        queries: The queries.
        versions: Whether to query the servers' versions as well. vLLM reports its version at `/version`, next to `/v1`,
            without a key, so none is sent. Discovery waits only briefly for the version.
    """
    return run_coroutine(_discover_models(tuple(queries), versions=versions))


async def _discover_models(queries: tuple[Query, ...], *, versions: bool) -> list[ModelList]:
    transport = HttpTransport()

    async def discover(query: Query) -> ModelList:
        if not versions:
            return await _query_models(transport, query)
        version = asyncio.create_task(_query_version(transport, query.base_url))
        models = await _query_models(transport, query)
        try:
            async with asyncio.timeout(limits.VERSION_SECONDS):
                return models._replace(version=await version)
        except TimeoutError:
            return models

    try:
        return list(await asyncio.gather(*map(discover, queries)))
    finally:
        await transport.close()


async def _query_version(transport: Transport, base_url: str) -> str | None:
    try:
        _, body = await fetch(transport, f"{base_url.removesuffix('/v1')}/version", _ACCEPT)
        value = msgspec.json.decode(body)
    except (TransportError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    version = value.get("version") if isinstance(value, dict) else None
    return version if is_model_id(version) else None


async def _query_models(transport: Transport, query: Query) -> ModelList:
    try:
        response, body = await fetch(transport, query.url, {**_ACCEPT, **query.headers})
    except TransportError as error:
        return _failed(query, _transport_failure(query, error.cause))
    if response.status != 200:  # noqa: PLR2004 - OK
        return _failed(query, _status_failure(query, response, read_error(body)), response.proxy)
    models = _read_models(query, body)
    return models if models.failure is None else _failed(query, models.failure, response.proxy)


def _failed(query: Query, failure: DiscoveryFailure, proxy: Proxy | None = None) -> ModelList:
    """Return an empty list for a failure. The message names the proxy, if there is one, and contains no secret."""
    message, help_ = failure.message, failure.help
    if proxy is not None:
        message, help_ = message + proxy.note, f"{help_}, or {proxy.bypass_help(query.url)}"
    # Redact before cutting, so that no part of a secret remains.
    message = scrub(message, query.redacted)[: limits.MAX_MESSAGE]
    return ModelList({}, DiscoveryFailure(failure.rule, message, scrub(help_, query.redacted)))


def _transport_failure(query: Query, cause: Cause) -> DiscoveryFailure:
    """Return the failure of a query that got no response."""
    rule: FindingName = "bad-model-list" if cause.kind in _RESPONSE_CAUSES else "server-unreachable"
    message = f"cannot get the models of `{query.provider}` from {query.url}: {cause.reason}"
    return DiscoveryFailure(rule, message, cause.help)


def _status_failure(query: Query, response: Response, text: str) -> DiscoveryFailure:
    """Return the failure for a status other than 200. `text` is the server's error text."""
    status = response.status
    explanation = " ".join(text.split())
    message = f"{query.url} answered {status}" + (f": {explanation}" if explanation else "")
    if status in {401, 403}:
        sent = query.secrets or any(map(is_authorization, query.headers))
        reason = "the server rejected the key" if sent else "no key was sent"
        help_ = f"{query.remedy} a key that the server accepts (vLLM: the value of its --api-key)"
        return DiscoveryFailure("auth-rejected", f"{message}; {reason}", help_)
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        message = describe_redirect(query.url, status, response.headers.get("Location"))
        return DiscoveryFailure("bad-model-list", message, REDIRECT_HELP)
    if status == 404:  # noqa: PLR2004 - Not Found
        help_ = "does `baseUrl` end in the API path? For vLLM that is `/v1`"
    elif status == 429:  # noqa: PLR2004 - Too Many Requests
        help_ = "try again later, or use a key with a higher rate limit"
    elif status >= 500:  # noqa: PLR2004 - the class of server errors
        help_ = "see the server's log"
    else:
        help_ = _CHECK_ADDRESS
    return DiscoveryFailure("bad-model-list", message, help_)


def _read_models(query: Query, body: bytes) -> ModelList:
    """Parse a model list: `{"object": "list", "data": [{"id": …}, …]}`."""
    body = body.removeprefix(codecs.BOM_UTF8)  # RFC 8259, §8.1: a parser may ignore it
    try:
        value = msgspec.json.decode(body.decode(errors="replace"))
    except (msgspec.DecodeError, RecursionError):
        content = "an HTML page" if body.lstrip()[:1] == b"<" else "text that is not valid JSON"
        return _not_a_list(query, f"{content} instead of a model list")
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list):
        return _not_a_list(query, "JSON that is not a model list")
    rows: dict[str, Row] = {}
    dropped = 0
    for item in data:
        name = item.get("id") if isinstance(item, dict) else None
        # An id with a replaced byte cannot be used in a request.
        if not is_model_id(name) or "\ufffd" in name:
            dropped += 1
            continue
        parent = item.get("parent")
        rows.setdefault(name, Row(name, _window(item), parent if is_model_id(parent) else None))
    if not rows:
        help_ = f"start the server of `{query.provider}` with a model"
        failure = DiscoveryFailure("no-models-discovered", f"{query.url} returned an empty model list", help_)
        return ModelList({}, failure)
    return ModelList(rows, None, dropped)


def _not_a_list(query: Query, what: str) -> ModelList:
    return ModelList({}, DiscoveryFailure("bad-model-list", f"{query.url} answered with {what}", _CHECK_ADDRESS))


def _window(row: dict[str, object]) -> int | None:
    """Return a row's context window: `max_model_len` of vLLM, `context_length` or `context_window` of others."""
    for key in ("max_model_len", "context_length", "context_window"):
        value = row.get(key)
        if type(value) is int and value > 0:
            return value
    return None
