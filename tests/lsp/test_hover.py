"""What is told of keys and values, where definitions are, and that no secret is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from genesis_config.lsp.definition import definition
from genesis_config.lsp.hover import Hovered, hover
from tests.lsp.support import opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.lsp.open_files import OpenFiles

CANARY = "canary-4be1c09d"


def told(path: Path, text: str, environment: Mapping[str, str] | None = None) -> Hovered | None:
    view, offset = opened(path / "genesis.json5", text)
    return hover(view, offset, environment or {})


def text_of(path: Path, text: str, environment: Mapping[str, str] | None = None) -> str:
    found = told(path, text, environment)
    assert found is not None
    return found.text


def origins(path: Path, text: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Give what is told of references."""
    lines = text_of(path, text, environment).split("\n")
    return [line for line in lines if line.startswith(("`", "- ")) and not line.startswith("```")]


def test_a_key_is_told_by_the_schema(tmp_path: Path) -> None:
    found = told(tmp_path, "{ models: { providers: { vllm: { models: [{ id: 'm', cont|extWindow: 1 }] } } } }")
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
    found = told(tmp_path, text)
    assert (found.text if found else "None").startswith(f"**{title}**" if title else "**API**")


@pytest.mark.parametrize(
    "text",
    ["{ x-mi|ne: 1 }", "{ gate|way: {} }", "{ models: {} | }", "{ // mod|els\n }", "|", "{ models: { a|a: 1 } }"],
)
def test_nothing_is_told_of_what_nobody_knows(text: str, tmp_path: Path) -> None:
    assert told(tmp_path, text) is None


def test_values_of_a_union_are_told(tmp_path: Path) -> None:
    assert '\n\nstring · one of `"env"`, `"file"`' in text_of(
        tmp_path, "{ models: { providers: { vllm: { apiKey: { source: 'e|nv' } } } } }"
    )


URL = "{ models: { providers: { vllm: { baseUrl: '%s' } } }, env: { vars: { HOST: 'here', OLD_KEY: '%s' } } }"


@pytest.mark.parametrize(
    ("reference", "environment", "expected"),
    [
        ("${HOST}|", {}, ["`HOST`:", "- the environment: not set", '- `env.vars`: `"here"`']),
        ("${HOST}|", {"HOST": "x"}, ["`HOST`:", "- the environment: set", '- `env.vars`: `"here"`']),
        ("${PORT:-80}|", {}, ["`PORT`:", "- the environment: not set", "- its default: `80`"]),
        ("|$<PORT>", {"PORT": ""}, ["`PORT`:", "- the environment: set, and empty"]),
        ("|${PORT}", {}, ["`PORT`:", "- the environment: not set", "- nowhere else"]),
        ("|$${PORT} ${lower}", {}, []),
        ("|${A}${A}", {"A": "1"}, ["`A`:", "- the environment: set"]),
    ],
)
def test_where_references_come_from(
    reference: str, environment: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    assert origins(tmp_path, URL % (reference, CANARY), environment) == expected


def test_no_value_of_the_environment_is_told(tmp_path: Path) -> None:
    for reference in ("${HOST}|", "${OLD_KEY}|", "${OLD_KEY:-" + CANARY + "}|"):
        environment = dict.fromkeys(("HOST", "OLD_KEY"), CANARY)
        assert CANARY not in text_of(tmp_path, URL % (reference, CANARY), environment)


DECLARED = "- `env.vars`: declared, which no secret is taken from"
SECRET = "{ models: { providers: { vllm: { apiKey: %s } } }, env: { vars: { MINE: '%s' } } }"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'${MINE}|'", ["`MINE`:", "- the environment: set", DECLARED]),
        ("'Bearer ${OTHER:-" + CANARY + "}|'", ["`OTHER`:", "- the environment: not set", "- its default"]),
        ("{ source: 'env', id: 'MINE|' }", ["`MINE`:", "- the environment: set", DECLARED]),
        ("{ source: 'file', path: '/run/MINE|' }", []),
    ],
)
def test_of_a_secret_it_is_told_whether_it_is_set(text: str, expected: list[str], tmp_path: Path) -> None:
    found = text_of(tmp_path, SECRET % (text, CANARY), {"MINE": CANARY})
    assert origins(tmp_path, SECRET % (text, CANARY), {"MINE": CANARY}) == expected
    assert CANARY not in found


def test_a_variable_that_is_a_secret_elsewhere_is_one_everywhere(tmp_path: Path) -> None:
    text = SECRET % ("'${MINE}', baseUrl: 'http://${MINE:-" + CANARY + "}|/v1'", CANARY)
    assert CANARY not in text_of(tmp_path, text)


def test_what_looks_like_a_key_is_masked_in_variables_and_defaults(tmp_path: Path) -> None:
    key = "sk-canary4be1c09dcanary4be1c09d"
    found = text_of(tmp_path, (URL % ("${HOST}${B:-" + key + "}|", "")).replace("here", key))
    assert key not in found
    assert '`env.vars`: `"***"`' in found
    assert "its default: `***`" in found


def test_a_default_behind_escapes_is_shown(tmp_path: Path) -> None:
    text = "{ models: { providers: { vllm: { baseUrl: '\\u0024{A:-b}|' } } } }"
    assert origins(tmp_path, text)[-1] == "- its default: `b`"


def test_variables_of_the_other_files_count(tmp_path: Path) -> None:
    (tmp_path / "vars.json5").write_text("{ vars: { HOST: 'there' } }", encoding="utf-8")
    text = "{ models: { providers: { vllm: { baseUrl: '${HOST}|' } } }, env: { $include: './vars.json5' } }"
    assert '- `env.vars`: `"there"`' in origins(tmp_path, text)


def defined(
    path: Path, text: str, open_files: OpenFiles | None = None, name: str = "genesis.json5"
) -> tuple[str, str] | None:
    view, offset = opened(path / name, text, open_files)
    span = definition(view, offset)
    return span and (Path(span.source.name).name, span.source.text[span.start : span.end])


def test_an_included_file_is_where_its_path_leads(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.json5").write_text("{}", encoding="utf-8")
    assert defined(tmp_path, "{ $include: './sub/a|.json5' }") == ("a.json5", "")
    assert defined(tmp_path, "{ $include: ['./b.json5', './sub/a|.json5'] }") == ("a.json5", "")
    assert defined(tmp_path, "{ $include: ['./b|.json5'] }") is None
    assert defined(tmp_path, "{ $include: './sub|' }") is None
    assert defined(tmp_path, "{ $include: './sub/a\\0.j|son5' }") == ("a.json5", "")
    assert defined(tmp_path, "{ $incl|ude: './sub/a.json5' }") is None


def test_a_model_is_where_it_is_declared(tmp_path: Path) -> None:
    text = "{ models: { providers: { vllm: { models: [{ id: 'a' }, { id: 'b/c' }] } } }, "
    text += "agents: { defaults: { model: %s } } }"
    assert defined(tmp_path, text % "'vllm/|b/c'") == ("genesis.json5", "'b/c'")
    assert defined(tmp_path, text % "{ fallbacks: ['vllm/|a'] }") == ("genesis.json5", "'a'")
    assert defined(tmp_path, text % "'vllm/|x'") is None
    assert defined(tmp_path, text % "'vllm|'") is None
    assert defined(tmp_path, text % "3|") is None
    assert defined(tmp_path, "{ models: { providers: { vllm: { baseUrl: 'vllm/|a' } } } }") is None
