"""Paths of a configuration: how messages show them, and which of them lead to a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from genesis_config.credentials.patterns import without_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genesis_config.diagnostics.finding import Path

__all__ = ["config_path", "is_secret_position", "shown_key"]

# What no key contains that somebody chose, unlike a piece of text between two quotes in the wrong places.
_UNLIKELY: Final = re.compile(r"""["']|[:=]\s""")


def config_path(path: Iterable[str | int]) -> str:
    """Return a path as shown in messages: `models.providers.vllm.models[0].id`.

    A key that is not an identifier is quoted, and what may be a secret in it is replaced by `***`.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        key = shown_key(part)
        if part.replace("-", "_").replace("$", "_").isidentifier():
            text += f".{key}" if text else key
        else:
            quoted = key.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text or "the root"


def shown_key(key: str) -> str:
    """Return a key as shown in messages, with `***` for what may be a secret: it may be any piece of a broken text."""
    return "***" if _UNLIKELY.search(key) else without_keys(key)


def is_secret_position(path: Path) -> bool:
    """Return whether the value at `path` is a secret: a provider's `apiKey`, or a value of `headers`."""
    match path:
        case ("models", "providers", _, "apiKey") | ("models", "providers", _, "headers", _):
            return True
        case ("models", "providers", _, "models", _, "headers", _):
            return True
    return False
