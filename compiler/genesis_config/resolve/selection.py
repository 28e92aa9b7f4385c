"""The default models of the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.manifest import Selection

if TYPE_CHECKING:
    from collections.abc import Container

    from genesis_config.config.views import Config

__all__ = ["select_models"]


def select_models(config: Config, providers: Container[str]) -> Selection:
    """Return the primary, the fallbacks in order without repeats, and the aliases, limited to these providers."""
    references = [ref for ref in config.selection.references if ref.provider in providers]
    primary = next((ref.text for ref in references if not ref.is_fallback), None)
    fallbacks = dict.fromkeys(ref.text for ref in references if ref.is_fallback and ref.text != primary)
    aliases = {
        entry.alias: entry.reference.text
        for entry in config.selection.entries
        if entry.alias is not None and entry.reference.provider in providers
    }
    return Selection(primary, tuple(fallbacks), dict(sorted(aliases.items())))
