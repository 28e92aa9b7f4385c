"""Queries for the models of providers, and the findings from their responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from genesis_config.config import keys
from genesis_config.config.defaults import DEFAULT_BASE_URL
from genesis_config.config.positions import hidden_texts, shown
from genesis_config.credentials.lookup import SecretRef, echoed_parts, is_ordinary, remedy
from genesis_config.credentials.markers import is_marker
from genesis_config.credentials.names import AUTHORIZATION, BEARER, find_authorization, provider_variable
from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.resolve.credentials import SecretUse, header_refs, read_secret
from genesis_config.resolve.decision import decision_span
from genesis_config.resolve.results import Discovery

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from genesis_config.config.views import Config
    from genesis_config.diagnostics.finding import Path, Severity
    from genesis_config.resolve.credentials import Credentials
    from genesis_config.resolve.decision import Decision
    from genesis_config.resolve.discovery import ModelList, Query
    from genesis_config.resolve.results import Purpose

__all__ = ["QueryPlan", "build_query", "query_servers"]


class QueryPlan(NamedTuple):
    """The query for one server.

    Attributes:
        query: The query with the known values. It is not sent if any are missing.
        used_secrets: The secret positions of its key and headers.
        missing: Findings for keys and headers without a value.
    """

    query: Query
    used_secrets: frozenset[Path]
    missing: tuple[Diagnostic, ...]


class _Header(NamedTuple):
    """A header of a query: its name, the secret for its value, and the scheme before the value."""

    name: str
    use: SecretUse
    scheme: str = ""


def query_servers(
    config: Config, credentials: Credentials, decisions: Sequence[Decision], purpose: Purpose
) -> Discovery:
    """Query the servers of providers for their models, all concurrently.

    A server is not queried if its key or one of its headers has no value.
    """
    plans = {decision.provider: build_query(config, credentials, decision) for decision in decisions}
    queries = [plan.query for plan in plans.values() if not plan.missing]
    lists = _send(queries, versions=purpose == "status")
    findings = [finding for plan in plans.values() for finding in plan.missing]
    for decision in decisions:
        if decision.provider in lists:
            findings += _report_list(config, decision, lists[decision.provider], purpose)
    return Discovery(plans, lists, diagnostics=tuple(findings))


def _send(queries: Sequence[Query], *, versions: bool) -> dict[str, ModelList]:
    """Send queries, and return the servers' lists by provider."""
    if not queries:
        return {}
    from genesis_config.resolve.discovery import discover_models  # no query, no HTTP

    return {
        query.provider: listed
        for query, listed in zip(queries, discover_models(queries, versions=versions), strict=True)
    }


def build_query(config: Config, credentials: Credentials, decision: Decision) -> QueryPlan:
    """Build the query for one server, with the values of its key and headers.

    As in the runtime, a declared Authorization header replaces the key, regardless of case.
    """
    from genesis_config.resolve.discovery import Query  # no query, no HTTP

    name, credential = decision.provider, decision.credential
    provider = config.provider(name)
    refs = header_refs(provider.headers) if provider is not None else {}
    authorization = find_authorization(refs)
    is_declared = authorization is not None or (provider is not None and provider.api_key is not None)
    sent: list[_Header] = []
    if credential is not None and authorization is None:
        place = config.at(*keys.PROVIDERS, name, keys.API_KEY)
        span = place.span if is_declared else decision_span(config, decision)
        sent.append(_Header(AUTHORIZATION, SecretUse(credential, place, f"the key of `{name}`", span), BEARER))
    for header_name, ref in refs.items():
        place = config.at(*keys.PROVIDERS, name, keys.HEADERS, header_name)
        sent.append(_Header(header_name, SecretUse(ref, place, f"`{place}`", place.span)))
    headers: dict[str, str] = {}
    secrets: list[str] = []
    literals: list[str] = []
    missing: list[Diagnostic] = []
    for header in sent:
        secret = read_secret(header.use, config, credentials)
        missing += secret.diagnostics
        if secret.value is not None:
            headers[header.name] = f"{header.scheme}{secret.value}"
            parts = echoed_parts(header.use.ref, secret.value, credentials.lookup)
            parts = [part for part in parts if not is_marker(part)]
            # `hardcoded-secret` rejects literal headers that look like a key. A key is always one.
            if header.scheme or header.use.ref.value is None:
                secrets += parts
            elif not is_ordinary(secret.value):
                literals += parts
    change = _remedy(name, authorization or credential, declared=is_declared)
    secrets += hidden_texts((*keys.PROVIDERS, name, keys.BASE_URL), decision.base_url)
    query = Query(name, decision.base_url, headers, tuple(secrets), change, tuple(literals))
    return QueryPlan(query, frozenset(header.use.place.path for header in sent), tuple(missing))


def _remedy(provider: str, ref: SecretRef | None, *, declared: bool) -> str:
    """Return how to change a key, as a phrase followed by `a key that the server accepts`."""
    if (known := remedy(ref)) is not None:
        return known
    variable = provider_variable(provider)
    return (
        f"replace the literal key with `${{{variable}}}`, and set {variable} to" if declared else f"set {variable} to"
    )


def _report_list(config: Config, decision: Decision, listed: ModelList, purpose: Purpose) -> Iterator[Diagnostic]:
    """Yield findings about a server's model list.

    A failure is only a warning if the configuration does not name the provider, so that it was queried only because of
    a key in the environment. For `lock` it is an error, because the lock file would lose its models.
    """
    span = decision_span(config, decision)
    if listed.failure is not None:
        severity: Severity = "error" if span is not None or purpose == "lock" else "warning"
        help_ = listed.failure.help
        if decision.base_url == DEFAULT_BASE_URL and listed.failure.rule == "server-unreachable":
            where = config.at(*keys.PROVIDERS, decision.provider, keys.BASE_URL)
            help_ = f"start the server (`vllm serve MODEL`); if it runs elsewhere, set `{where}`"
            if decision.kind == "implicit":
                wildcard = f'"{decision.provider}/*": {{}}'
                help_ += f", and add {wildcard} to agents.defaults.models to keep discovering its models"
        yield Diagnostic(listed.failure.rule, listed.failure.message, span, help_, severity=severity)
    if listed.dropped:
        rows = "1 model" if listed.dropped == 1 else f"{listed.dropped} models"
        url = shown((*keys.PROVIDERS, decision.provider, keys.BASE_URL), decision.base_url)
        message = f"{url}/models lists {rows} without a usable id, which Genesis ignores"
        yield Diagnostic("bad-model-list", message, span, "check the server's model list", severity="warning")
