"""Completions of keys, values and names, in complete texts and in those that are being typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from genesis_config.diagnostics.finding import Edit
from genesis_config.diagnostics.source import Span
from genesis_config.lint.edits import apply_edits
from genesis_config.lsp.completion import complete
from tests.lsp.support import open_text

if TYPE_CHECKING:
    from pathlib import Path

    from genesis_config.lsp.completion import Completion

MODELS = (
    '{ models: { providers: { vllm: { models: [{ id: "a/b" }, { id: "c" }] }, other: { models: [{ id: "d" }] } } },'
)
KEY = "sk-canary4be1c09dcanary4be1c09d"


def completions(path: Path, text: str, name: str = "genesis.json5") -> list[Completion]:
    view, offset = open_text(path / name, text)
    return complete(view, offset)


def labels(path: Path, text: str) -> list[str]:
    return [completion.label for completion in completions(path, text)]


def choose(path: Path, text: str, label: str, name: str = "genesis.json5") -> str:
    """Return the text after choosing a completion."""
    view, offset = open_text(path / name, text)
    (completion,) = [candidate for candidate in complete(view, offset) if candidate.label == label]
    source = view.document.source
    return apply_edits(source.text, [Edit(Span(source, completion.start, completion.end), completion.text)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ | }", ["models", "agents", "auth", "env", "$schema", "$include"]),
        ("{ agents: {}, | }", ["models", "auth", "env", "$schema", "$include"]),
        ("{ mo|, agents: {} }", ["models", "auth", "env", "$schema", "$include"]),
        ("{ env: { | } }", ["vars", "$include"]),
        ("{ models: { providers: { vllm: { compat: {}, models: [{ compat: { |", ["maxTokensField", "$include"]),
        ("{ models: { providers: { vllm: { apiKey: { |", ["source", "id", "path", "$include"]),
        ("{ models: { providers: { vllm: { headers: { |", ["$include"]),
        ("{ models: { providers: { vllm: { params: { |", []),
        ("{ x-mine: { |", []),
        ("{ gateway: { |", []),
    ],
)
def test_keys_are_those_that_are_allowed_but_missing(text: str, expected: list[str], tmp_path: Path) -> None:
    assert labels(tmp_path, text) == expected


def test_a_required_key_comes_first(tmp_path: Path) -> None:
    first = completions(tmp_path, "{ models: { providers: { vllm: { models: [{ |")[0]
    assert (first.label, first.detail) == ("id", "required")
    assert first.documentation.startswith("**Model id**\n\n")


def test_the_typed_key_does_not_count_as_existing(tmp_path: Path) -> None:
    whole = "{ models: { providers: { vllm: { base|Url: 'x', api: 'y' } } } }"
    assert "baseUrl" in labels(tmp_path, whole)
    assert "api" not in labels(tmp_path, whole)
    assert choose(tmp_path, "{ model|: {} }", "models") == "{ models: {} }"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("{ mo| }", "{ models:  }"),
        ("{ 'mo|' }", "{ 'models':  }"),
        ('{ "mo|', '{ "models": '),
        ('{ "env": {}, | }', '{ "env": {}, "models":  }'),
        ("{ env: {}, | }", "{ env: {}, models:  }"),
    ],
)
def test_a_key_is_quoted_like_its_neighbours(text: str, after: str, tmp_path: Path) -> None:
    assert choose(tmp_path, text, "models") == after


def test_a_key_in_a_json_file_is_quoted(tmp_path: Path) -> None:
    assert choose(tmp_path, "{ | }", "models", name="genesis.json") == '{ "models":  }'


def test_snippets_put_the_cursor_where_the_value_goes(tmp_path: Path) -> None:
    def snippet(text: str, label: str) -> str | None:
        return next(found.snippet for found in completions(tmp_path, text) if found.label == label)

    inside = "{ models: { providers: { vllm: { %s } } } }"
    assert snippet(inside % "|", "baseUrl") == 'baseUrl: "$1"'
    assert snippet(inside % "|", "models") == "models: [$1]"
    assert snippet(inside % "|", "headers") == "headers: {$1}"
    assert snippet(inside % "|", "timeoutSeconds") == "timeoutSeconds: $1"
    assert snippet(inside % "|", "$include") == '\\$include: "$1"'
    assert snippet(inside % "|\n api: 'x'", "models") == "models: [$1],"
    assert snippet(inside % "mode|: []", "models") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ models: { providers: { vllm: { models: [{ reasoning: | }] } } } }", ["true", "false"]),
        ("{ models: { providers: { vllm: { apiKey: { source: | } } } } }", ['"env"', '"file"']),
        ("{ models: { providers: { vllm: { apiKey: { source: 'e|' } } } } }", ["'env'", "'file'"]),
        ("{ models: { providers: { vllm: { api: |", ['"openai-completions"']),
        ("{ models: { providers: { vllm: { apiKey: | } } } }", ['"${VLLM_API_KEY}"']),
        ("{ models: { providers: { 'my-own': { apiKey: | } } } }", ['"${MY_OWN_API_KEY}"']),
        ("{ models: { providers: { vllm: { models: [{ input: [te|", ['"text"', '"image"', '"audio"', '"video"']),
        ("{ models: { providers: { vllm: { models: [{ contextWindow: |", ["128000", "131072", "32768"]),
        ("{ auth: { profiles: { 'vllm:a': { provider: | } } } }", ['"vllm"']),
        ("{ auth: { profiles: { 'vllm:a': {} }, order: { vllm: [|] } } }", ['"vllm:a"']),
        ("{ x-mine: |", []),
    ],
)
def test_values(text: str, expected: list[str], tmp_path: Path) -> None:
    assert labels(tmp_path, text) == expected


@pytest.mark.parametrize(
    "selection",
    [
        "agents: { defaults: { model: | } } }",
        "agents: { defaults: { model: {primary: vl| } } }",
        "agents: { defaults: { model: { primary: '|",
        "agents: { defaults: { model: { fallbacks: [\n'vllm/|\n] } } }",
    ],
)
def test_models_are_those_declared(selection: str, tmp_path: Path) -> None:
    models = [found for found in completions(tmp_path, MODELS + selection) if found.kind == "model"]
    assert [model.label.strip("\"'") for model in models] == ["vllm/a/b", "vllm/c", "other/d"]


def test_a_model_that_is_already_selected_is_omitted(tmp_path: Path) -> None:
    text = MODELS + "agents: { defaults: { model: { primary: 'vllm/c', fallbacks: ['other/d', '|'] } } } }"
    assert labels(tmp_path, text) == ["'vllm/a/b'"]


def test_a_model_replaces_the_typed_text(tmp_path: Path) -> None:
    text = "agents: { defaults: { model: { primary: %s } } } }"
    assert choose(tmp_path, MODELS + text % "'vllm/|old'", "'other/d'") == MODELS + text % "'other/d'"
    assert choose(tmp_path, MODELS + text % "oth|", '"other/d"') == MODELS + text % '"other/d"'
    (completion,) = [found for found in completions(tmp_path, MODELS + text % "oth|") if found.label == '"other/d"']
    assert completion.filter == "other/d"


def test_names_of_providers_and_of_selected_models(tmp_path: Path) -> None:
    named = "{ models: { providers: { | } }, agents: { defaults: { model: 'mine/x' } } }"
    assert labels(tmp_path, named) == ["vllm", "mine", "$include"]
    selected = MODELS + "agents: { defaults: { models: { 'vllm/c': {}, | } } } }"
    assert labels(tmp_path, selected) == ["vllm/a/b", "other/d", "vllm/*", "other/*", "$include"]
    assert choose(tmp_path, MODELS + "agents: { defaults: { models: { | } } } }", "vllm/*").endswith(
        '{ "vllm/*":  } } } }'
    )
    assert labels(tmp_path, MODELS + "auth: { order: { | } } }") == ["vllm", "other", "$include"]


def test_a_name_that_looks_like_an_api_key_is_never_proposed(tmp_path: Path) -> None:
    text = MODELS.replace("a/b", KEY) + "agents: { defaults: { model: | } } }"
    assert "vllm/c" in json.dumps(completions(tmp_path, text))
    assert KEY not in json.dumps(completions(tmp_path, text))


def test_every_prefix_of_a_configuration_can_be_completed(tmp_path: Path) -> None:
    text = MODELS + "\n agents: { defaults: { model: { primary: 'vllm/c', fallbacks: ['d'] } } } }"
    for offset in range(len(text)):
        for rest in ("", text[offset:]):
            for found in completions(tmp_path, f"{text[:offset]}|{rest}"):
                assert found.start <= offset <= found.end


def test_keys_in_an_included_file_are_those_of_its_place(tmp_path: Path) -> None:
    (tmp_path / "genesis.json5").write_text("{ models: { providers: { vllm: { $include: './vllm.json5' } } } }")
    assert "baseUrl" in [found.label for found in completions(tmp_path, "{ ba| }", name="vllm.json5")]
