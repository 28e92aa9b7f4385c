"""Hovers for the key or value at the cursor: its documentation and the sources of the variables that it uses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_config.config import keys
from genesis_config.config.paths import is_secret_position
from genesis_config.config.positions import shown
from genesis_config.credentials.names import is_secret_variable
from genesis_config.lsp import schema
from genesis_config.lsp.places import place_at, value_at
from genesis_config.report.escape import escape
from genesis_config.syntax.references import Reference, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from genesis_config.diagnostics.finding import Path
    from genesis_config.diagnostics.source import Span
    from genesis_config.lsp.open_files import View

__all__ = ["Hover", "hover"]

_LONGEST: Final = 120  # characters of a value


class Hover(NamedTuple):
    """A text in Markdown, and the span that it describes."""

    text: str
    span: Span


def hover(view: View, offset: int, environment: Mapping[str, str]) -> Hover | None:
    """Return the hover for an offset; None if there is nothing to show.

    It shows whether a variable is set in the environment, but never its value. Secrets are redacted as in reports.
    """
    place = place_at(view.document, offset)
    if place is None or not place.path:
        return None
    path = (*view.prefix, *place.path)
    node = schema.node_at(path)
    parts = [schema.markdown(node)] if node else []
    value = value_at(view.document, place.path)
    if isinstance(value, str):
        parts += _variables(view, place.path, path, value, environment)
    return Hover("\n\n".join(parts), place.span) if parts else None


def _variables(view: View, local: Path, path: Path, text: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the possible sources of each variable that a string refers to."""
    if path[:2] == keys.ENV_VARS or keys.INCLUDE in path:
        return  # plain text
    secret = is_secret_position(path)
    if path[3:] == (keys.API_KEY, keys.ID) and value_at(view.document, (*local[:-1], keys.SOURCE)) == "env":
        # `{source: "env", id: "NAME"}` is another way to write `${NAME}`.
        secret, text = True, f"${{{text}}}"
    seen = set()
    for part in parse(text):
        if isinstance(part, Reference) and part.name not in seen:
            seen.add(part.name)
            yield "\n".join([f"`{part.name}`:", *_origins(view, path, part, environment, secret=secret)])


def _origins(
    view: View, path: Path, reference: Reference, environment: Mapping[str, str], *, secret: bool
) -> Iterator[str]:
    """Yield the sources of a variable in the order of their precedence."""
    name = reference.name
    config = view.result.session.config
    hidden = secret or is_secret_variable(name) or name in config.expansion.secret_names()
    value = environment.get(name)
    state = "not set" if value is None else "set" if value else "set but empty"
    yield f"- environment: {state}"
    declared = config.variables.get(name)
    if declared is not None:
        text = json.dumps(shown((*keys.ENV_VARS, name), declared), ensure_ascii=False)
        aside = ", but never used for secrets" if secret else ""
        yield f"- `env.vars`: {'declared' if hidden else _code(text)}{aside}"
    if reference.default is not None:
        yield f"- default{' value' if hidden else f': {_code(shown(path, reference.default))}'}"
    if value is None and declared is None and reference.default is None:
        yield "- no other source"


def _code(text: str) -> str:
    """Format a text as code."""
    text = escape(text)
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"`` {text} ``" if "`" in text else f"`{text}`" if text else "empty"
