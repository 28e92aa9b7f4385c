"""Where a reference ends and text begins: modifiers, escapes, each mistake and what is said of it, hostile texts."""

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


def ref(name: str, *, default: str | None = None, message: str | None = None) -> Reference:
    """Make a reference without a place."""
    return Reference(name, default, message, 0, 0)


def parts(text: str) -> list[object]:
    """Split a text; references lose their place, which is checked here: it covers what was written."""
    found: list[object] = []
    for part in parse(text):
        if isinstance(part, Reference):
            assert text[part.start : part.start + 2] in {"${", "$<"}
            assert text[part.end - 1] in "}>"
            found.append(part._replace(start=0, end=0))
        elif isinstance(part, Malformed):
            assert text[part.start : part.end] == part.text
            found.append((part.text, part.reason, part.help))
        else:
            found.append(part)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A:-}", ref("A", default="")),
        ("$<A:->", ref("A", default="")),
        ("${A:-text}", ref("A", default="text")),
        ("${A:->}", ref("A", default=">")),
        ("$<A:-}>", ref("A", default="}")),
        ("${A:-a:-b:?c}", ref("A", default="a:-b:?c")),
        ("${A:- $5 and $}", ref("A", default=" $5 and $")),
        ("${A:-$<5}", ref("A", default="$<5")),
        ("${A:-\"quoted'\n}", ref("A", default="\"quoted'\n")),
        ("${A:?}", ref("A", message="")),
        ("${A:?set it, please}", ref("A", message="set it, please")),
        ("$<A:?{why}>", ref("A", message="{why}")),
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


NO_NAME = "is no variable name: names are upper-case letters, digits and `_`"
NESTED = "a reference inside a reference's default is not expanded"


@pytest.mark.parametrize(
    ("text", "found", "reason", "help_"),
    [
        ("${}", "${}", "this reference names no variable", "write `${NAME}`, or `$${}` for the text itself"),
        ("${ }", "${ }", f"` ` {NO_NAME}", "write `${NAME}`, or `$${ }` for the text itself"),
        ("${lower}", "${lower}", f"`lower` {NO_NAME}", "write `${LOWER}`, or `$${lower}` for the text itself"),
        ("$<lower>", "$<lower>", f"`lower` {NO_NAME}", "write `${LOWER}`, or `$$<lower>` for the text itself"),
        ("${A.b-C}", "${A.b-C}", f"`A.b-C` {NO_NAME}", "write `${A_B_C}`, or `$${A.b-C}` for the text itself"),
        ("$<my-key>", "$<my-key>", f"`my-key` {NO_NAME}", "write `${MY_KEY}`, or `$$<my-key>` for the text itself"),
        ("${ A }", "${ A }", f"` A ` {NO_NAME}", "write `${A}`, or `$${ A }` for the text itself"),
        ("${Ä}", "${Ä}", f"`Ä` {NO_NAME}", "write `${NAME}`, or `$${Ä}` for the text itself"),
        ("${1A}", "${1A}", f"`1A` {NO_NAME}, and no digit first", "write `${_1A}`, or `$${1A}` for the text itself"),
        (
            "${lower:-x y}",
            "${lower:-x y}",
            f"`lower` {NO_NAME}",
            "write `${LOWER:-…}`, or `$${lower:-x y}` for the text itself",
        ),
        (
            "$<lower:?x>",
            "$<lower:?x>",
            f"`lower` {NO_NAME}",
            "write `${LOWER:?…}`, or `$$<lower:?x>` for the text itself",
        ),
        ("${A", "${A", "this reference has no closing `}`", "write `${A}`"),
        ("${", "${", "this reference has no closing `}`", "write `${NAME}`"),
        ("${A:-x", "${A:-x", "this reference has no closing `}`", "write `${A:-…}`"),
        ("$<A", "$<A", "this reference has no closing `>`", "write `${A}`"),
        ("$<A }", "$<A", "this reference has no closing `>`", "write `${A}`"),
        ('${A "b"}', "${A ", "this reference has no closing `}`", "write `${A}`"),
        ("${A:-${B}}", "${A:-${B}", NESTED, "write a plain text after `:-`, or give A a value in one place"),
        ("${A:-$<B>}", "${A:-$<B>}", NESTED, "write a plain text after `:-`, or give A a value in one place"),
        ("$<A:-$<B>>", "$<A:-$<B>", NESTED, "write a plain text after `:-`, or give A a value in one place"),
        ("$<A:-${B}>", "$<A:-${B}>", NESTED, "write a plain text after `:-`, or give A a value in one place"),
        ("${A:?${B}}", "${A:?${B}", NESTED, "write a plain text after `:?`, or give A a value in one place"),
    ],
)
def test_what_starts_like_a_reference_and_is_none_is_said_to_be(text: str, found: str, reason: str, help_: str) -> None:
    first, *rest = parts(f"-{text}")[1:]
    assert first == (found, reason, help_)
    assert "".join(map(str, rest)) == text.removeprefix(found)
    # It stays as it is: it is a finding of its own.
    resolved = resolve(text, VALUES.get)
    assert (resolved.value, resolved.problems) == (text, ())


@pytest.mark.parametrize("modifier", [":+x", ":=x", ":x", "?", "##*/"])
@pytest.mark.parametrize("brackets", ["{}", "<>"])
def test_other_modifiers_of_the_shell_are_said_to_be_none(modifier: str, brackets: str) -> None:
    text = f"${brackets[0]}A{modifier}{brackets[1]}"
    ((found, reason, help_),) = [part for part in parts(text) if isinstance(part, tuple)]
    assert found == text
    assert reason == f"`{modifier}` after a variable's name is neither a default (`:-`) nor a message (`:?`)"
    assert help_ == f"write `${{A}}` or `${{A:-…}}`, or `${text}` for the text itself"


def test_every_piece_says_which_reference_gave_it() -> None:
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
def test_anything_else_is_no_dialect(text: str) -> None:
    # A name that Genesis could not write is none: the help would be wrong.
    assert foreign_dialect(text) is None


NAMES = st.builds(
    str.__add__, st.sampled_from(string.ascii_uppercase + "_"), st.text(string.ascii_uppercase + "_09", max_size=3)
)
# Anything that the grammar knows, in any order.
TEXTS = st.lists(
    st.sampled_from(["$", "$$", "${", "$<", "}", ">", "{", "<", ":-", ":?", ":", "A", "B", "a", "1", '"', " ", "\n"])
    | st.text(max_size=3),
    max_size=14,
).map("".join)
CONTENTS = TEXTS | st.sampled_from(["", "${A}", "$<B>", "$${A}", "$", "{A}"])
VARIABLES = st.dictionaries(st.sampled_from(["A", "B", "AB"]) | NAMES, CONTENTS, max_size=4)


@given(TEXTS, VARIABLES)
def test_expansion_never_touches_what_it_produced(text: str, variables: dict[str, str]) -> None:
    # Marks that no grammar knows stand for the contents; put in afterwards, they make the same text.
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
def test_a_text_with_a_dollar_before_each_reference_is_the_text_itself(text: str, variables: dict[str, str]) -> None:
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
def test_a_hostile_megabyte_is_split_in_one_go(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    total = 0
    for part in parse(text):
        total += len(part) if isinstance(part, str) else part.end - part.start
    # An escape stands for one character less.
    assert len(text) - total <= 1
