"""The grammar of references: what is one, what is none, and that resolving is one pass."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.syntax.references import (
    NAME,
    Malformed,
    Reference,
    canonical,
    foreign_dialect,
    names,
    parse,
    resolve,
)

VARIABLES = {"A": "1", "B_2": "two", "_C": "${A}", "EMPTY": ""}

NO_NAME = "`{}` is no variable name: names are upper-case letters, digits and `_`"

variable_names = st.from_regex(NAME, fullmatch=True)
# Text that is made of what references are made of.
texts = st.text(st.sampled_from("$${}<>:-?AB_c1 \\"), max_size=30) | st.text(max_size=30)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${A}", "1"),
        ("$<A>", "1"),
        ("x${A}y$<B_2>z", "x1ytwoz"),
        ("${A}${A}", "11"),
        ("${_C}", "${A}"),
        ("${NOPE:-text}", "text"),
        ("$<NOPE:-text>", "text"),
        ("${EMPTY:-text}", "text"),
        ("${NOPE:-}", ""),
        ("${NOPE:-a:-b?c}", "a:-b?c"),
        ("${NOPE:-a>b}", "a>b"),
        ("$<NOPE:-a}b>", "a}b"),
        ("${A:-text}", "1"),
        ("${A:?message}", "1"),
        ("${EMPTY}", ""),
        ("$${A}", "${A}"),
        ("$$<A>", "$<A>"),
        ("$${A}${A}", "${A}1"),
        ("$$${A}", "$${A}"),
        ("$", "$"),
        ("$$", "$$"),
        ("5$ or $5", "5$ or $5"),
        ("$A", "$A"),
        ("a < b $ > c", "a < b $ > c"),
        ("${A", "${A"),
        ("${}", "${}"),
        ("${lower}", "${lower}"),
        ("${A B}", "${A B}"),
        ("${1A}", "${1A}"),
    ],
)
def test_a_string_has_this_value(text: str, value: str) -> None:
    assert resolve(text, VARIABLES.get).value == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${NOPE}", "unset"),
        ("$<NOPE>", "unset"),
        ("${NOPE:?say so}", "unset"),
        ("${EMPTY:?say so}", "empty"),
        ("${EMPTY}", "blank"),
    ],
)
def test_what_has_no_value_says_whether_it_is_unset_or_empty(text: str, problem: str) -> None:
    resolved = resolve(f"before {text} after", VARIABLES.get)
    assert [each.kind for each in resolved.problems] == [problem]
    assert (resolved.value is None) == (problem != "blank")
    reference = resolved.problems[0].reference
    assert f"before {text} after"[reference.start : reference.end] == text
    assert reference.message == ("say so" if "say so" in text else None)


def test_all_that_are_missing_are_told_at_once() -> None:
    problems = resolve("${X} $<Y> ${Z:-there} ${W}", VARIABLES.get).problems
    assert [each.reference.name for each in problems] == ["X", "Y", "W"]


@pytest.mark.parametrize(
    ("text", "reason", "help_"),
    [
        ("${lower}", NO_NAME.format("lower"), "write `${LOWER}`, or `$${lower}` for the text itself"),
        ("$<lower>", NO_NAME.format("lower"), "write `${LOWER}`, or `$$<lower>` for the text itself"),
        ("${my-key}", NO_NAME.format("my-key"), "write `${MY_KEY}`, or `$${my-key}` for the text itself"),
        ("${}", "this reference names no variable", "write `${NAME}`, or `$${}` for the text itself"),
        ("${A", "this reference has no closing `}`", "write `${A}`"),
        ("$<A", "this reference has no closing `>`", "write `${A}`"),
        (
            "${A:-${B}}",
            "a reference inside a reference's default is not expanded",
            "write a plain text after `:-`, or give A a value in one place",
        ),
    ],
)
def test_what_starts_like_a_reference_and_is_none_is_explained(text: str, reason: str, help_: str) -> None:
    found = [part for part in parse(f"a{text}") if isinstance(part, Malformed)]
    assert [(part.reason, part.help, part.start) for part in found] == [(reason, help_, 1)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("$HOME", "HOME"),
        ("$vllm_key", "vllm_key"),
        ("os.environ/VLLM_API_KEY", "VLLM_API_KEY"),
        ("{{VLLM_API_KEY}}", "VLLM_API_KEY"),
        ("{{ env.VLLM_API_KEY }}", "VLLM_API_KEY"),
        ("%VLLM_API_KEY%", "VLLM_API_KEY"),
        ("${HOME}", None),
        ("$<HOME>", None),
        ("$${HOME}", None),
        ("price: $HOME", None),
        ("$5", None),
        ("100%", None),
        ("{{a}} and {{b}}", None),
        ("openai", None),
        ("", None),
    ],
)
def test_a_whole_string_in_another_dialect_is_told(text: str, name: str | None) -> None:
    assert foreign_dialect(text) == name


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Bearer $<TOKEN>", "Bearer ${TOKEN}"),
        ("$<A:-x>$<B:?y>", "${A:-x}${B:?y}"),
        ("$<A:-}>", "$<A:-}>"),
        ("$${A} $$<A> ${lower} $", "$${A} $$<A> ${lower} $"),
    ],
)
def test_one_spelling_is_written(text: str, written: str) -> None:
    assert canonical(text) == written


@given(texts, st.dictionaries(variable_names, st.text(max_size=10)))
def test_the_parts_of_a_string_are_all_of_it(text: str, variables: dict[str, str]) -> None:
    done = 0
    for part in parse(text):
        if isinstance(part, str):
            written = part if text.startswith(part, done) else f"${part}"
            assert text.startswith(written, done)
            done += len(written)
        else:
            assert part.start == done
            done = part.end
    assert done == len(text)
    resolved = resolve(text, variables.get)
    assert (resolved.value is None) == any(each.kind != "blank" for each in resolved.problems)
    if resolved.value is not None:
        assert resolved.value == "".join(piece.text for piece in resolved.pieces)


@given(st.lists(st.tuples(texts, variable_names), max_size=4), st.dictionaries(variable_names, texts))
def test_what_a_variable_contains_is_never_expanded(parts: list[tuple[str, str]], values: dict[str, str]) -> None:
    text = "".join(f" {before} ${{{name}}}" for before, name in parts)
    for piece in resolve(text, lambda name: values.get(name, "${A}$<B>${C:-d}")).pieces:
        if isinstance(piece.reference, Reference) and piece.reference.default is None:
            assert piece.text == values.get(piece.reference.name, "${A}$<B>${C:-d}")


@given(texts, st.dictionaries(variable_names, st.text(max_size=10)))
def test_both_spellings_mean_the_same(text: str, values: dict[str, str]) -> None:
    written = canonical(text)
    assert names(written) == names(text)
    assert resolve(written, values.get).value == resolve(text, values.get).value
    assert canonical(written) == written


@given(variable_names)
def test_an_escape_is_the_text_itself(name: str) -> None:
    assert re.fullmatch(NAME, name)
    for reference in (f"${{{name}}}", f"$<{name}>"):
        assert resolve(f"${reference}", {name: "x"}.get).value == reference
        assert names(f"${reference}") == []
