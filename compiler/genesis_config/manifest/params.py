"""How request parameters are merged, in the compiler and in the runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["merge_params"]


def merge_params(*layers: Mapping[str, object]) -> dict[str, object]:
    """Merge request parameters: later layers win, objects are merged deeply, arrays replaced."""
    result: dict[str, object] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            result[key] = merge_params(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
