"""Which models are used by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.config.lookup import model_refs, selected_entries, split_ref
from genesis_config.manifest import Selection

if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

__all__ = ["select"]


def select(value: Any, providers: Container[str]) -> Selection:
    """Give the primary, the fallbacks in order without repeats, and the aliases, of these providers' models alone."""
    primary = None
    fallbacks: list[str] = []
    for path, text in model_refs(value):
        if _provider(text) not in providers:
            continue
        if path[-2:-1] == ("fallbacks",):
            if text != primary and text not in fallbacks:
                fallbacks.append(text)
        else:
            primary = text
    aliases = {
        entry["alias"]: reference
        for reference, entry in selected_entries(value)
        if isinstance(entry.get("alias"), str) and _provider(reference) in providers
    }
    return Selection(primary, tuple(fallbacks), dict(sorted(aliases.items())))


def _provider(reference: str) -> str | None:
    parts = split_ref(reference)
    return parts[0] if parts else None
