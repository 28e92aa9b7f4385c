"""Definitions of what is at the cursor: an included file, a declared model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from genesis_config.config import keys
from genesis_config.config.includes import KEY
from genesis_config.config.views import Config
from genesis_config.diagnostics.source import Source, Span
from genesis_config.files.reading import normalize
from genesis_config.lsp.places import place_at, value_at

if TYPE_CHECKING:
    from genesis_config.lsp.open_files import View

__all__ = ["definition"]


def definition(view: View, offset: int) -> Span | None:
    """Return the definition of what is at an offset; None if there is none."""
    place = place_at(view.document, offset)
    if place is None or place.is_key:
        return None
    value = value_at(view.document, place.path)
    if not isinstance(value, str):
        return None
    if KEY in place.path[-2:]:
        path = normalize(os.path.join(os.path.dirname(view.buffer.name), value.replace("\0", "")))
        return Span(Source(path, ""), 0, 0) if os.path.isfile(path) else None
    config = view.result.session.config
    here = (*view.prefix, *place.path)
    references = Config.written(config.document).selection.references
    reference = next((candidate for candidate in references if candidate.path == here), None)
    if reference is None or reference.provider is None:
        return None
    provider = config.provider(reference.provider)
    models = (model for model in (provider.models if provider else ()) if model.id == reference.model)
    return next((model.at(keys.ID).span for model in models), None)
