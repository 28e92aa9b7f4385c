"""Model entries from declarations and servers' rows, and the origin of each value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.expansion import Layer, Variables
from genesis_config.credentials.lookup import SecretRef
from genesis_config.manifest import Compat, Cost, Model
from genesis_config.manifest.params import merge_params
from genesis_config.resolve.credentials import Credentials
from genesis_config.resolve.lock import Row
from genesis_config.resolve.models import model_entries
from tests.support import compile_config, config_of

if TYPE_CHECKING:
    from random import Random

NOBODY = Credentials(Variables((Layer("the environment", {}),), complete=True), {})


def entries(declared: str = "", *rows: Row) -> tuple[Model, ...]:
    text = f"{{ models: {{ providers: {{ vllm: {{ models: [{declared}] }} }} }} }}"
    return model_entries(config_of(text, Variables()), "vllm", {row.id: row for row in rows})


def test_discovered_entry_has_the_defaults() -> None:
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
def test_discovered_entry_is_reasoning_by_its_id(name: str, reasoning: bool) -> None:  # noqa: FBT001 - a parameter
    assert [model.reasoning for model in entries("", Row(name, None, None))] == [reasoning]


def test_declared_entry_is_reasoning_only_if_set() -> None:
    declared = '{ id: "r1" }, { id: "plain", reasoning: true }'
    assert [(model.id, model.reasoning) for model in entries(declared)] == [("plain", True), ("r1", False)]


def test_minimal_declared_entry_has_the_defaults() -> None:
    (declared,) = entries('{ id: "org/plain" }')
    (discovered,) = entries("", Row("org/plain", None, None))
    assert declared == discovered


def test_declared_entry_keeps_its_values() -> None:
    (model,) = entries("""{
      id: "m", name: "Mine", reasoning: true, input: ["text", "audio"], contextWindow: 100, maxTokens: 50,
      cost: { input: 1, output: 0.5, cacheRead: 0.25 }, params: { top_k: 1 }, headers: { "X-A": "a" },
      compat: { maxTokensField: "max_completion_tokens" },
    }""")
    assert model == Model(
        id="m",
        name="Mine",
        reasoning=True,
        input=("text", "audio"),
        cost=Cost(input=1, output=0.5, cache_read=0.25, cache_write=0),
        context_window=100,
        context_window_from="config",
        max_tokens=50,
        max_tokens_from="config",
        params={"top_k": 1},
        headers={"X-A": SecretRef(value="a")},
        compat=Compat(max_tokens_field="max_completion_tokens"),
        parent=None,
    )


def test_declared_adapter_keeps_its_parent() -> None:
    rows = (Row("lora", None, "base"), Row("base", 2048, None))
    models = entries('{ id: "lora", name: "Mine", maxTokens: 7 }', *rows)
    assert [(model.id, model.name, model.parent, model.context_window_from, model.max_tokens) for model in models] == [
        ("base", "base", None, "server", 2048),
        ("lora", "Mine", "base", "parent", 7),
    ]


def test_window_is_not_inherited_from_a_grandparent() -> None:
    models = entries("", Row("c", None, "b"), Row("b", None, "a"), Row("a", 512, None))
    assert [(model.id, model.context_window, model.context_window_from) for model in models] == [
        ("a", 512, "server"),
        ("b", 512, "parent"),
        ("c", 128000, "default"),
    ]


def test_params_apply_to_discovered_models() -> None:
    text = """{
      models: { providers: { vllm: { params: { top_k: 1, seed: 3 }, models: [] } } },
      agents: { defaults: { models: { "vllm/org/m": { params: { top_k: 2 } }, "pool/org/m": { params: { x: 1 } } } } },
    }"""
    rows = {"org/m": Row("org/m", None, None), "m": Row("m", None, None)}
    models = model_entries(config_of(text, Variables()), "vllm", rows)
    assert [(model.id, model.params) for model in models] == [
        ("m", {"top_k": 1, "seed": 3}),
        ("org/m", {"top_k": 2, "seed": 3}),
    ]


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
def test_context_window_precedence(declared: str, rows: list[Row], window: tuple[int, str]) -> None:
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
def test_token_limit_is_configured_or_fits_the_window(declared: str, limit: tuple[int, str]) -> None:
    (model,) = entries(declared)
    assert (model.max_tokens, model.max_tokens_from) == limit


def test_entries_are_ordered_and_declarations_take_precedence() -> None:
    models = entries('{ id: "b", name: "Mine" }', Row("c", 1, None), Row("b", 2, None), Row("B", 3, None))
    assert [(model.id, model.name, model.context_window) for model in models] == [
        ("B", "B", 3),
        ("b", "Mine", 2),
        ("c", "c", 1),
    ]


IDS = st.sampled_from(["a", "b", "B", "org/a", "é", "r1"])
TOKENS = st.none() | st.integers(1, 300_000)


@given(
    st.dictionaries(IDS, st.tuples(TOKENS, TOKENS), max_size=4),
    st.dictionaries(IDS, st.tuples(TOKENS, st.none() | IDS), max_size=5),
    st.randoms(use_true_random=False),
)
def test_entries_are_complete_ordered_and_have_true_origins(
    declared: dict[str, tuple[int | None, int | None]],
    listed: dict[str, tuple[int | None, str | None]],
    random: Random,
) -> None:
    stated = []
    for name, numbers in declared.items():
        known = {key: value for key, value in zip(("contextWindow", "maxTokens"), numbers, strict=True) if value}
        stated.append(json.dumps({"id": name, **known}))
    rows = [Row(name, window, parent) for name, (window, parent) in listed.items()]
    models = entries(",".join(stated), *rows)

    assert [model.id for model in models] == sorted({*declared, *listed})
    for model in models:
        own_window, own_limit = declared.get(model.id, (None, None))
        row_window, parent = listed.get(model.id, (None, None))
        base_window = listed[parent][0] if parent in listed else None
        told = {"config": own_window, "server": row_window, "parent": base_window, "default": 128000}
        assert model.context_window == told[model.context_window_from]
        assert model.context_window_from == next(origin for origin, window in told.items() if window is not None)
        assert model.max_tokens == (min(8192, model.context_window) if own_limit is None else own_limit)
        assert model.max_tokens_from == ("default" if own_limit is None else "config")
        assert model.parent == parent

    random.shuffle(stated)
    random.shuffle(rows)
    assert entries(",".join(stated), *rows) == models


LAYERS = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), LAYERS, max_size=3)


@given(OBJECTS, OBJECTS, OBJECTS)
def test_later_layers_take_precedence(low: dict[str, Any], middle: dict[str, Any], high: dict[str, Any]) -> None:
    made = merge_params(low, middle, high)
    assert made == merge_params(merge_params(low, middle), high)
    assert merge_params(made, high) == made
    assert merge_params({}, low) == merge_params(low, {}) == merge_params(low, low) == low
    for key, value in high.items():
        if not isinstance(value, dict):
            assert made[key] == value


def test_params_are_merged_without_fields_never_sent() -> None:
    text = """{
      models: { providers: { vllm: {
        params: { a: 1, deep: { x: 1, y: 1 }, list: [1, 2], store: true },
        models: [{ id: "m", contextWindow: 9000,
          params: { b: 2, deep: { y: 2 }, service_tier: "flex", stream: false } }],
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
    assert [finding.rule for finding in done.diagnostics] == ["native-only-param"] * 3


def test_merging_does_not_modify_its_layers() -> None:
    low, high = {"deep": {"x": 1}}, {"deep": {"y": 2}}
    assert merge_params(low, high) == {"deep": {"x": 1, "y": 2}}
    assert (low, high) == ({"deep": {"x": 1}}, {"deep": {"y": 2}})
