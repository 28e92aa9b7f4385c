"""The default models of the manifest: the primary, the fallbacks and the aliases of the available providers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.manifest import Selection
from genesis_config.resolve.selection import select_models
from tests.support import config_of

NONE = Selection(primary=None, fallbacks=(), aliases={})


def selected(model: Any = None, models: Any = None, providers: tuple[str, ...] = ("a", "b")) -> Selection:
    defaults: dict[str, Any] = {} if model is None else {"model": model}
    if models is not None:
        defaults["models"] = models
    return select_models(config_of({"agents": {"defaults": defaults}}), providers)


@pytest.mark.parametrize(
    "value", [{}, {"agents": {}}, {"agents": {"defaults": {}}}, {"agents": {"defaults": {"x": 1}}}]
)
def test_no_selection_by_default(value: dict[str, Any]) -> None:
    assert select_models(config_of(value), {"a"}) == NONE


def test_string_is_the_primary() -> None:
    assert selected("a/m") == Selection(primary="a/m")


def test_object_has_the_primary_and_ordered_fallbacks() -> None:
    stated = {"primary": "a/z", "fallbacks": ["b/y", "a/x", "b/a"]}
    assert selected(stated) == Selection(primary="a/z", fallbacks=("b/y", "a/x", "b/a"))


def test_fallbacks_without_a_primary() -> None:
    assert selected({"fallbacks": ["a/m"]}) == Selection(fallbacks=("a/m",))


def test_repeated_fallback_is_left_out() -> None:
    stated = {"fallbacks": ["b/m", "a/m", "b/m", "b/n", "a/m"], "primary": "a/m"}
    assert selected(stated) == Selection(primary="a/m", fallbacks=("b/m", "b/n"))


def test_references_split_at_the_first_slash() -> None:
    stated = {"primary": "a/org/m", "fallbacks": ["org/a/m", "a/b/c/d"]}
    assert selected(stated, {"a/org/m": {"alias": "deep"}}) == Selection(
        primary="a/org/m", fallbacks=("a/b/c/d",), aliases={"deep": "a/org/m"}
    )


def test_ids_are_compared_exactly() -> None:
    assert selected({"primary": "A/m", "fallbacks": ["a/M", "a/m"]}) == Selection(fallbacks=("a/M", "a/m"))


def test_primary_without_its_provider_is_not_replaced() -> None:
    stated = {"primary": "c/m", "fallbacks": ["a/m"]}
    assert selected(stated) == Selection(primary=None, fallbacks=("a/m",))


def test_references_to_other_providers_are_left_out() -> None:
    stated = {"primary": "a/m", "fallbacks": ["b/m", "a/n"]}
    models = {"a/m": {"alias": "one"}, "b/m": {"alias": "two"}, "b/*": {}}
    assert selected(stated, models, ("a",)) == Selection(primary="a/m", fallbacks=("a/n",), aliases={"one": "a/m"})
    assert selected(stated, models, ()) == NONE


def test_aliases_are_ordered_by_code_point() -> None:
    models = {
        "a/1": {"alias": "é"},
        "a/2": {"alias": "b"},
        "a/3": {"params": {"top_p": 1}},
        "a/4": {"alias": "B"},
        "a/*": {},
        "b/5": {"alias": "\U0001f600"},
        "b/6": {"alias": "\uff5e"},
    }
    assert list(selected(None, models).aliases.items()) == [
        ("B", "a/4"),
        ("b", "a/2"),
        ("é", "a/1"),
        ("\uff5e", "b/6"),
        ("\U0001f600", "b/5"),
    ]


def test_extension_keys_select_nothing() -> None:
    assert selected(None, {"x-a/m": {"alias": "no"}, "$schema": {"alias": "no"}}, ("x-a", "$schema")) == NONE


def test_values_of_the_wrong_type_are_ignored() -> None:
    assert selected(7) == NONE
    assert selected({"primary": 7, "fallbacks": "a/m"}) == NONE
    assert selected({"primary": "m", "fallbacks": [7, None, "m", "a/", "/m", "a /m", "a/m"]}) == Selection(
        fallbacks=("a/m",)
    )
    assert selected(None, {"a/m": {"alias": 7}, "a/n": "text", "m": {"alias": "x"}}) == NONE
    assert selected(None, ["a/m"]) == NONE


REFERENCES = st.sampled_from(["a/m", "a/n", "b/m", "b/n/o", "c/m", "m", ""])


@given(
    REFERENCES | st.none(),
    st.lists(REFERENCES, max_size=8),
    st.dictionaries(REFERENCES, st.sampled_from(["x", "y", "z"]), max_size=5),
    st.sets(st.sampled_from(["a", "b", "c"])),
)
def test_selection_keeps_order_without_repeats(
    primary: str | None, fallbacks: list[str], aliases: dict[str, str], providers: set[str]
) -> None:
    stated = {"fallbacks": fallbacks} if primary is None else {"primary": primary, "fallbacks": fallbacks}
    made = selected(stated, {key: {"alias": alias} for key, alias in aliases.items()}, tuple(providers))

    usable = [text for text in fallbacks if "/" in text and text.split("/")[0] in providers]
    assert made.primary == (primary if primary and "/" in primary and primary.split("/")[0] in providers else None)
    assert list(made.fallbacks) == [text for text in dict.fromkeys(usable) if text != made.primary]
    assert list(made.aliases) == sorted(made.aliases)
    assert set(made.aliases.items()) <= {(alias, text) for text, alias in aliases.items()}
    assert all(text.split("/")[0] in providers for text in made.aliases.values())
