"""From a provider's declaration and its server's rows to model entries, and where each value came from."""

from __future__ import annotations

import json

import pytest

from genesis.credentials import Keys
from genesis.discover import Row
from genesis.expand import Layer, Variables, expand
from genesis.manifest import Compat, Cost, Manifest, Model, SecretRef, dumps
from genesis.pipeline import compile_config
from genesis.resolve.entries import merged, model_entries
from genesis.source import Source
from genesis.syntax import parse

NOBODY = Keys(Variables((Layer("the environment", {}),), complete=True), {})


def entries(declared: str = "", *rows: Row, more: str = "") -> tuple[Model, ...]:
    text = f"{{ models: {{ providers: {{ vllm: {{ models: [{declared}] }} }} }}, {more} }}"
    document = parse(Source("genesis.json5", text))
    expansion = expand(document, Variables())
    entry = document.value["models"]["providers"]["vllm"]
    return model_entries(expansion, "vllm", entry, {row.id: row for row in rows})


def compiled(text: str, keys: Keys = NOBODY) -> Manifest:
    done = compile_config("folder/genesis.json5", text.encode(), keys)
    assert done.manifest is not None, done.diagnostics
    return done.manifest


def test_a_discovered_entry_has_the_defaults_and_says_so() -> None:
    (model,) = entries("", Row("org/plain", None, None))
    assert model == Model(
        id="org/plain",
        name="org/plain",
        reasoning=False,
        input=("text",),
        cost=Cost(),
        context_window=128000,
        context_window_from="default",
        max_tokens=8192,
        max_tokens_from="default",
        params={},
        headers={},
        compat=Compat(),
        parent=None,
    )


@pytest.mark.parametrize(
    ("name", "reasoning"),
    [("DeepSeek-R1", True), ("a-Reasoner", True), ("Qwen-THINKING", True), ("llama-3", False), ("r-1", False)],
)
def test_a_discovered_entry_reasons_if_its_id_says_so(name: str, reasoning: bool) -> None:  # noqa: FBT001 - a parameter
    assert [model.reasoning for model in entries("", Row(name, None, None))] == [reasoning]


def test_a_declared_entry_reasons_only_if_it_says_so() -> None:
    declared = '{ id: "r1" }, { id: "plain", reasoning: true }'
    assert [(model.id, model.reasoning) for model in entries(declared)] == [("plain", True), ("r1", False)]


@pytest.mark.parametrize(
    ("declared", "rows", "window"),
    [
        ('{ id: "m", contextWindow: 10 }', [Row("m", 20, None)], (10, "config")),
        ('{ id: "m" }', [Row("m", 20, None)], (20, "server")),
        ('{ id: "m" }', [], (128000, "default")),
        ("", [Row("m", 20, "base"), Row("base", 30, None)], (20, "server")),
        ("", [Row("m", None, "base"), Row("base", 30, None)], (30, "parent")),
        ("", [Row("m", None, "base"), Row("base", None, None)], (128000, "default")),
        ("", [Row("m", None, "gone")], (128000, "default")),
        ("", [Row("m", None, "m")], (128000, "default")),
    ],
)
def test_a_window_is_the_configurations_else_the_servers_else_the_parents_else_assumed(
    declared: str, rows: list[Row], window: tuple[int, str]
) -> None:
    model = next(model for model in entries(declared, *rows) if model.id == "m")
    assert (model.context_window, model.context_window_from) == window


@pytest.mark.parametrize(
    ("declared", "limit"),
    [
        ('{ id: "m" }', (8192, "default")),
        ('{ id: "m", contextWindow: 4096 }', (4096, "default")),
        ('{ id: "m", maxTokens: 9000 }', (9000, "config")),
    ],
)
def test_a_limit_is_the_configurations_else_what_fits_the_window(declared: str, limit: tuple[int, str]) -> None:
    (model,) = entries(declared)
    assert (model.max_tokens, model.max_tokens_from) == limit


def test_entries_are_ordered_by_id_and_declared_ones_win() -> None:
    models = entries('{ id: "b", name: "Mine" }', Row("c", 1, None), Row("b", 2, None), Row("B", 3, None))
    assert [(model.id, model.name, model.context_window) for model in models] == [
        ("B", "B", 3),
        ("b", "Mine", 2),
        ("c", "c", 1),
    ]


def test_params_are_merged_provider_model_selection_and_native_fields_left_out() -> None:
    text = """{
      models: { providers: { vllm: {
        params: { a: 1, deep: { x: 1, y: 1 }, list: [1, 2], store: true },
        models: [{ id: "m", params: { b: 2, deep: { y: 2 }, service_tier: "flex" } }],
      } } },
      agents: { defaults: { models: { "vllm/m": { params: { c: 3, deep: { z: 3 }, list: [3] } } } } },
    }"""
    done = compile_config("genesis.json5", text.encode(), NOBODY)
    assert done.manifest is not None
    assert done.manifest.providers["vllm"].models[0].params == {
        "a": 1,
        "deep": {"x": 1, "y": 2, "z": 3},
        "list": [3],
        "b": 2,
        "c": 3,
    }
    assert [finding.rule for finding in done.diagnostics] == ["native-only-param", "native-only-param"]


