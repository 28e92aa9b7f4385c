"""Markers: values such as `EMPTY` that stand in for a key for a server that does not need one."""

from __future__ import annotations

import re
from typing import Final

from genesis_config.credentials.patterns import is_key

__all__ = ["is_marker"]

_MARKERS: Final = frozenset(
    {
        "change-me", "change_me", "changeme", "dummy", "empty", "fake", "ignored", "llama.cpp", "lm-studio", "lmstudio",
        "local", "n/a", "no-auth", "no-key", "no-key-needed", "no-key-required", "no_key", "nokey", "none",
        "not-needed", "not-required", "not-used", "not_needed", "notneeded", "null", "ollama", "placeholder",
        "sk-no-key-required", "test", "todo", "unused", "x", "your-api-key", "your-key", "your_api_key",
    }
)  # fmt: skip
# A word that ends in `-local`; `sk-` followed by words joined by hyphens; one repeated character; a `<blank>`.
_SHAPES: Final = r"[a-z][a-z0-9.]*(?:-[a-z0-9.]+)*-local|sk(?:-[a-z]{1,15})+|x{2,}|\*+|<[^<>]*>"


def is_marker(text: str) -> bool:
    """Return whether a text is a marker, ignoring case."""
    word = text.strip().lower()
    return word in _MARKERS or (re.fullmatch(_SHAPES, word) is not None and not is_key(text))
