"""The tolerant view of a configuration: what has the right type is given, what has not is passed over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.defaults import DEFAULT_CONTEXT_WINDOW, DEFAULT_MAX_TOKENS
from genesis_config.config.lookup import (
    DEFAULT_BASE_URL,
    IMPLICIT_PROVIDERS,
    ModelRef,
    declared_models,
    extension,
    is_dynamic,
    mapping,
    model_refs,
    providers,
    selected_entries,
    split_ref,
)
from genesis_config.net.policy import NATIVE_ONLY

MODEL = ("agents", "defaults", "model")


def defaults(**sections: Any) -> dict[str, Any]:
    return {"agents": {"defaults": sections}}


def test_the_facts_about_vllm() -> None:
    assert DEFAULT_BASE_URL == "http://127.0.0.1:8000/v1"
    assert IMPLICIT_PROVIDERS == {"vllm": DEFAULT_BASE_URL}
    assert (DEFAULT_CONTEXT_WINDOW, DEFAULT_MAX_TOKENS) == (128000, 8192)
    assert sorted(NATIVE_ONLY) == ["prompt_cache_key", "prompt_cache_retention", "service_tier", "store"]


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("x-note", True),
        ("x-", True),
        ("$schema", True),
        ("$include", True),
        ("X-Note", False),
        ("x", False),
        ("$", False),
    ],
)
def test_extensions_are_keys_that_anybody_may_add(key: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    assert extension(key) is allowed


def test_an_object_is_found_by_its_keys_and_anything_else_is_an_empty_one() -> None:
    value = {"a": {"b": {"c": 1}, "d": [2]}}
    assert mapping(value, "a", "b") == {"c": 1}
    assert mapping(value) is value
    for keys in (("a", "d"), ("a", "b", "c"), ("a", "b", "c", "e"), ("z",), ("z", "b")):
        assert mapping(value, *keys) == {}
    assert mapping([1]) == mapping(None, "a") == mapping("a", "a") == {}


def test_providers_are_the_objects_that_are_no_extensions_in_order() -> None:
    entries: dict[str, Any] = {"z": {}, "a": {"api": 1}, "x-old": {}, "$include": {}, "wrong": [], "none": None}
    assert list(providers({"models": {"providers": entries}})) == [("z", {}), ("a", {"api": 1})]


def test_declared_models_are_those_with_an_id_by_their_place() -> None:
    models = [{"id": "a"}, {}, {"id": 3}, "b", None, {"id": ""}, {"id": "a"}]
    assert list(declared_models({"models": models})) == [(0, {"id": "a"}), (5, {"id": ""}), (6, {"id": "a"})]
    for wrong in ({}, {"models": {"id": "a"}}, {"models": "a"}, {"models": None}):
        assert list(declared_models(wrong)) == []


def test_selected_entries_are_the_objects_that_are_no_extensions() -> None:
    entries = {"a/b": {"alias": "x"}, "x-note": {}, "c/*": {}, "d/e": 3}
    assert list(selected_entries(defaults(models=entries))) == [("a/b", {"alias": "x"}), ("c/*", {})]


def test_a_wildcard_keeps_its_own_provider_dynamic() -> None:
    value = defaults(models={"vllm/*": {}, "pool/a": {}})
    assert is_dynamic(value, "vllm")
    assert not any(is_dynamic(value, name) for name in ("pool", "vll", "", "vllm/*"))
    assert not is_dynamic({}, "vllm")


@pytest.mark.parametrize(
    ("reference", "split"),
    [
        ("vllm/llama", ("vllm", "llama")),
        ("vllm/meta/llama-3", ("vllm", "meta/llama-3")),
        ("vllm//", ("vllm", "/")),
        ("a/b c", ("a", "b c")),
        ("vllm", None),
        ("/llama", None),
        ("vllm/", None),
        ("/", None),
        ("", None),
        (" vllm/llama", None),
        ("vllm /llama", None),
        ("vllm/ llama", None),
        ("vllm/llama\n", None),
    ],
)
def test_a_reference_to_a_model_splits_at_the_first_slash(reference: str, split: tuple[str, str] | None) -> None:
    assert split_ref(reference) == split


@given(st.text())
def test_a_split_reference_is_the_whole_reference(text: str) -> None:
    split = split_ref(text)
    if split is not None:
        assert "/".join(split) == text
        assert "/" not in split[0]


@pytest.mark.parametrize(
    ("selection", "refs"),
    [
        ("a/b", [(MODEL, "a/b")]),
        ("", [(MODEL, "")]),
        ({"primary": "a/b"}, [((*MODEL, "primary"), "a/b")]),
        (
            {"fallbacks": ["c/d", 3, "e"], "primary": "a/b"},
            [
                ((*MODEL, "primary"), "a/b"),
                ((*MODEL, "fallbacks", 0), "c/d"),
                ((*MODEL, "fallbacks", 2), "e"),
            ],
        ),
        ({"primary": 1, "fallbacks": "c/d"}, []),
        ({}, []),
        (["a/b"], []),
        (None, []),
    ],
)
def test_references_to_models_come_primary_first_with_their_paths(
    selection: Any, refs: list[tuple[tuple[str | int, ...], str]]
) -> None:
    assert list(model_refs(defaults(model=selection))) == [ModelRef(*ref) for ref in refs]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["models", "providers", "agents", "defaults", "model", "primary", "fallbacks", "vllm", "id", "x-a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(ANYTHING)
def test_no_type_is_too_wrong_to_be_looked_at(value: Any) -> None:
    for name, provider in providers(value):
        assert value["models"]["providers"][name] is provider
        for index, model in declared_models(provider):
            assert provider["models"][index] is model
    for ref in model_refs(value):
        found = value
        for part in ref.path:
            found = found[part]
        assert found == ref.text
    assert all(value["agents"]["defaults"]["models"][name] is entry for name, entry in selected_entries(value))
    assert is_dynamic(value, "vllm") is ("vllm/*" in mapping(value, "agents", "defaults", "models"))
