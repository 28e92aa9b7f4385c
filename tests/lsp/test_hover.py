"""Hovers and definitions, and that they show no secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from genesis_config.lsp.definition import definition
from genesis_config.lsp.hover import Hover, hover
from tests.lsp.support import open_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.lsp.open_files import OpenFiles

CANARY = "canary-4be1c09d"


def hover_at(path: Path, text: str, environment: Mapping[str, str] | None = None) -> Hover | None:
    view, offset = open_text(path / "genesis.json5", text)
    return hover(view, offset, environment or {})


def text_of(path: Path, text: str, environment: Mapping[str, str] | None = None) -> str:
    shown = hover_at(path, text, environment)
    assert shown is not None
    return shown.text


def origins(path: Path, text: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Return the lines about variables."""
    lines = text_of(path, text, environment).split("\n")
    return [line for line in lines if line.startswith(("`", "- ")) and not line.startswith("```")]


def test_a_key_shows_its_documentation(tmp_path: Path) -> None:
    found = hover_at(tmp_path, "{ models: { providers: { vllm: { models: [{ id: 'm', cont|extWindow: 1 }] } } } }")
    assert found is not None
    assert found.text.startswith("**Context window**\n\nMaximum number of tokens")
    assert "\n\ninteger · default `128000`\n\n```json5\n131072\n32768\n```" in found.text
    assert found.span.source.text[found.span.start : found.span.end] == "contextWindow"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("{ |models: {} }", "Models"),
        ("{ models: { providers: { any: { base|Url: 'x' } } } }", "Base URL"),
        ("{ models: { providers: { an|y: {} } } }", "Provider"),
        ("{ models: { providers: { vllm: { 'apiKey': { sou|rce: 'env' } } } } }", "Source"),
        ("{ models: { providers: { vllm: { models: [{ cost: { in|put: 1 } }] } } } }", "Input"),
        ("{ models: { providers: { vllm: { headers: { 'X-A': 'b|' } } } } }", "Header value"),
        ("{ agents: { defaults: { model: { fallbacks: ['vl|lm/x'] } } } }", "Model reference"),
        ("{ agents: { defaults: { models: { 'vllm/x': { al|ias: 'a' } } } } }", "Alias"),
        ("{ models: { $include: './x|.json5' } }", "Include"),
        ("{ models: { providers: { vllm: { ap|i", None),
    ],
)
def test_every_kind_of_place(text: str, title: str | None, tmp_path: Path) -> None:
    found = hover_at(tmp_path, text)
    assert (found.text if found else "None").startswith(f"**{title}**" if title else "**API**")


@pytest.mark.parametrize(
    "text",
    ["{ x-mi|ne: 1 }", "{ gate|way: {} }", "{ models: {} | }", "{ // mod|els\n }", "|", "{ models: { a|a: 1 } }"],
)
def test_unknown_keys_show_nothing(text: str, tmp_path: Path) -> None:
    assert hover_at(tmp_path, text) is None


def test_the_values_of_a_union_are_shown(tmp_path: Path) -> None:
    assert '\n\nstring · one of `"env"`, `"file"`' in text_of(
        tmp_path, "{ models: { providers: { vllm: { apiKey: { source: 'e|nv' } } } } }"
    )


URL = "{ models: { providers: { vllm: { baseUrl: '%s' } } }, env: { vars: { HOST: 'here', OLD_KEY: '%s' } } }"


