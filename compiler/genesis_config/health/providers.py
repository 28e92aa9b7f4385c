"""The providers that status and doctor cover, and what both report about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.credentials.names import is_authorization
from genesis_config.syntax.references import names

if TYPE_CHECKING:
    from collections.abc import Container

    from genesis_config.manifest import Manifest
    from genesis_config.pipeline import Session
    from genesis_config.resolve.decision import Decision

__all__ = ["describe_credential", "list_relevant", "usable_model"]


def list_relevant(session: Session) -> list[Decision]:
    """Return the decisions of the providers that are configured, or that a selection needs."""
    needed = {provider for provider, _ in session.config.needed_providers}
    return [decision for decision in session.decisions.every if decision.kind != "none" or decision.provider in needed]


def describe_credential(session: Session, decision: Decision) -> str:
    """Describe where a provider's key comes from, without the key."""
    provider = session.config.provider(decision.provider)
    for header in provider.headers if provider else ():
        if is_authorization(header.name):
            return f"the header {header.name}"
    ref = decision.credential
    if ref is None:
        return "none"
    if ref.file is not None:
        return f"the file {ref.file}"
    if ref.profile is not None:
        return f"the auth profile {ref.profile}"
    used = list(dict.fromkeys(names(ref.template or "")))
    return " and ".join(used) if used else "set in the configuration"


def usable_model(manifest: Manifest, provider: str, listed: Container[str]) -> str | None:
    """Return a model to test a provider with: a selected one, otherwise the first that its server lists, or any."""
    ids = [model.id for model in manifest.providers[provider].models]
    references = (manifest.selection.primary, *manifest.selection.fallbacks)
    selected = [ref.removeprefix(f"{provider}/") for ref in references if ref and ref.startswith(f"{provider}/")]
    served = [model for model in ids if model in listed]
    return next((model for model in [*selected, *served, *ids] if model in ids), None)
