"""Helpers for the tests of expansion: small configurations, expanded, and their findings."""

from __future__ import annotations

from typing import Any, NamedTuple

from genesis_config.config.expansion import Expansion, Layer, Variables, expand
from genesis_config.diagnostics.source import Source
from genesis_config.syntax import Document, parse

PROVIDER = ("models", "providers", "vllm")


class PlacedFinding(NamedTuple):
    """A finding with its place and the text that it marks."""

    rule: str
    line: int
    column: int
    text: str
    message: str
    help: str | None


def read(text: str) -> Document:
    """Parse a text without syntax errors."""
    document = parse(Source("genesis.json5", text))
    assert document.diagnostics == []
    return document


def config(provider: str = "", rest: str = "") -> str:
    """Return a configuration with the given members of one provider."""
    return f"{{ models: {{ providers: {{ vllm: {{ {provider} }} }} }}, {rest} }}"


def environment(complete: bool = True, /, **values: str) -> Variables:  # noqa: FBT001, FBT002 - positional
    """Return variables with one layer."""
    return Variables((Layer("the environment", values),), complete=complete)


def expanded(text: str, **values: str) -> Expansion:
    """Expand a text with the given variables only."""
    return expand(read(text), environment(**values))


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    """Return the value at a path."""
    for part in path:
        value = value[part]
    return value


def findings_of(expansion: Expansion) -> list[PlacedFinding]:
    """Return the findings in the order in which they were found."""
    result = []
    for finding in expansion.diagnostics:
        assert finding.span is not None
        source, start, end = finding.span
        place = source.position(start)
        assert finding.severity == ("warning" if finding.rule == "empty-variable" else "error")
        result.append(PlacedFinding(finding.rule, *place, source.text[start:end], finding.message, finding.help))
    return result
