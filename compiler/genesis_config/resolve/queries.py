"""The queries for the models of providers, and what their answers mean for a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from genesis_config.config.lookup import DEFAULT_BASE_URL, mapping
from genesis_config.config.positions import config_path, hidden_texts, shown
from genesis_config.credentials.lookup import SecretRef, remedy
from genesis_config.credentials.markers import is_marker
from genesis_config.credentials.names import provider_variable
from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.resolve.credentials import read_secret
from genesis_config.resolve.decision import decision_span
from genesis_config.resolve.models import header_refs
from genesis_config.resolve.results import Discovery
from genesis_config.syntax.references import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from genesis_config.config.expansion import Expansion
    from genesis_config.diagnostics.finding import Path, Severity
    from genesis_config.resolve.credentials import Credentials
    from genesis_config.resolve.decision import Decision
    from genesis_config.resolve.discovery import ModelList, Query
    from genesis_config.resolve.results import Purpose
    from genesis_config.syntax import Document

__all__ = ["QueryPlan", "build_query", "query_servers"]


class QueryPlan(NamedTuple):
    """The query for one server.

    Attributes:
        query: With the values that are known; it is not sent while one is missing.
        used_secrets: The secret positions that it takes its key and headers from.
        missing: Keys and headers without a value.
    """

    query: Query
    used_secrets: frozenset[Path]
    missing: tuple[Diagnostic, ...]


def query_servers(
    document: Document,
    expansion: Expansion,
    credentials: Credentials,
    decisions: Sequence[Decision],
    purpose: Purpose,
) -> Discovery:
    """Query the servers of providers for their models, all at the same time.

    A server whose key or header has no value is not queried.
    """
    plans = {decision.provider: build_query(document, expansion, credentials, decision) for decision in decisions}
    queries = [plan.query for plan in plans.values() if not plan.missing]
    lists = _send(queries, versions=purpose == "status")
    findings = [finding for plan in plans.values() for finding in plan.missing]
    for decision in decisions:
        if decision.provider in lists:
            findings += _report_list(document, expansion, decision, lists[decision.provider], purpose)
    return Discovery(plans, lists, diagnostics=tuple(findings))


def _send(queries: Sequence[Query], *, versions: bool) -> dict[str, ModelList]:
    """Send queries, and return what the servers list by provider."""
    if not queries:
        return {}
    from genesis_config.resolve.discovery import discover_models  # no query, no HTTP

    return {
        query.provider: listed
        for query, listed in zip(queries, discover_models(queries, versions=versions), strict=True)
    }


def build_query(document: Document, expansion: Expansion, credentials: Credentials, decision: Decision) -> QueryPlan:
    """Build the query for one server, with the values of its key and headers.

    As in the runtime a declared Authorization header replaces the key, whatever its case.
    """
    from genesis_config.resolve.discovery import Query  # no query, no HTTP

    path: Path = ("models", "providers", decision.provider)
    entry = mapping(expansion.value, *map(str, path))
    refs = {(*path, "headers", name): (name, ref) for name, ref in header_refs(expansion, path, entry).items()}
    change = _remedy(decision.provider, decision.credential, stated="apiKey" in entry)
    headers: dict[str, str] = {}
    secrets: list[str] = []
    missing: list[Diagnostic] = []
    used = set(refs)
    if decision.credential is not None and not _replaces_key(entry):
        place = (*path, "apiKey")
        used.add(place)
        what = f"the key of `{decision.provider}`"
        span = document.value_span(place) if "apiKey" in entry else decision_span(document, expansion, decision)
        key = read_secret(document, expansion, credentials, place, decision.credential, what=what, span=span)
        missing += key.diagnostics
        if key.value is not None:
            headers["Authorization"] = f"Bearer {key.value}"
            secrets += _echoes(decision.credential, key.value, credentials)
    for place, (name, ref) in refs.items():
        what, span = f"`{config_path(place)}`", document.value_span(place)
        header = read_secret(document, expansion, credentials, place, ref, what=what, span=span)
        missing += header.diagnostics
        if header.value is not None:
            headers[name] = header.value
            secrets += _echoes(ref, header.value, credentials) if ref.value is None else []
        if name.lower() == "authorization":
            change = _remedy(decision.provider, ref, stated=True)
    secrets += hidden_texts((*path, "baseUrl"), decision.base_url)
    query = Query(decision.provider, decision.base_url, headers, tuple(secrets), change)
    return QueryPlan(query, frozenset(used), tuple(missing))


def _replaces_key(entry: Mapping[str, Any]) -> bool:
    """Return whether a provider declares the header that its key would be sent in."""
    return any(name.lower() == "authorization" for name in mapping(entry, "headers"))


def _remedy(provider: str, ref: SecretRef | None, *, stated: bool) -> str:
    """Return how a person changes a key, in words that go before `a key that the server accepts`."""
    if (known := remedy(ref)) is not None:
        return known
    variable = provider_variable(provider)
    return (
        f"write `${{{variable}}}` in place of the stated key, and set {variable} to" if stated else f"set {variable} to"
    )


def _echoes(ref: SecretRef, value: str, credentials: Credentials) -> list[str]:
    """List the forms in which servers repeat a secret: whole, without its scheme, and each of its variables."""
    variables = (credentials.lookup(name) or "" for name in names(ref.template or ""))
    parts = (" ".join(part.split()) for part in (value, value.partition(" ")[2], *variables))
    return [part for part in parts if not is_marker(part)]


def _report_list(
    document: Document, expansion: Expansion, decision: Decision, listed: ModelList, purpose: Purpose
) -> Iterator[Diagnostic]:
    """Report what is wrong with a server's listed.

    The failure of a server that the configuration does not name, and that was queried only because the environment has
    a key for it, is a warning; but a lock file would lose its models.
    """
    span = decision_span(document, expansion, decision)
    if listed.failure is not None:
        severity: Severity = "error" if span is not None or purpose == "lock" else "warning"
        rule, message, help_ = listed.failure
        if decision.base_url == DEFAULT_BASE_URL and rule == "server-unreachable":
            where = config_path(("models", "providers", decision.provider, "baseUrl"))
            help_ = f"start it (`vllm serve MODEL`), or declare `{where}` if it is elsewhere"
            if decision.kind == "implicit":
                wildcard = f'"{decision.provider}/*": {{}}'
                help_ += f", and {wildcard} in agents.defaults.models to keep discovering its models"
        yield Diagnostic(rule, message, span, help_, severity=severity)
    if listed.dropped:
        rows = "1 model" if listed.dropped == 1 else f"{listed.dropped} models"
        url = shown(("models", "providers", decision.provider, "baseUrl"), decision.base_url)
        message = f"{url}/models lists {rows} without a usable id, left out here"
        yield Diagnostic("bad-model-list", message, span, "look at what the server lists", severity="warning")