@pytest.mark.parametrize(
    ("reference", "environment", "expected"),
    [
        ("${HOST}|", {}, ["`HOST`:", "- environment: not set", '- `env.vars`: `"here"`']),
        ("${HOST}|", {"HOST": "x"}, ["`HOST`:", "- environment: set", '- `env.vars`: `"here"`']),
        ("${PORT:-80}|", {}, ["`PORT`:", "- environment: not set", "- default: `80`"]),
        ("|$<PORT>", {"PORT": ""}, ["`PORT`:", "- environment: set but empty"]),
        ("|${PORT}", {}, ["`PORT`:", "- environment: not set", "- no other source"]),
        ("|$${PORT} ${lower}", {}, []),
        ("|${A}${A}", {"A": "1"}, ["`A`:", "- environment: set"]),
    ],
)
def test_the_sources_of_variables(
    reference: str, environment: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    assert origins(tmp_path, URL % (reference, CANARY), environment) == expected


def test_no_value_of_the_environment_is_shown(tmp_path: Path) -> None:
    for reference in ("${HOST}|", "${OLD_KEY}|", "${OLD_KEY:-" + CANARY + "}|"):
        environment = dict.fromkeys(("HOST", "OLD_KEY"), CANARY)
        assert CANARY not in text_of(tmp_path, URL % (reference, CANARY), environment)


DECLARED = "- `env.vars`: declared, but never used for secrets"
SECRET = "{ models: { providers: { vllm: { apiKey: %s } } }, env: { vars: { MINE: '%s' } } }"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'${MINE}|'", ["`MINE`:", "- environment: set", DECLARED]),
        ("'Bearer ${OTHER:-" + CANARY + "}|'", ["`OTHER`:", "- environment: not set", "- default value"]),
        ("{ source: 'env', id: 'MINE|' }", ["`MINE`:", "- environment: set", DECLARED]),
        ("{ source: 'file', path: '/run/MINE|' }", []),
    ],
)
def test_a_secret_shows_only_whether_it_is_set(text: str, expected: list[str], tmp_path: Path) -> None:
    found = text_of(tmp_path, SECRET % (text, CANARY), {"MINE": CANARY})
    assert origins(tmp_path, SECRET % (text, CANARY), {"MINE": CANARY}) == expected
    assert CANARY not in found


def test_a_variable_used_as_a_secret_is_hidden_everywhere(tmp_path: Path) -> None:
    text = SECRET % ("'${MINE}', baseUrl: 'http://${MINE:-" + CANARY + "}|/v1'", CANARY)
    assert CANARY not in text_of(tmp_path, text)


def test_an_api_key_is_masked_in_variables_and_defaults(tmp_path: Path) -> None:
    key = "sk-canary4be1c09dcanary4be1c09d"
    found = text_of(tmp_path, (URL % ("${HOST}${B:-" + key + "}|", "")).replace("here", key))
    assert key not in found
    assert '`env.vars`: `"***"`' in found
    assert "default: `***`" in found


def test_a_default_behind_escapes_is_shown(tmp_path: Path) -> None:
    text = "{ models: { providers: { vllm: { baseUrl: '\\u0024{A:-b}|' } } } }"
    assert origins(tmp_path, text)[-1] == "- default: `b`"


def test_variables_of_included_files_are_used(tmp_path: Path) -> None:
    (tmp_path / "vars.json5").write_text("{ vars: { HOST: 'there' } }", encoding="utf-8")
    text = "{ models: { providers: { vllm: { baseUrl: '${HOST}|' } } }, env: { $include: './vars.json5' } }"
    assert '- `env.vars`: `"there"`' in origins(tmp_path, text)


def defined(
    path: Path, text: str, open_files: OpenFiles | None = None, name: str = "genesis.json5"
) -> tuple[str, str] | None:
    view, offset = open_text(path / name, text, open_files)
    span = definition(view, offset)
    return span and (Path(span.source.name).name, span.source.text[span.start : span.end])


def test_the_definition_of_an_include_is_the_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.json5").write_text("{}", encoding="utf-8")
    assert defined(tmp_path, "{ $include: './sub/a|.json5' }") == ("a.json5", "")
    assert defined(tmp_path, "{ $include: ['./b.json5', './sub/a|.json5'] }") == ("a.json5", "")
    assert defined(tmp_path, "{ $include: ['./b|.json5'] }") is None
    assert defined(tmp_path, "{ $include: './sub|' }") is None
    assert defined(tmp_path, "{ $include: './sub/a\\0.j|son5' }") == ("a.json5", "")
    assert defined(tmp_path, "{ $incl|ude: './sub/a.json5' }") is None


def test_the_definition_of_a_model_is_its_declaration(tmp_path: Path) -> None:
    text = "{ models: { providers: { vllm: { models: [{ id: 'a' }, { id: 'b/c' }] } } }, "
    text += "agents: { defaults: { model: %s } } }"
    assert defined(tmp_path, text % "'vllm/|b/c'") == ("genesis.json5", "'b/c'")
    assert defined(tmp_path, text % "{ fallbacks: ['vllm/|a'] }") == ("genesis.json5", "'a'")
    assert defined(tmp_path, text % "'vllm/|x'") is None
    assert defined(tmp_path, text % "'vllm|'") is None
    assert defined(tmp_path, text % "3|") is None
    assert defined(tmp_path, "{ models: { providers: { vllm: { baseUrl: 'vllm/|a' } } } }") is None
