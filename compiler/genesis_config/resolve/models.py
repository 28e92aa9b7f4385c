"""Model entries: what is declared, what the server lists, and the defaults; each value keeps where it came from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from genesis_config.config.defaults import DEFAULT_CONTEXT_WINDOW, DEFAULT_MAX_TOKENS
from genesis_config.config.lookup import declared_models, mapping
from genesis_config.manifest import Compat, Cost, Model
from genesis_config.net.policy import NATIVE_ONLY, OWN_FIELDS
from genesis_config.resolve.credentials import secret_ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.config.expansion import Expansion
    from genesis_config.diagnostics.finding import Path
    from genesis_config.manifest import SecretRef, WindowFrom
    from genesis_config.resolve.lock import Row

__all__ = ["header_refs", "merged", "model_entries"]

_REASONING = re.compile(r"r1|reason|think", re.IGNORECASE)


def model_entries(
    expansion: Expansion, provider: str, entry: dict[str, Any], rows: Mapping[str, Row]
) -> tuple[Model, ...]:
    """Give a provider's models, declared and discovered, ordered by id.

    What a declared entry states holds; the server's row for the same id gives the window that it does not state.
    """
    models = {}
    path: Path = ("models", "providers", provider)
    for index, stated in declared_models(entry):
        models[stated["id"]] = _entry(expansion, (*path, "models", index), provider, stated["id"], stated, rows)
    for name in rows:
        if name not in models:
            models[name] = _entry(expansion, path, provider, name, {"reasoning": bool(_REASONING.search(name))}, rows)
    return tuple(models[name] for name in sorted(models))


def header_refs(expansion: Expansion, owner: Path, entry: dict[str, Any]) -> dict[str, SecretRef]:
    """Give the headers of a provider or model, by name."""
    stated = mapping(entry, "headers")
    return {
        name: secret_ref(expansion, (*owner, "headers", name), text)
        for name, text in sorted(stated.items())
        if isinstance(text, str)
    }


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge request parameters: later layers win, objects deep, arrays replaced."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _entry(  # noqa: PLR0913 - the places that an entry is made of
    expansion: Expansion, path: Path, provider: str, name: str, stated: dict[str, Any], rows: Mapping[str, Row]
) -> Model:
    row = rows.get(name)
    window, window_from = _window(stated, row, rows)
    limit = stated.get("maxTokens")
    params = merged(
        mapping(expansion.value, "models", "providers", provider, "params"),
        mapping(stated, "params"),
        mapping(expansion.value, "agents", "defaults", "models", f"{provider}/{name}", "params"),
    )
    return Model(
        id=name,
        name=stated.get("name", name),
        reasoning=stated.get("reasoning", False),
        input=tuple(stated.get("input", ("text",))),
        cost=_cost(mapping(stated, "cost")),
        context_window=window,
        context_window_from=window_from,
        max_tokens=min(DEFAULT_MAX_TOKENS, window) if limit is None else limit,
        max_tokens_from="default" if limit is None else "config",
        params={key: params[key] for key in params if key not in NATIVE_ONLY | OWN_FIELDS},
        headers=header_refs(expansion, path, stated),
        compat=Compat(max_tokens_field=mapping(stated, "compat").get("maxTokensField", "max_tokens")),
        parent=row.parent if row else None,
    )


def _window(stated: dict[str, Any], row: Row | None, rows: Mapping[str, Row]) -> tuple[int, WindowFrom]:
    """Give a context window and who told it: the configuration, the server's row, the base model's row, or nobody."""
    if "contextWindow" in stated:
        return stated["contextWindow"], "config"
    if row is not None and row.context_window is not None:
        return row.context_window, "server"
    base = rows.get(row.parent) if row is not None and row.parent is not None else None
    if base is not None and base.context_window is not None:
        return base.context_window, "parent"
    return DEFAULT_CONTEXT_WINDOW, "default"


def _cost(stated: dict[str, Any]) -> Cost:
    return Cost(
        input=stated.get("input", 0),
        output=stated.get("output", 0),
        cache_read=stated.get("cacheRead", 0),
        cache_write=stated.get("cacheWrite", 0),
    )
