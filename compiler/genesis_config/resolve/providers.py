"""Providers as the manifest has them, with references to their secrets or with the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from genesis_config.config.lookup import declared_models, mapping
from genesis_config.config.positions import config_path
from genesis_config.credentials.lookup import SecretRef
from genesis_config.manifest import Provider, RequestPolicy, Streaming
from genesis_config.resolve.credentials import read_secret
from genesis_config.resolve.models import header_refs, model_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from genesis_config.config.expansion import Expansion
    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.resolve.credentials import Credentials
    from genesis_config.resolve.decision import Decision
    from genesis_config.resolve.lock import Row
    from genesis_config.syntax import Document

__all__ = ["inline_secrets", "resolve_providers"]


def resolve_providers(
    expansion: Expansion, decisions: Iterable[Decision], rows: Mapping[str, Mapping[str, Row]]
) -> dict[str, Provider]:
    """Resolve providers. One that is not declared, and whose models are not known, is left out.

    Args:
        expansion: The configuration, expanded.
        decisions: Those of the providers to resolve.
        rows: The models that servers list, by provider and id.
    """
    return {
        decision.provider: _resolve_provider(expansion, decision, rows.get(decision.provider, {}))
        for decision in decisions
        if decision.kind == "explicit" or decision.provider in rows
    }


def _resolve_provider(expansion: Expansion, decision: Decision, rows: Mapping[str, Row]) -> Provider:
    name = decision.provider
    path: Path = ("models", "providers", name)
    entry = mapping(expansion.value, *map(str, path))
    return Provider(
        decision="explicit" if decision.kind == "explicit" else "implicit",
        reason=decision.reason,
        api="openai-completions",
        base_url=decision.base_url,
        credential=decision.credential,
        headers=header_refs(expansion, path, entry),
        timeout_seconds=entry.get("timeoutSeconds", 120),
        max_connections=entry.get("maxConnections", 100),
        streaming=Streaming(),
        request_policy=RequestPolicy(),
        models=model_entries(expansion, name, entry, rows),
    )


def inline_secrets(
    document: Document, expansion: Expansion, credentials: Credentials, providers: Mapping[str, Provider]
) -> tuple[dict[str, Provider], list[Diagnostic]]:
    """Replace the references in secret positions by their values; report those without a value."""
    findings: list[Diagnostic] = []

    def inline(ref: SecretRef, *path: str | int) -> SecretRef:
        what, span = f"`{config_path(path)}`", document.value_span(path)
        secret = read_secret(document, expansion, credentials, path, ref, what=what, span=span)
        findings.extend(secret.diagnostics)
        return ref if secret.value is None else SecretRef(value=secret.value)

    def inline_headers(refs: dict[str, SecretRef], *path: str | int) -> dict[str, SecretRef]:
        return {name: inline(ref, *path, "headers", name) for name, ref in refs.items()}

    result = {}
    for name, provider in providers.items():
        path = ("models", "providers", name)
        indices = {model["id"]: index for index, model in declared_models(mapping(expansion.value, *path))}
        models = tuple(
            # A model that is not declared has no headers.
            msgspec.structs.replace(
                model, headers=inline_headers(model.headers, *path, "models", indices.get(model.id, -1))
            )
            for model in provider.models
        )
        credential = inline(provider.credential, *path, "apiKey") if provider.credential else None
        result[name] = msgspec.structs.replace(
            provider, credential=credential, headers=inline_headers(provider.headers, *path), models=models
        )
    return result, findings
