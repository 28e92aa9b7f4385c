"""Where a reference ends and text begins: modifiers, escapes, mistakes and their explanations, hostile texts."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.syntax.references import (
    Malformed,
    Piece,
    Reference,
    foreign_dialect,
    parse,
    resolve,
)

VALUES = {"A": "one", "B_2": "two", "_": "three", "EMPTY": "", "LOOP": "${LOOP}$<A>$${A}"}


def reference(name: str, *, default: str | None = None, message: str | None = None) -> Reference:
    """Create a reference without a place."""
    return Reference(name, default, message, 0, 0)


def parts(text: str) -> list[object]:
    """Split a text and remove the places of references, after checking that they cover the whole reference."""
    split: list[object] = []
    for part in parse(text):
        if isinstance(part, Reference):
            assert text[part.start : part.start + 2] in {"${", "$<"}
            assert text[part.end - 1] in "}>"
            split.append(part._replace(start=0, end=0))
        elif isinstance(part, Malformed):
            assert text[part.start : part.end] == part.text
            split.append((part.text, part.reason, part.help))
        else:
            split.append(part)
    return split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A:-}", reference("A", default="")),
        ("$<A:->", reference("A", default="")),
        ("${A:-text}", reference("A", default="text")),
        ("${A:->}", reference("A", default=">")),
        ("$<A:-}>", reference("A", default="}")),
        ("${A:-a:-b:?c}", reference("A", default="a:-b:?c")),
        ("${A:- $5 and $}", reference("A", default=" $5 and $")),
        ("${A:-$<5}", reference("A", default="$<5")),
        ("${A:-\"quoted'\n}", reference("A", default="\"quoted'\n")),
        ("${A:?}", reference("A", message="")),
        ("${A:?set it, please}", reference("A", message="set it, please")),
        ("$<A:?{why}>", reference("A", message="{why}")),
    ],
)
def test_a_modifier_is_a_default_or_a_message_up_to_the_closing_bracket(text: str, expected: Reference) -> None:
    assert parts(text) == [expected]
    assert parts(f"<{text}>") == ["<", expected, ">"]


@pytest.mark.parametrize(
    "text", ["$", "$$", "$ {A}", "$5", "$A", "{A}", "a$", "$(A)", "$[A]", "$<>", "$<5>", "$< A>", "A}", "%A%", "$$A"]
)
def test_a_dollar_that_starts_neither_is_text(text: str) -> None:
    assert "".join(str(part) for part in parts(text)) == text
    assert all(isinstance(part, str) for part in parts(text))
    assert resolve(text, VALUES.get) == (text, (Piece(text, None),), ())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$${A}", "${A}"),
        ("$$<A>", "$<A>"),
        ("$${A:-x}", "${A:-x}"),
        ("$${A:-${B}}", "${A:-${B}}"),
        ("$${lower}", "${lower}"),
        ("$${", "${"),
        ("$$${A}", "$${A}"),
        ("$$$${A}", "$$${A}"),
        ("$${A}${A}", "${A}one"),
        ("${A}$${A}", "one${A}"),
        ("$${A}}", "${A}}"),
    ],
)
def test_a_second_dollar_before_a_reference_makes_it_text(text: str, value: str) -> None:
    resolved = resolve(text, VALUES.get)
    assert (resolved.value, resolved.problems) == (value, ())


INVALID = "not a valid variable name"
UNCLOSED = "missing its closing"
NESTED = "inside another reference"


@pytest.mark.parametrize(
    ("text", "written", "reason", "suggestions"),
    [
        ("${}", "${}", "has no variable name", ["`${NAME}`", "`$${}`"]),
        ("${ }", "${ }", f"` ` is {INVALID}", ["`${NAME}`", "`$${ }`"]),
        ("${lower}", "${lower}", f"`lower` is {INVALID}", ["`${LOWER}`", "`$${lower}`"]),
        ("$<lower>", "$<lower>", f"`lower` is {INVALID}", ["`${LOWER}`", "`$$<lower>`"]),
        ("${A.b-C}", "${A.b-C}", f"`A.b-C` is {INVALID}", ["`${A_B_C}`", "`$${A.b-C}`"]),
        ("$<my-key>", "$<my-key>", f"`my-key` is {INVALID}", ["`${MY_KEY}`", "`$$<my-key>`"]),
        ("${ A }", "${ A }", f"` A ` is {INVALID}", ["`${A}`", "`$${ A }`"]),
        ("${Ä}", "${Ä}", f"`Ä` is {INVALID}", ["`${NAME}`", "`$${Ä}`"]),
        ("${1A}", "${1A}", f"`1A` is {INVALID}", ["`${_1A}`", "`$${1A}`"]),
        (
            "${lower:-x y}",
            "${lower:-x y}",
            f"`lower` is {INVALID}",
            ["`${LOWER:-…}`", "`$${lower:-x y}`"],
        ),
        (
            "$<lower:?x>",
            "$<lower:?x>",
            f"`lower` is {INVALID}",
            ["`${LOWER:?…}`", "`$$<lower:?x>`"],
        ),
        ("${A", "${A", UNCLOSED + " `}`", ["`${A}`"]),
        ("${", "${", UNCLOSED + " `}`", ["`${NAME}`"]),
        ("${A:-x", "${A:-x", UNCLOSED + " `}`", ["`${A:-…}`"]),
        ("$<A", "$<A", UNCLOSED + " `>`", ["`${A}`"]),
        ("$<A }", "$<A", UNCLOSED + " `>`", ["`${A}`"]),
        ('${A "b"}', "${A ", UNCLOSED + " `}`", ["`${A}`"]),
        ("${A:-${B}}", "${A:-${B}", NESTED, ["`:-`", "set A"]),
        ("${A:-$<B>}", "${A:-$<B>}", NESTED, ["`:-`", "set A"]),
        ("$<A:-$<B>>", "$<A:-$<B>", NESTED, ["`:-`", "set A"]),
        ("$<A:-${B}>", "$<A:-${B}>", NESTED, ["`:-`", "set A"]),
        ("${A:?${B}}", "${A:?${B}", NESTED, ["`:?`", "set A"]),
    ],
)
def test_a_mistake_is_explained_and_kept_as_text(text: str, written: str, reason: str, suggestions: list[str]) -> None:
    malformed, *rest = parts(f"-{text}")[1:]
    assert isinstance(malformed, tuple)
    assert malformed[0] == written
    assert reason in malformed[1]
    assert [suggestion for suggestion in suggestions if suggestion not in malformed[2]] == []
    assert "".join(map(str, rest)) == text.removeprefix(written)
    resolved = resolve(text, VALUES.get)
    assert (resolved.value, resolved.problems) == (text, ())


@pytest.mark.parametrize("modifier", [":+x", ":=x", ":x", "?", "##*/"])
@pytest.mark.parametrize("brackets", ["{}", "<>"])
def test_other_modifiers_of_the_shell_are_not_valid(modifier: str, brackets: str) -> None:
    text = f"${brackets[0]}A{modifier}{brackets[1]}"
    ((written, reason, help_),) = [part for part in parts(text) if isinstance(part, tuple)]
    assert written == text
    assert f"`{modifier}` is not a valid modifier" in reason
    assert "`${A}` or `${A:-…}`" in help_
    assert f"`${text}`" in help_


def test_every_piece_has_the_reference_that_it_comes_from() -> None:
    assert [
        (piece.text, piece.reference and piece.reference.name) for piece in resolve("a${A}$${A}", VALUES.get)[1]
    ] == [
        ("a", None),
        ("one", "A"),
        ("${A}", None),
    ]
    (piece,) = resolve("$<GONE:-text>", VALUES.get).pieces
    assert piece == Piece("text", Reference("GONE", "text", None, 0, 13))


@pytest.mark.parametrize(
    "text",
    [
        *["NAME", "$", "$5 ", "$$NAME", "${NAME}", "$<NAME>", "$NAME ", " $NAME", "a$NAME", "$NAME/v1", "$NAME\n"],
        *["os.environ/", "os.environ", "os.environ/A-B", "os.environ/1", "openai", "{{}}", "{{ a b }}", "{{1}}"],
        *["{NAME}", "{{NAME}} x", "%", "%%", "%name%", "%NAME", "100%", "$é", "{{ключ}}", "os.environ/ключ"],
    ],
)
def test_anything_else_is_not_a_known_dialect(text: str) -> None:
    # Names that a Genesis reference cannot contain are not recognized either: the help would be wrong.
    assert foreign_dialect(text) is None


NAMES = st.builds(
    str.__add__, st.sampled_from(string.ascii_uppercase + "_"), st.text(string.ascii_uppercase + "_09", max_size=3)
)
# The tokens of the grammar, in any order.
TEXTS = st.lists(
    st.sampled_from(["$", "$$", "${", "$<", "}", ">", "{", "<", ":-", ":?", ":", "A", "B", "a", "1", '"', " ", "\n"])
    | st.text(max_size=3),
    max_size=14,
).map("".join)
CONTENTS = TEXTS | st.sampled_from(["", "${A}", "$<B>", "$${A}", "$", "{A}"])
VARIABLES = st.dictionaries(st.sampled_from(["A", "B", "AB"]) | NAMES, CONTENTS, max_size=4)


@given(TEXTS, VARIABLES)
def test_expanded_values_are_never_expanded_again(text: str, variables: dict[str, str]) -> None:
    # Marks that the grammar does not know replace the contents. Replaced afterwards, they yield the same text.
    marks = {name: f"\ue000{index}\ue001" for index, name in enumerate(variables) if variables[name]}
    marked = resolve(text, lambda name: marks.get(name, variables.get(name)))
    resolved = resolve(text, variables.get)
    assert [problem.kind for problem in resolved.problems] == [problem.kind for problem in marked.problems]
    expected = marked.value
    if expected is None:
        assert resolved.value is None
        return
    pieces = [
        variables[p.reference.name] if p.reference and p.text in marks.values() else p.text for p in marked.pieces
    ]
    assert resolved.value == "".join(pieces)


@given(TEXTS, VARIABLES)
def test_a_dollar_before_each_reference_escapes_all_of_them(text: str, variables: dict[str, str]) -> None:
    escaped, written, done = "", "", 0
    for part in parse(text):
        if isinstance(part, str):
            written += part
        else:
            escaped += f"{text[done : part.start]}${text[part.start : part.end]}"
            written += text[part.start : part.end]
            done = part.end
    resolved = resolve(escaped + text[done:], variables.get)
    assert (resolved.value, resolved.problems) == (written, ())


@pytest.mark.parametrize(
    "piece",
    ["${A:-", "$<A:-", '${A:-"', "$<A:?'", "${", "$<a", "$", "$<a-", "${A:-$", "$<A:-$<", "$${", "$<a:$<a:", "${A:-$x"],
)
def test_a_hostile_megabyte_is_split_in_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    total = 0
    for part in parse(text):
        total += len(part) if isinstance(part, str) else part.end - part.start
    # An escape yields one character less than it has.
    assert len(text) - total <= 1
