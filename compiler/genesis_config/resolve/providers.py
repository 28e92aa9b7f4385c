"""Providers as the manifest states them, their servers asked where the decision says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.config.lookup import (
    DEFAULT_BASE_URL,
    declared_models,
    mapping,
    model_refs,
    selected_entries,
    split_ref,
)
from genesis_config.credentials.names import provider_variable
from genesis_config.diagnostics.finding import Diagnostic, config_path
from genesis_config.manifest import MissingSecretError, Provider, RequestPolicy, SecretRef, Streaming, remedy
from genesis_config.resolve.entries import headers, model_entries
from genesis_config.resolve.lock import LOCK_NAME
from genesis_config.syntax.references import names, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from genesis_config.config.expansion import Expansion
    from genesis_config.diagnostics.finding import Path, Severity
    from genesis_config.diagnostics.source import Span
    from genesis_config.resolve.credentials import Keys
    from genesis_config.resolve.decision import Decision
    from genesis_config.resolve.discovery import Answer, Query
    from genesis_config.resolve.lock import Row
    from genesis_config.syntax import Document

__all__ = ["ask", "inlined", "needed_secrets", "question", "resolve_providers", "unconfigured", "without_value"]


def ask(
    document: Document, expansion: Expansion, decisions: Sequence[Decision], keys: Keys
) -> tuple[dict[str, Answer], list[Diagnostic]]:
    """Ask all servers that are to be asked, at the same time: what they said by provider id, and what went wrong."""
    diagnostics: list[Diagnostic] = []
    queries = []
    asked = [decision for decision in decisions if decision.models_from == "server"]
    for decision in asked:
        query, findings = question(document, expansion, decision, keys)
        if not findings:
            queries.append(query)
        diagnostics += findings
    answers = _ask(queries)
    for decision in asked:
        if (answer := answers.get(decision.provider)) is not None:
            diagnostics += _findings(document, expansion, decision, answer)
    return answers, diagnostics


def resolve_providers(
    expansion: Expansion, decisions: Sequence[Decision], keys: Keys, rows: Mapping[str, Mapping[str, Row]]
) -> dict[str, Provider]:
    """Make every decided provider's entry. One that is not declared, and of which no rows are known, has none."""
    return {
        decision.provider: _provider(expansion, decision, keys, rows.get(decision.provider, {}))
        for decision in decisions
        if decision.kind == "explicit" or decision.provider in rows
    }


def inlined(
    document: Document, expansion: Expansion, providers: dict[str, Provider], keys: Keys
) -> tuple[dict[str, Provider], list[Diagnostic]]:
    """Give the same providers with the value of every secret position in place of where it comes from."""
    import msgspec  # for this alone

    findings: list[Diagnostic] = []

    def value(ref: SecretRef, *path: str | int) -> SecretRef:
        try:
            return SecretRef(value=keys.value(ref, f"`{config_path(path)}`"))
        except MissingSecretError as missing:
            findings.append(_missing(document.value_span(path), missing))
            return ref

    def values(refs: dict[str, SecretRef], *path: str | int) -> dict[str, SecretRef]:
        return {name: value(ref, *path, "headers", name) for name, ref in refs.items()}

    result = {}
    for name, provider in providers.items():
        path = ("models", "providers", name)
        indices = {model["id"]: index for index, model in declared_models(mapping(expansion.value, *path))}
        models = tuple(
            # A model that is not declared has no headers.
            msgspec.structs.replace(model, headers=values(model.headers, *path, "models", indices.get(model.id, -1)))
            for model in provider.models
        )
        credential = value(provider.credential, *path, "apiKey") if provider.credential else None
        result[name] = msgspec.structs.replace(
            provider, credential=credential, headers=values(provider.headers, *path), models=models
        )
    return result, findings


def needed_secrets(expansion: Expansion, decisions: Sequence[Decision], *, inline: bool) -> frozenset[Path]:
    """List the secret positions whose values are used: of servers that are asked, of all that are written inline."""
    used = {decision.provider for decision in decisions if inline or decision.models_from == "server"}
    return frozenset(
        path
        for path, string in expansion.strings.items()
        # A model's own headers are sent with completions, not with the question for the list.
        if string.secret and path[2] in used and (inline or path[3] != "models")
        # Nor is a key that a header replaces.
        if inline or path[3] != "apiKey" or not _authorization(mapping(expansion.value, *map(str, path[:3])))
    )


def without_value(expansion: Expansion, needed: Iterable[Path], keys: Keys) -> frozenset[str]:
    """List the providers of which a variable in the secret positions `needed` has no value."""
    return frozenset(str(path[2]) for path in needed if resolve(expansion.strings[path].template, keys.lookup).problems)


def unconfigured(document: Document, expansion: Expansion, decisions: Iterable[Decision]) -> list[Diagnostic]:
    """Report the providers whose models are to be locked, and that nothing opts in to."""
    findings = []
    for made in decisions:
        if made.kind == "none":
            span = _place(document, expansion, made)
            message = f"the models of `{made.provider}` are to be locked, and it is not configured: {made.reason}"
            help_ = made.change
            if span is None:
                help_ += f"; nothing but {LOCK_NAME} names it: take it out there if it is not to be locked any more"
            findings.append(Diagnostic("not-configured", message, span, help_))
    return findings


