"""Model entries, merged from the declaration, the server's list and the defaults, with the origin of each value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, cast

from genesis_config.config.defaults import (
    DEFAULT_CONTEXT_WINDOW,
    DEFAULT_INPUT,
    DEFAULT_MAX_TOKENS,
    DEFAULT_MAX_TOKENS_FIELD,
)
from genesis_config.manifest import Compat, Cost, Model
from genesis_config.manifest.params import merge_params
from genesis_config.net.policy import NATIVE_ONLY, OWN_FIELDS
from genesis_config.resolve.credentials import header_refs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.config.views import Config, ModelEntry
    from genesis_config.manifest import WindowFrom
    from genesis_config.resolve.lock import Row

_Inputs = tuple[Literal["text", "image", "audio", "video"], ...]
_Field = Literal["max_tokens", "max_completion_tokens"]

__all__ = ["model_entries"]

_REASONING = re.compile(r"r1|reason|think", re.IGNORECASE)


def model_entries(config: Config, provider: str, rows: Mapping[str, Row]) -> tuple[Model, ...]:
    """Return a provider's declared and discovered models, ordered by id.

    A declared entry takes precedence. If it does not set the context window, the server's row for the same id does.
    """
    declared = config.provider(provider)
    entries = {entry.id: entry for entry in declared.models} if declared is not None else {}
    return tuple(_model(config, provider, name, entries.get(name), rows) for name in sorted({*entries, *rows}))


def _model(config: Config, provider: str, name: str, entry: ModelEntry | None, rows: Mapping[str, Row]) -> Model:
    """Return one model. `entry` is its declaration; None if only the server lists it."""
    layers = (config.provider(provider), entry, config.selection.entry(f"{provider}/{name}"))
    params = merge_params(*(layer.params for layer in layers if layer is not None))
    row = rows.get(name)
    window, window_from = _window(entry, row, rows)
    limit = entry.max_tokens if entry else None
    return Model(
        id=name,
        name=name if entry is None or entry.name is None else entry.name,
        reasoning=bool(entry.reasoning if entry else _REASONING.search(name)),
        # The schema allows only these values.
        input=cast("_Inputs", (entry.input if entry else None) or DEFAULT_INPUT),
        cost=_cost(entry.cost if entry else {}),
        context_window=window,
        context_window_from=window_from,
        max_tokens=min(DEFAULT_MAX_TOKENS, window) if limit is None else limit,
        max_tokens_from="default" if limit is None else "config",
        params={key: params[key] for key in params if key not in NATIVE_ONLY | OWN_FIELDS},
        headers=header_refs(entry.headers) if entry else {},
        compat=Compat(cast("_Field", (entry.max_tokens_field if entry else None) or DEFAULT_MAX_TOKENS_FIELD)),
        parent=row.parent if row else None,
    )


def _window(entry: ModelEntry | None, row: Row | None, rows: Mapping[str, Row]) -> tuple[int, WindowFrom]:
    """Return a context window and its origin: configuration, server, base model's row, or default."""
    if entry is not None and entry.context_window is not None:
        return entry.context_window, "config"
    if row is not None and row.context_window is not None:
        return row.context_window, "server"
    base = rows.get(row.parent) if row is not None and row.parent is not None else None
    if base is not None and base.context_window is not None:
        return base.context_window, "parent"
    return DEFAULT_CONTEXT_WINDOW, "default"


def _cost(prices: Mapping[str, float]) -> Cost:
    return Cost(
        input=prices.get("input", 0),
        output=prices.get("output", 0),
        cache_read=prices.get("cacheRead", 0),
        cache_write=prices.get("cacheWrite", 0),
    )
