"""Where what the cursor stands on is defined: an included file, a declared model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from genesis_config.config.includes import KEY
from genesis_config.config.lookup import declared_models, model_refs, providers, split_ref
from genesis_config.diagnostics.source import Source, Span
from genesis_config.lsp.places import at, value_at

if TYPE_CHECKING:
    from genesis_config.lsp.session import View

__all__ = ["definition"]


def definition(view: View, offset: int) -> Span | None:
    """Give where what stands at an offset is defined; None where that is nowhere."""
    place = at(view.document, offset)
    if place is None or place.is_key:
        return None
    value = value_at(view.document, place.path)
    if not isinstance(value, str):
        return None
    if KEY in place.path[-2:]:
        path = os.path.normpath(os.path.join(os.path.dirname(view.buffer.name), value.replace("\0", "")))
        return Span(Source(path, ""), 0, 0) if os.path.isfile(path) else None
    context = view.checked.session.config
    if any(reference.path == (*view.prefix, *place.path) for reference in model_refs(context.document.value)):
        wanted = split_ref(value)
        for name, provider in providers(context.value):
            for index, model in declared_models(provider):
                if (name, model["id"]) == wanted:
                    return context.document.value_span(("models", "providers", name, "models", index, "id"))
    return None
