"""The typed configuration: values of the right type can be read, others are absent, and all have a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config import keys
from genesis_config.config.defaults import (
    DEFAULT_BASE_URL,
    DEFAULT_CONTEXT_WINDOW,
    DEFAULT_MAX_TOKENS,
    IMPLICIT_PROVIDERS,
)
from genesis_config.config.expansion import Layer, Variables
from genesis_config.config.views import Config, Object, Place, Provider, split_ref
from tests.support import config_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = ("agents", "defaults", "model")
COMPLETE = Variables((Layer("the environment", {"NAME": "llama"}),), complete=True)


def defaults(**sections: Any) -> dict[str, Any]:
    return {"agents": {"defaults": sections}}


def provider_of(value: Any, variables: Variables = Variables()) -> Provider:  # noqa: B008 - immutable
    provider = config_of({"models": {"providers": {"vllm": value}}}, variables).provider("vllm")
    assert provider is not None
    return provider


def text_of(place: Place) -> str:
    source, start, end = place.span
    return source.text[start:end]


def test_defaults_of_vllm() -> None:
    assert DEFAULT_BASE_URL == "http://127.0.0.1:8000/v1"
    assert IMPLICIT_PROVIDERS == {"vllm": DEFAULT_BASE_URL}
    assert (DEFAULT_CONTEXT_WINDOW, DEFAULT_MAX_TOKENS) == (128000, 8192)


@pytest.mark.parametrize("key", ["x-note", "x-", "$schema", "$include"])
def test_extension_keys(key: str) -> None:
    assert keys.is_extension(key)


@pytest.mark.parametrize("key", ["X-Note", "x", "$"])
def test_other_keys_are_not_extensions(key: str) -> None:
    assert not keys.is_extension(key)


def test_providers_are_objects_in_order_without_extensions() -> None:
    entries: dict[str, Any] = {"z": {}, "a": {"api": 1}, "x-old": {}, "$include": {}, "wrong": [], "none": None}
    config = config_of({"models": {"providers": entries}})
    assert [(provider.id, provider.value) for provider in config.providers] == [("z", {}), ("a", {"api": 1})]
    assert config.provider("a") is config.providers[1]
    assert config.provider("wrong") is None
    assert config.declares("wrong")
    assert not config.declares("vllm")


def test_properties_of_a_provider() -> None:
    provider = provider_of(
        {
            "baseUrl": "http://10.0.0.5/v1",
            "api": "openai-completions",
            "headers": {"X-Team": "research", "X-Wrong": 3},
            "params": {"top_p": 1},
            "timeoutSeconds": 30,
            "maxConnections": 8.0,
            "models": [{}, {"id": "llama"}],
        }
    )
    assert (provider.base_url, provider.api) == ("http://10.0.0.5/v1", "openai-completions")
    assert [(header.name, header.value) for header in provider.headers] == [("X-Team", "research"), ("X-Wrong", None)]
    assert [text_of(header.place) for header in provider.headers] == ['"research"', "3"]
    assert (provider.params, provider.timeout_seconds, provider.max_connections) == ({"top_p": 1}, 30, 8)
    assert ([model.index for model in provider.models], provider.model_count) == ([1], 2)
    assert provider.api_key is None


def test_value_of_the_wrong_type_is_absent() -> None:
    wrong = dict.fromkeys(("baseUrl", "api", "headers", "params", "timeoutSeconds", "maxConnections", "models"), True)
    provider = provider_of(wrong | {"apiKey": 3})
    assert (provider.base_url, provider.api, provider.api_key, provider.model_count) == (None, None, None, None)
    assert (provider.timeout_seconds, provider.max_connections) == (None, None)
    assert (dict(provider.params), list(provider.headers), provider.models) == ({}, [], ())
    assert provider.sets(keys.BASE_URL)


def test_properties_of_a_model() -> None:
    (model,) = provider_of(
        {
            "models": [
                {
                    "id": "a/b",
                    "name": "A",
                    "reasoning": True,
                    "input": ["text", 3],
                    "cost": {"input": 0.5, "output": True},
                    "contextWindow": 8192,
                    "maxTokens": 64,
                    "params": {"top_p": 1},
                    "headers": {"X-A": "b"},
                    "compat": {"maxTokensField": "max_tokens"},
                }
            ]
        }
    ).models
    assert (model.id, model.name, model.reasoning, model.reference) == ("a/b", "A", True, "vllm/a/b")
    assert (model.input, model.cost) == (("text",), {"input": 0.5})
    assert (model.context_window, model.max_tokens, model.max_tokens_field) == (8192, 64, "max_tokens")
    assert (model.params, [header.name for header in model.headers]) == ({"top_p": 1}, ["X-A"])
    assert model.path == ("models", "providers", "vllm", "models", 0)


def test_properties_of_a_model_without_settings() -> None:
    for value in ({"id": ""}, {"id": "", "contextWindow": "8192", "maxTokens": True, "input": "text", "compat": []}):
        (model,) = provider_of({"models": [value]}).models
        assert (model.name, model.reasoning, model.input, model.cost) == (None, None, None, {})
        assert (model.context_window, model.max_tokens, model.max_tokens_field) == (None, None, None)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("sk-1", ("sk-1", None, None)),
        ("${NAME}", ("${NAME}", None, None)),
        ({"source": "env", "id": "NAME", "path": "a"}, (None, "NAME", None)),
        ({"source": "file", "id": "NAME", "path": "a"}, (None, None, "a")),
        ({"source": "env"}, (None, None, None)),
        ({"source": "file", "path": 3}, (None, None, None)),
    ],
)
def test_key_is_a_string_or_an_object(value: Any, key: tuple[str | None, ...]) -> None:
    found = provider_of({"apiKey": value}, COMPLETE).api_key
    assert found is not None
    assert (found.written, found.variable, found.file) == key


@pytest.mark.parametrize(("value", "has"), [("a", True), ("", False), (" \n", False), ({"source": "env"}, True)])
def test_whitespace_is_not_a_key(value: Any, has: bool) -> None:  # noqa: FBT001 - a table
    assert provider_of({"apiKey": value}).has_api_key is has


def test_string_with_unresolved_references_is_absent() -> None:
    value = {"baseUrl": "http://${HOST}/v1", "models": [{"id": "${NAME}"}]}
    provider = provider_of(value)
    assert (provider.base_url, provider.models[0].id, provider.models[0].has_known_id) == (None, "${NAME}", False)
    provider = provider_of(value, COMPLETE)
    assert (provider.base_url, provider.models[0].id, provider.models[0].has_known_id) == (None, "llama", True)
    written = Config.written(provider.config.document).providers[0]
    assert (written.base_url, written.models[0].id) == ("http://${HOST}/v1", "${NAME}")


def test_views_know_their_places() -> None:
    config = config_of("{ models: { providers: { vllm: { baseUrl: 'u', models: [3, { id: 'a' }] } } } }")
    (provider,) = config.providers
    assert text_of(provider.at(keys.BASE_URL)) == "'u'"
    assert text_of(provider.at(keys.BASE_URL).key) == "baseUrl"
    assert str(provider.at(keys.BASE_URL)) == "models.providers.vllm.baseUrl"
    assert text_of(provider.place.key) == "vllm"
    assert text_of(provider.models[0].place) == "{ id: 'a' }"
    # The place of a missing value is the object that lacks it.
    assert text_of(provider.models[0].at(keys.NAME)) == "{ id: 'a' }"


def test_selected_models_are_objects_without_extensions() -> None:
    config = config_of(defaults(models={"a/b": {"alias": "x", "params": {"n": 1}}, "x-note": {}, "c/*": {}, "d/e": 3}))
    first, second = config.selection.entries
    assert (first.reference.text, first.alias, first.params) == ("a/b", "x", {"n": 1})
    assert (second.reference.text, second.alias, second.reference.is_wildcard) == ("c/*", None, True)
    assert text_of(second.reference.place) == '"c/*"'
    entry = config.selection.entry("a/b")
    assert entry is not None
    assert entry.value is first.value
    assert config.selection.entry("a/c") is None


def test_wildcard_makes_only_its_own_provider_dynamic() -> None:
    config = config_of({**defaults(models={"vllm/*": {}, "pool/a": {}}), "models": {"providers": {"vllm": {}}}})
    assert config.is_dynamic("vllm")
    assert config.providers[0].is_dynamic
    assert not any(config.is_dynamic(name) for name in ("pool", "vll", "", "vllm/*"))
    assert not config_of({}).is_dynamic("vllm")


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
def test_model_reference_is_split_at_the_first_slash(reference: str, split: tuple[str, str] | None) -> None:
    assert split_ref(reference) == split


@given(st.text())
def test_parts_of_a_split_reference_join_to_the_reference(text: str) -> None:
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
def test_references_start_with_the_primary_and_have_paths(
    selection: Any, refs: list[tuple[tuple[str | int, ...], str]]
) -> None:
    found = config_of(defaults(model=selection)).selection
    assert [(reference.path, reference.text) for reference in found.references] == refs
    primary = () if found.primary is None else (found.primary,)
    assert (*primary, *found.fallbacks) == found.references
    assert all(reference.is_fallback is ("fallbacks" in reference.path) for reference in found.references)


def test_named_and_needed_providers() -> None:
    config = config_of(
        {
            "models": {"providers": {"z": {}}},
            **defaults(model={"primary": "a/m", "fallbacks": ["wrong"]}, models={"b/m": {}, "c/*": {}}),
        }
    )
    assert config.named_providers == ["a", "b", "c", "z"]
    assert [(name, reference.text) for name, reference in config.needed_providers] == [("a", "a/m"), ("c", "c/*")]


def test_auth_profiles() -> None:
    profiles = {"x-note": {"provider": "vllm"}, "b": {"provider": "vllm"}, "a": {"provider": "pool"}, "c": 3}
    auth = config_of({"auth": {"profiles": profiles, "order": {"vllm": ["b", 3], "pool": "a"}}}).auth
    assert (auth.profile_ids, auth.profiles_of("vllm")) == (("b", "a", "c"), ["b"])
    assert (auth.order("vllm"), auth.order("pool"), auth.order("z")) == (["b"], None, None)


def test_declared_variables_are_strings() -> None:
    assert config_of({"env": {"vars": {"A": "b", "C": 3}}}).variables == {"A": "b"}


def test_views_are_created_once() -> None:
    config = config_of({"models": {"providers": {"vllm": {"models": [{"id": "a"}]}}}, **defaults(model="vllm/a")})
    assert config.providers[0] is config.providers[0]
    assert config.providers[0].models[0] is config.providers[0].models[0]
    assert config.selection.references[0] is config.selection.references[0]


WORDS = st.sampled_from(
    [
        *("models", "providers", "agents", "defaults", "model", "primary", "fallbacks", "vllm", "id", "x-a", "vllm/*"),
        *("apiKey", "baseUrl", "headers", "params", "alias", "auth", "order", "profiles", "env", "vars", "source"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=15,
)
# Objects where a configuration has objects, so that their contents are read.
SECTIONS = ANYTHING | st.builds(
    lambda provider, model, selected, auth: {
        "models": {"providers": {"vllm": provider, "pool": {"models": [model, {"id": "${NAME}", "cost": model}]}}},
        "agents": {"defaults": {"model": selected, "models": selected}},
        "auth": auth,
        "env": auth,
    },
    ANYTHING,
    ANYTHING,
    ANYTHING,
    ANYTHING,
)


def views(config: Config) -> Iterator[Object]:
    yield from config.providers
    for provider in config.providers:
        yield from provider.models
    yield from config.selection.entries


@given(SECTIONS)
def test_every_property_of_every_value_can_be_read(value: Any) -> None:
    config = config_of([value] if isinstance(value, str) else value)
    for view in (config, config.selection, config.auth, *views(config), *config.references):
        for name in dir(type(view)):
            if not name.startswith("_") and isinstance(getattr(type(view), name), property):
                getattr(view, name)
    for provider in config.providers:
        if provider.api_key is not None:
            assert provider.api_key.written is None or provider.api_key.variable is None


@given(SECTIONS)
def test_path_of_a_view_leads_to_its_value(value: Any) -> None:
    config = config_of([value] if isinstance(value, str) else value, Variables())

    def found(path: tuple[str | int, ...]) -> Any:
        there: Any = config.value
        for part in path:
            there = there[part]
        return there

    for view in views(config):
        assert view.value is found(view.path)
        assert view.place.span == config.document.value_span(view.path)
    for reference in config.selection.references:
        assert reference.text == found(reference.path)
    for provider in config.providers:
        for header in (*provider.headers, *(header for model in provider.models for header in model.headers)):
            assert header.value is None or header.value == found(header.place.path)