def _authorization(entry: dict[str, Any]) -> bool:
    """Tell whether a provider declares the header that its key would be sent in."""
    return any(name.lower() == "authorization" for name in mapping(entry, "headers"))


def _missing(span: Span | None, missing: MissingSecretError) -> Diagnostic:
    return Diagnostic("unset-variable", str(missing), span, missing.help)


def _provider(expansion: Expansion, decision: Decision, keys: Keys, rows: Mapping[str, Row]) -> Provider:
    name = decision.provider
    path: Path = ("models", "providers", name)
    entry = mapping(expansion.value, *map(str, path))
    return Provider(
        decision="explicit" if decision.kind == "explicit" else "implicit",
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


def question(
    document: Document, expansion: Expansion, decision: Decision, keys: Keys
) -> tuple[Query, list[Diagnostic]]:
    """Make the question for one server, with the values of its key and headers; report those that have none.

    As in the runtime a declared header wins over the key, whatever its case.
    """
    from genesis_config.resolve.discovery import Query  # HTTP is imported where a server is asked

    name = decision.provider
    path: Path = ("models", "providers", name)
    entry = mapping(expansion.value, *map(str, path))
    sent = {}
    secrets: list[str] = []
    findings = []
    credential = keys.credential(name, entry, expansion)
    change = _remedy(name, credential, stated="apiKey" in entry)
    if credential is not None and not _authorization(entry):
        try:
            key = keys.value(credential, f"the key of `{name}`")
        except MissingSecretError as missing:
            stated = document.value_span((*path, "apiKey")) if "apiKey" in entry else None
            findings.append(_missing(stated or _place(document, expansion, decision), missing))
        else:
            sent["Authorization"] = f"Bearer {key}"
            secrets += _echoes(credential, key, keys)
    for header, ref in headers(expansion, path, entry).items():
        place = (*path, "headers", header)
        try:
            value = keys.value(ref, f"`{config_path(place)}`")
        except MissingSecretError as missing:
            findings.append(_missing(document.value_span(place), missing))
        else:
            sent[header] = value
            if header.lower() == "authorization":
                change = _remedy(name, ref, stated=True)
            secrets += _echoes(ref, value, keys) if ref.value is None else []
    return Query(name, decision.base_url, sent, tuple(secrets), change), findings


def _remedy(provider: str, ref: SecretRef | None, *, stated: bool) -> str:
    """Say how a person changes a key, in words that go before `a key that this server takes`."""
    if (known := remedy(ref)) is not None:
        return known
    variable = provider_variable(provider)
    return (
        f"write `${{{variable}}}` in place of the stated key, and set {variable} to" if stated else f"set {variable} to"
    )


def _echoes(ref: SecretRef, value: str, keys: Keys) -> list[str]:
    """Give a secret as servers repeat it: whole, without its scheme, and its variables without what is around them."""
    variables = (keys.lookup(name) or "" for name in names(ref.template or ""))
    parts = (" ".join(part.split()) for part in (value, value.partition(" ")[2], *variables))
    return [part for part in parts if part]


def _ask(queries: Sequence[Query]) -> dict[str, Answer]:
    if not queries:
        return {}
    from genesis_config.resolve.discovery import discover  # no question, no HTTP

    return {query.provider: answer for query, answer in zip(queries, discover(queries), strict=True)}


def _findings(document: Document, expansion: Expansion, decision: Decision, answer: Answer) -> list[Diagnostic]:
    """Turn what a server said into diagnostics.

    A server that nothing in the configuration names, and that was asked only since a key for it is in the environment,
    is worth a warning and no more.
    """
    span = _place(document, expansion, decision)
    findings = []
    if answer.failure is not None:
        severity: Severity = "error" if span is not None else "warning"
        rule, message, help_ = answer.failure
        if decision.base_url == DEFAULT_BASE_URL and rule == "server-unreachable":
            where = config_path(("models", "providers", decision.provider, "baseUrl"))
            help_ = f"start it (`vllm serve MODEL`), or declare `{where}` if it is elsewhere"
            if decision.kind == "implicit":
                wildcard = f'"{decision.provider}/*": {{}}'
                help_ += f", and {wildcard} in agents.defaults.models to go on asking it for its models"
        findings.append(Diagnostic(rule, message, span, help_, severity=severity))
    if answer.dropped:
        rows = "1 model" if answer.dropped == 1 else f"{answer.dropped} models"
        message = f"{decision.base_url}/models lists {rows} without a usable id, left out here"
        findings.append(
            Diagnostic("bad-model-list", message, span, "look at what the server lists", severity="warning")
        )
    return findings


def _place(document: Document, expansion: Expansion, decision: Decision) -> Span | None:
    """Place what is said of a provider: at its base URL or entry, or else at the first reference that names it."""
    if decision.kind == "explicit":
        path: Path = ("models", "providers", decision.provider)
        stated = "baseUrl" in mapping(document.value, *map(str, path))
        return document.value_span((*path, "baseUrl")) if stated else document.key_span(path)
    refs = [(document.value_span(ref), text) for ref, text in model_refs(expansion.value)]
    for text, _ in selected_entries(expansion.value):
        refs.append((document.key_span(("agents", "defaults", "models", text)), text))
    return next((span for span, text in refs if (split_ref(text) or ("",))[0] == decision.provider), None)
