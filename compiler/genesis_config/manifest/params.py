"""Merging of request parameters, in the compiler and in the runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["merge_params"]


def merge_params(*layers: Mapping[str, object]) -> dict[str, object]:
    """Merge request parameters. Objects are merged deeply; any other value in a later layer replaces earlier ones."""
    result: dict[str, object] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            result[key] = merge_params(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
