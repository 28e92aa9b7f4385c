"""Lookup in the configuration schema."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.validation import schema_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Path

__all__ = ["Node", "branches", "markdown", "node_at", "properties", "required", "types"]

Node = dict[str, Any]
"""A part of the schema, with its `$ref` resolved."""

_LONGEST: Final = 800  # characters of an example
_loaded: list[Node] = []


def node_at(path: Path) -> Node | None:
    """Return the schema of the value at a path; None if there is none."""
    node: Node | None = _schema()
    for part in path:
        node = next(filter(None, (_child(branch, part) for branch in branches(node))), None) if node else None
    return node


def branches(node: Node) -> Iterator[Node]:
    """Yield a node and, if it is a union, its alternatives."""
    yield node
    for branch in node.get("anyOf", ()):
        yield from branches(_resolved(branch))


def properties(node: Node) -> dict[str, Node]:
    """Return the keys that the schema lists for an object, in its order but with `$schema` and `$include` last."""
    children = {
        key: _resolved(child) for branch in branches(node) for key, child in branch.get("properties", {}).items()
    }
    return dict(sorted(children.items(), key=lambda item: item[0].startswith("$")))


def required(node: Node) -> frozenset[str]:
    """Return the keys that an object must have, itself or from an include."""
    names = {key for branch in branches(node) for key in branch.get("required", ())}
    return frozenset(names | {key for branch in branches(node) for key in branch.get("then", {}).get("required", ())})


def types(node: Node) -> list[str]:
    """Return the JSON types that a value may have."""
    return list(dict.fromkeys(branch["type"] for branch in branches(node) if "type" in branch))


def markdown(node: Node) -> str:
    """Format the documentation of a node: title, description, type, default, values and examples."""
    lines = [f"**{node['title']}**"] if "title" in node else []
    lines += [node["description"]] if "description" in node else []
    facts = [" or ".join(types(node))] if types(node) else []
    values = [value for branch in branches(node) for value in branch.get("enum", ())]
    facts += [f"one of {', '.join(f'`{json.dumps(value)}`' for value in values)}"] if values else []
    facts += [f"default `{json.dumps(node['default'])}`"] if "default" in node else []
    lines += [" · ".join(facts)] if facts else []
    examples = [json.dumps(example, ensure_ascii=False) for example in node.get("examples", ())]
    shown = [example for example in examples if len(example) <= _LONGEST]
    if shown:
        lines.append("\n".join(["```json5", *shown, "```"]))
    return "\n\n".join(lines)


def _schema() -> Node:
    if not _loaded:
        _loaded.append(json.loads(schema_text("config")))
    return _loaded[0]


def _resolved(node: Node) -> Node:
    while "$ref" in node:
        target = _schema()["$defs"][node["$ref"].rpartition("/")[2]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _child(node: Node, part: str | int) -> Node | None:
    """Return the schema of one item of a node; None if the node does not describe it."""
    if isinstance(part, int):
        child = node.get("items")
    else:
        child = node.get("properties", {}).get(part)
        if child is None:
            patterns = node.get("patternProperties", {}).items()
            child = next((value for pattern, value in patterns if re.search(pattern, part)), None)
        if child is None:
            child = node.get("additionalProperties")
    return _resolved(child) if isinstance(child, dict) else None