def test_merging_changes_none_of_its_layers() -> None:
    low, high = {"deep": {"x": 1}}, {"deep": {"y": 2}}
    assert merged(low, high) == {"deep": {"x": 1, "y": 2}}
    assert (low, high) == ({"deep": {"x": 1}}, {"deep": {"y": 2}})


def test_references_in_plain_positions_are_expanded_and_secret_ones_kept() -> None:
    text = """{
      env: { vars: { HOST: "10.0.0.5", STAGE: "test" } },
      models: { providers: { vllm: {
        baseUrl: "http://${HOST}:8000/v1/", apiKey: "$<VLLM_API_KEY>",
        headers: { b: "plain", a: "Bearer $<TOKEN:-none> $${X}" },
        models: [{ id: "${STAGE}-m", headers: { c: "${OTHER}" } }],
      } } },
      agents: { defaults: {
        model: { primary: "vllm/${STAGE}-m", fallbacks: ["vllm/test-m"] },
        models: { "vllm/test-m": { alias: "it" } },
      } },
    }"""
    done = compile_config("genesis.json5", text.encode(), NOBODY)
    assert [(finding.rule, finding.severity) for finding in done.diagnostics] == [
        ("unset-variable", "info"),
        ("unset-variable", "info"),
        ("duplicate-fallback", "warning"),
    ]
    assert done.manifest is not None
    provider = done.manifest.providers["vllm"]
    assert provider.base_url == "http://10.0.0.5:8000/v1"
    assert provider.credential == SecretRef(template="${VLLM_API_KEY}")
    assert list(provider.headers.items()) == [
        ("a", SecretRef(template="Bearer ${TOKEN:-none} $${X}")),
        ("b", SecretRef(value="plain")),
    ]
    assert provider.models[0].headers == {"c": SecretRef(template="${OTHER}")}
    assert done.manifest.selection.primary == "vllm/test-m"
    assert done.manifest.selection.fallbacks == ()
    assert done.manifest.selection.aliases == {"it": "vllm/test-m"}


@pytest.mark.parametrize(
    ("key", "ref"),
    [
        ('"EMPTY"', SecretRef(value="EMPTY")),
        ('{ source: "env", id: "MY_KEY" }', SecretRef(template="${MY_KEY}")),
        ('{ source: "file", path: "/run/secrets/key" }', SecretRef(file="/run/secrets/key")),
        ('""', None),
    ],
)
def test_each_way_to_state_a_key(key: str, ref: SecretRef | None) -> None:
    text = f'{{ models: {{ providers: {{ vllm: {{ apiKey: {key}, models: [{{ id: "m" }}] }} }} }} }}'
    assert compiled(text).providers["vllm"].credential == ref


def test_only_one_provider_is_compiled_if_only_one_is_asked_for() -> None:
    text = """{
      models: { providers: {
        b: { baseUrl: "http://127.0.0.1:1/v1", models: [] },
        a: { baseUrl: "http://127.0.0.1:2/v1", models: [{ id: "m" }] },
      } },
      agents: { defaults: {
        model: { primary: "b/x", fallbacks: ["a/m"] },
        models: { "b/*": {}, "b/x": { alias: "bx" }, "a/m": { alias: "am" } },
      } },
    }"""
    done = compile_config("genesis.json5", text.encode(), NOBODY, only="a")
    assert done.diagnostics == []
    assert done.manifest is not None
    assert list(done.manifest.providers) == ["a"]
    assert done.manifest.selection.primary is None
    assert done.manifest.selection.fallbacks == ("a/m",)
    assert done.manifest.selection.aliases == {"am": "a/m"}
    assert [made.provider for made in done.decisions] == ["a", "b"]


def test_inline_writes_values_and_misses_none() -> None:
    text = """{ models: { providers: { vllm: {
      apiKey: "${VLLM_API_KEY}", headers: { a: "Bearer ${TOKEN}" }, models: [{ id: "m", headers: { b: "${OTHER}" } }],
    } } } }"""
    keys = Keys(Variables((Layer("e", {"VLLM_API_KEY": "k", "TOKEN": "t", "OTHER": "o"}),), complete=True), {})
    done = compile_config("genesis.json5", text.encode(), keys, inline=True)
    assert done.manifest is not None
    provider = json.loads(dumps(done.manifest))["providers"]["vllm"]
    assert provider["credential"] == {"value": "k"}
    assert provider["headers"] == {"a": {"value": "Bearer t"}}
    assert provider["models"][0]["headers"] == {"b": {"value": "o"}}

    done = compile_config("genesis.json5", text.encode(), NOBODY, inline=True)
    assert done.manifest is None
    assert [(finding.rule, finding.severity) for finding in done.diagnostics] == [("unset-variable", "error")] * 3


def test_with_an_error_there_is_no_manifest_and_nobody_is_asked() -> None:
    text = """{
      models: { providers: { vllm: { baseUrl: "http://127.0.0.1:1/v1", models: [], modells: 1 } } },
      agents: { defaults: { models: { "vllm/*": {} } } },
    }"""
    done = compile_config("genesis.json5", text.encode(), NOBODY)
    assert done.manifest is None
    assert [finding.rule for finding in done.diagnostics] == ["unknown-key"]
    assert done.decisions == []


def test_the_source_is_named_without_its_folder() -> None:
    manifest = compiled("{}")
    assert manifest.source.path == "genesis.json5"
    assert manifest.providers == {}
