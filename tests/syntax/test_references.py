"""The grammar of references: what is one, what is not, and resolution in a single pass."""

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

variable_names = st.from_regex(NAME, fullmatch=True)
# Text made of the parts of references.
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
def test_a_problem_says_whether_the_variable_is_unset_or_empty(text: str, problem: str) -> None:
    resolved = resolve(f"before {text} after", VARIABLES.get)
    assert [found.kind for found in resolved.problems] == [problem]
    assert (resolved.value is None) == (problem != "blank")
    reference = resolved.problems[0].reference
    assert f"before {text} after"[reference.start : reference.end] == text
    assert reference.message == ("say so" if "say so" in text else None)


def test_all_missing_variables_are_reported_at_once() -> None:
    problems = resolve("${X} $<Y> ${Z:-there} ${W}", VARIABLES.get).problems
    assert [problem.reference.name for problem in problems] == ["X", "Y", "W"]


@pytest.mark.parametrize(
    ("text", "reason", "suggestions"),
    [
        ("${lower}", "`lower`", ["`${LOWER}`", "`$${lower}`"]),
        ("$<lower>", "`lower`", ["`${LOWER}`", "`$$<lower>`"]),
        ("${my-key}", "`my-key`", ["`${MY_KEY}`", "`$${my-key}`"]),
        ("${}", "no variable name", ["`${NAME}`", "`$${}`"]),
        ("${A", "closing `}`", ["`${A}`"]),
        ("$<A", "closing `>`", ["`${A}`"]),
        ("${A:-${B}}", "not expanded", ["`:-`", "set A"]),
    ],
)
def test_a_malformed_reference_is_explained(text: str, reason: str, suggestions: list[str]) -> None:
    (malformed,) = [part for part in parse(f"a{text}") if isinstance(part, Malformed)]
    assert malformed.start == 1
    assert reason in malformed.reason
    assert [suggestion for suggestion in suggestions if suggestion not in malformed.help] == []


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
def test_a_whole_string_in_another_dialect_is_recognized(text: str, name: str | None) -> None:
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
def test_references_are_written_in_one_spelling(text: str, written: str) -> None:
    assert canonical(text) == written


@given(texts, st.dictionaries(variable_names, st.text(max_size=10)))
def test_the_parts_of_a_string_add_up_to_the_string(text: str, variables: dict[str, str]) -> None:
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
    assert (resolved.value is None) == any(problem.kind != "blank" for problem in resolved.problems)
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
