"""Providers as the manifest states them, their servers asked where the decision says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from genesis.config import DEFAULT_BASE_URL, mapping, model_refs, split_ref
from genesis.credentials import Keys, variable_of
from genesis.diagnostics import Diagnostic, config_path
from genesis.manifest import MissingSecretError, Provider, RequestPolicy, SecretRef, Streaming
from genesis.resolve.entries import headers, model_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis.diagnostics import Path, Severity
    from genesis.discover import Answer, Query, Row
    from genesis.expand import Expansion
    from genesis.resolve.decision import Decision
    from genesis.source import Span
    from genesis.syntax import Document

__all__ = ["Resolved", "inlined", "needed_secrets", "resolve_providers"]


class Resolved(NamedTuple):
    """The providers by id, the ids of what servers listed, and what went wrong."""

    providers: dict[str, Provider]
    discovered: dict[str, frozenset[str]]
    diagnostics: list[Diagnostic]


def resolve_providers(document: Document, expansion: Expansion, decisions: Sequence[Decision], keys: Keys) -> Resolved:
    """Make every decided provider's entry, asking all servers that are to be asked at the same time."""
    diagnostics: list[Diagnostic] = []
    queries = []
    for decision in decisions:
        if decision.queried:
            try:
                queries.append(_query(expansion, decision, keys))
            except MissingSecretError as missing:
                diagnostics.append(_missing(document, ("models", "providers", decision.provider, "apiKey"), missing))
    answers = _ask(queries)
    providers = {}
    discovered = {}
    for decision in decisions:
        rows: dict[str, Row] = {}
        if (answer := answers.get(decision.provider)) is not None:
            diagnostics += _findings(document, expansion, decision, answer)
            rows = answer.rows
            if answer.failure is None:
                discovered[decision.provider] = frozenset(rows)
            elif decision.kind == "implicit":
                continue
        providers[decision.provider] = _provider(expansion, decision, keys, rows)
    return Resolved(providers, discovered, diagnostics)


def inlined(
    document: Document, providers: dict[str, Provider], keys: Keys
) -> tuple[dict[str, Provider], list[Diagnostic]]:
    """Give the same providers with the value of every secret position in place of where it comes from."""
    import msgspec  # for this alone

    findings: list[Diagnostic] = []

    def value(ref: SecretRef, *path: str) -> SecretRef:
        try:
            return SecretRef(value=keys.value(ref, f"`{config_path(path)}`"))
        except MissingSecretError as missing:
            findings.append(_missing(document, path, missing))
            return ref

    def values(refs: dict[str, SecretRef], *path: str) -> dict[str, SecretRef]:
        return {name: value(ref, *path, "headers", name) for name, ref in refs.items()}

    result = {}
    for name, provider in providers.items():
        path = ("models", "providers", name)
        models = tuple(
            msgspec.structs.replace(model, headers=values(model.headers, *path, "models")) for model in provider.models
        )
        credential = value(provider.credential, *path, "apiKey") if provider.credential else None
        result[name] = msgspec.structs.replace(
            provider, credential=credential, headers=values(provider.headers, *path), models=models
        )
    return result, findings


def needed_secrets(expansion: Expansion, decisions: Sequence[Decision], *, inline: bool) -> frozenset[Path]:
    """List the secret positions whose values are used: of servers that are asked, of all that are written inline."""
    used = {decision.provider for decision in decisions if inline or decision.queried}
    return frozenset(
        path
        for path, string in expansion.strings.items()
        # A model's own headers are sent with completions, not with the question for the list.
        if string.secret and path[2] in used and (inline or "models" not in path[3:])
    )


def _missing(document: Document, path: Path, missing: MissingSecretError) -> Diagnostic:
    return Diagnostic("unset-variable", str(missing), document.value_span(path), missing.help)


def _provider(expansion: Expansion, decision: Decision, keys: Keys, rows: dict[str, Row]) -> Provider:
    name = decision.provider
    path: Path = ("models", "providers", name)
    entry = mapping(expansion.value, *map(str, path))
    return Provider(
        decision=decision.kind,
        reason=decision.reason,
        api="openai-completions",
        base_url=decision.base_url,
        credential=keys.credential(name, entry, expansion),
        headers=headers(expansion, path, entry),
        timeout_seconds=entry.get("timeoutSeconds", 120),
        max_connections=entry.get("maxConnections", 100),
        streaming=Streaming(),
        request_policy=RequestPolicy(),
        models=model_entries(expansion, name, entry, rows),
    )


def _query(expansion: Expansion, decision: Decision, keys: Keys) -> Query:
    """Make the question for one server, with the values of its key and headers.

    Raises:
        MissingSecretError: One of them has no value.
    """
    from genesis.discover import Query  # HTTP is imported where a server is asked

    name = decision.provider
    path: Path = ("models", "providers", name)
    entry = mapping(expansion.value, *map(str, path))
    sent = {}
    secrets = []
    credential = keys.credential(name, entry, expansion)
    if credential is not None:
        key = keys.value(credential, f"the key of `{name}`")
        sent["Authorization"] = f"Bearer {key}"
        secrets.append(key)
    for header, ref in headers(expansion, path, entry).items():
        where = config_path((*path, "headers", header))
        value = keys.value(ref, f"`{where}`")
        if header.lower() == "authorization":
            sent.pop("Authorization", None)
        sent[header] = value
        if ref.value is None:
            secrets.append(value)
    return Query(name, decision.base_url, sent, tuple(secrets), variable_of(name))


def _ask(queries: Sequence[Query]) -> dict[str, Answer]:
    if not queries:
        return {}
    from genesis.discover import discover  # no question, no HTTP

    return {query.provider: answer for query, answer in zip(queries, discover(queries), strict=True)}


def _findings(document: Document, expansion: Expansion, decision: Decision, answer: Answer) -> list[Diagnostic]:
    """Turn what a server said into diagnostics.

    A server that nothing in the configuration names, and that was asked only since a key for it is in the environment,
    is worth a warning and no more.
    """
    span = _place(document, decision)
    findings = []
    if answer.failure is not None:
        wanted = decision.kind == "explicit" or any(
            (split_ref(text) or ("",))[0] == decision.provider for _, text in model_refs(expansion.value)
        )
        severity: Severity = "error" if wanted else "warning"
        rule, message, help_ = answer.failure
        if decision.base_url == DEFAULT_BASE_URL and rule == "server-unreachable":
            help_ = "start it (`vllm serve MODEL`), or declare `models.providers.vllm.baseUrl` if it is elsewhere"
        findings.append(Diagnostic(rule, message, span, help_, severity=severity))
    if answer.dropped:
        message = f"{answer.dropped} models that {decision.base_url}/models lists have no usable id, and are left out"
        findings.append(
            Diagnostic("bad-model-list", message, span, "look at what the server lists", severity="warning")
        )
    return findings


def _place(document: Document, decision: Decision) -> Span | None:
    """Place what is said of a provider: at its base URL or entry, or else at the first reference that names it."""
    path: Path = ("models", "providers", decision.provider)
    entry = mapping(document.value, *map(str, path))
    if "baseUrl" in entry:
        return document.value_span((*path, "baseUrl"))
    if decision.kind == "explicit":
        return document.key_span(path)
    for ref, text in model_refs(document.value):
        if (split_ref(text) or ("",))[0] == decision.provider:
            return document.value_span(ref)
    return None
