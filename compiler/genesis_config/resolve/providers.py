"""The providers of the manifest, with references to their secrets or with the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from genesis_config.config import keys
from genesis_config.config.defaults import DEFAULT_API, DEFAULT_MAX_CONNECTIONS, DEFAULT_TIMEOUT_SECONDS
from genesis_config.credentials.lookup import SecretRef
from genesis_config.manifest import Provider, RequestPolicy, Streaming
from genesis_config.resolve.credentials import SecretUse, header_refs, read_secret
from genesis_config.resolve.models import model_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from genesis_config.config.views import Config, Place
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.resolve.credentials import Credentials
    from genesis_config.resolve.decision import Decision
    from genesis_config.resolve.lock import Row

__all__ = ["inline_secrets", "resolve_providers"]


def resolve_providers(
    config: Config, decisions: Iterable[Decision], rows: Mapping[str, Mapping[str, Row]]
) -> dict[str, Provider]:
    """Resolve providers. A provider that is not declared and whose models are unknown is left out.

    Args:
        config: The configuration.
        decisions: The decisions for the providers to resolve.
        rows: The models that servers list, by provider and id.
    """
    return {
        decision.provider: _resolve_provider(config, decision, rows.get(decision.provider, {}))
        for decision in decisions
        if decision.kind == "explicit" or decision.provider in rows
    }


def _resolve_provider(config: Config, decision: Decision, rows: Mapping[str, Row]) -> Provider:
    declared = config.provider(decision.provider)
    timeout = declared.timeout_seconds if declared else None
    connections = declared.max_connections if declared else None
    return Provider(
        decision="explicit" if decision.kind == "explicit" else "implicit",
        reason=decision.reason,
        api=DEFAULT_API,
        base_url=decision.base_url,
        credential=decision.credential,
        headers=header_refs(declared.headers) if declared else {},
        timeout_seconds=DEFAULT_TIMEOUT_SECONDS if timeout is None else timeout,
        max_connections=DEFAULT_MAX_CONNECTIONS if connections is None else connections,
        streaming=Streaming(),
        request_policy=RequestPolicy(),
        models=model_entries(config, decision.provider, rows),
    )


def inline_secrets(
    config: Config, credentials: Credentials, providers: Mapping[str, Provider]
) -> tuple[dict[str, Provider], list[Diagnostic]]:
    """Replace the references in secret positions with their values, and report those without a value."""
    findings: list[Diagnostic] = []

    def inline(ref: SecretRef, place: Place) -> SecretRef:
        secret = read_secret(SecretUse(ref, place, f"`{place}`", place.span), config, credentials)
        findings.extend(secret.diagnostics)
        return ref if secret.value is None else SecretRef(value=secret.value)

    def inline_headers(refs: Mapping[str, SecretRef], owner: Place) -> dict[str, SecretRef]:
        return {name: inline(ref, owner.at(keys.HEADERS, name)) for name, ref in refs.items()}

    result = {}
    for name, provider in providers.items():
        place = config.at(*keys.PROVIDERS, name)
        declared = config.provider(name)
        entries = {entry.id: entry for entry in declared.models} if declared else {}
        models = tuple(
            msgspec.structs.replace(model, headers=inline_headers(model.headers, entries[model.id].place))
            if model.headers
            else model
            for model in provider.models
        )
        credential = inline(provider.credential, place.at(keys.API_KEY)) if provider.credential else None
        result[name] = msgspec.structs.replace(
            provider, credential=credential, headers=inline_headers(provider.headers, place), models=models
        )
    return result, findings
