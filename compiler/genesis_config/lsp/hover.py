"""What is told of the key or value under the cursor: the schema's words, and where its references' values come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_config.config import keys
from genesis_config.config.positions import is_secret_position, shown
from genesis_config.credentials.names import is_secret_variable
from genesis_config.lsp import schema
from genesis_config.lsp.places import at, value_at
from genesis_config.report.escape import escape
from genesis_config.syntax.references import Reference, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from genesis_config.diagnostics.finding import Path
    from genesis_config.diagnostics.source import Span
    from genesis_config.lsp.open_files import View

__all__ = ["Hovered", "hover"]

_LONGEST: Final = 120  # characters of a value


class Hovered(NamedTuple):
    """What is told, in Markdown, and of which part of the text."""

    text: str
    span: Span


def hover(view: View, offset: int, environment: Mapping[str, str]) -> Hovered | None:
    """Tell what is known of what stands at an offset; None where that is nothing.

    Of the environment it is only told whether a variable is set there. Secrets are redacted as in reports.
    """
    place = at(view.document, offset)
    if place is None or not place.path:
        return None
    path = (*view.prefix, *place.path)
    node = schema.node_at(path)
    told = [schema.markdown(node)] if node else []
    value = value_at(view.document, place.path)
    if isinstance(value, str):
        told += _references(view, place.path, path, value, environment)
    return Hovered("\n\n".join(told), place.span) if told else None


def _references(view: View, local: Path, path: Path, text: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Tell where each variable of a string would come from."""
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
    """Tell the places that a variable is looked for in, the first one that has it first."""
    name = reference.name
    config = view.checked.session.config
    hidden = secret or is_secret_variable(name) or name in config.expansion.secret_names()
    value = environment.get(name)
    state = "not set" if value is None else "set" if value else "set, and empty"
    yield f"- the environment: {state}"
    declared = config.variables.get(name)
    if declared is not None:
        text = json.dumps(shown((*keys.ENV_VARS, name), declared), ensure_ascii=False)
        aside = ", which no secret is taken from" if secret else ""
        yield f"- `env.vars`: {'declared' if hidden else _code(text)}{aside}"
    if reference.default is not None:
        yield f"- its default{'' if hidden else f': {_code(shown(path, reference.default))}'}"
    if value is None and declared is None and reference.default is None:
        yield "- nowhere else"


def _code(text: str) -> str:
    """Write a text as code."""
    text = escape(text)
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"`` {text} ``" if "`" in text else f"`{text}`" if text else "empty"
