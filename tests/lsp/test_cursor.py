"""The cursor in a text that is being typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.lsp.cursor import Cursor, cursor_at
from tests.lsp.support import split_cursor


def locate(marked: str) -> tuple[Cursor | None, str]:
    """Return the cursor, and the text that a completion would replace."""
    text, offset = split_cursor(marked)
    cursor = cursor_at(text, offset)
    return cursor, text[cursor.start : cursor.end] if cursor else ""


@pytest.mark.parametrize(
    ("text", "path", "typed"),
    [
        ("{|", (), ""),
        ("{ mo|", (), "mo"),
        ("{ mo|dels: {} }", (), "models"),
        ("{ |'mo' }", (), ""),
        ("{ 'mo|' }", (), "'mo'"),
        ("{ 'mo|\n}", (), "'mo"),
        ("{ models: { | } }", ("models",), ""),
        ("{ models: { providers: { vllm: { a: 1, | } } } }", ("models", "providers", "vllm"), ""),
        ("{ models: { providers: { vllm: { models: [{}, { i|", ("models", "providers", "vllm", "models", 1), "i"),
        ("{ a: [1, [2, {b: {}}, {|}", ("a", 1, 2), ""),
        # What is missing while typing: the comma, the value, the closing bracket.
        ("{ models: {}\n a|", (), "a"),
        ("{ env: {\n  vars\n  x|", ("env",), "x"),
        ("{ env: { vars:\n  a|: 1 } }", ("env",), "a"),
        ("{ a: { b: [1, 2 }, b|", (), "b"),
        ("{ /* { */ a: '{', // {\n |", (), ""),
    ],
)
def test_a_key_comes_next(text: str, path: tuple[str | int, ...], typed: str) -> None:
    cursor, replaced = locate(text)
    assert cursor is not None
    assert (cursor.is_key, cursor.path, replaced) == (True, path, typed)


@pytest.mark.parametrize(
    ("text", "path", "typed"),
    [
        ("{ a: |", ("a",), ""),
        ("{ a:|}", ("a",), ""),
        ("{ a: tr|, b: 1 }", ("a",), "tr"),
        ("{ a: 'x|y' }", ("a",), "'xy'"),
        ("{ a: 'x| } ]", ("a",), "'x"),
        ("{ a:\n  |\n}", ("a",), ""),
        ("{ 'a': [|", ("a", 0), ""),
        ("{ a: ['x', 'y|", ("a", 1), "'y"),
        ("{ a: ['x'\n 'y|'] }", ("a", 1), "'y'"),
        ("{ a: vllm/mod|", ("a",), "vllm/mod"),
        ("{ a: { b: 1 }, c: { d: |", ("c", "d"), ""),
    ],
)
def test_a_value_comes_next(text: str, path: tuple[str | int, ...], typed: str) -> None:
    cursor, replaced = locate(text)
    assert cursor is not None
    assert (cursor.is_key, cursor.path, replaced) == (False, path, typed)


@pytest.mark.parametrize(
    "text",
    [
        "|",
        "a|",
        "{ // a|\n }",
        "{ /* a| */ }",
        "{ /* a|",
        "{ a: 1 |}",
        "{ a: 'x'| }",
        "{ a |",
        "{} |",
        "[{ { a|",
        "{ a: { b: [ } } |",
    ],
)
def test_nothing_can_be_completed(text: str) -> None:
    assert locate(text)[0] is None


def test_the_surroundings_of_the_cursor() -> None:
    cursor, _ = locate("{ a: 1, b|: 2, c: 3 }")
    assert cursor is not None
    assert (cursor.colon, cursor.comma, cursor.keys, cursor.opens) == (True, False, frozenset("a"), 0)
    cursor, _ = locate("{ a: 1, b|\n c: 3 }")
    assert cursor is not None
    assert (cursor.colon, cursor.comma) == (False, True)
    cursor, _ = locate("{ b| // the last one\n }")
    assert cursor is not None
    assert (cursor.colon, cursor.comma) == (False, False)


@given(st.text(alphabet="{}[]:,'\"\\/*\n a", max_size=40), st.integers(0, 40))
def test_any_text_has_a_cursor_or_none(text: str, offset: int) -> None:
    cursor = cursor_at(text, min(offset, len(text)))
    if cursor is not None:
        assert cursor.start <= min(offset, len(text)) <= cursor.end
        # The replaced text is on the line of the cursor.
        assert "\n" not in text[cursor.end : offset] + text[offset : cursor.end]
