"""Recovery from text that is not JSON5: every error at its place, all in one run, and the rest of the text read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.syntax.support import findings, read

if TYPE_CHECKING:
    from genesis_config.syntax import Document

COMMA = "expected `,` or `}`"
HASH = "`#`"
STRING = "string"
COMMENT = "comment"
AFTER = "after the end"

TEXT = "this text must be quoted"

Findings = list[tuple[int, int, str, str]]


def assert_findings(document: Document, expected: list[tuple[str, int, int, str, str]]) -> None:
    """Compare findings by rule, line, column, underlined text and a part of the message."""
    actual = findings(document)
    assert [finding[:-1] for finding in actual] == [finding[:-1] for finding in expected]
    for finding, (*_, fragment) in zip(actual, expected, strict=True):
        assert fragment in finding.message


# The text; the findings as line, column, underlined text and a part of the message; the recovered value.
BROKEN: list[tuple[str, Findings, Any]] = [
    # Commas.
    ("{a: 1 b: 2}", [(1, 6, "", COMMA)], {"a": 1, "b": 2}),
    ("{a: 'x' 'b': 2}", [(1, 8, "", COMMA)], {"a": "x", "b": 2}),
    ("{a: 1; b: 2;}", [(1, 6, "", COMMA), (1, 12, "", COMMA)], {"a": 1, "b": 2}),
    ("{\n  a: [1\n    2],\n}", [(2, 8, "", "expected `,` or `]`")], {"a": [1, 2]}),
    ("{a: [1 -2]}", [(1, 7, "", "expected `,` or `]`")], {"a": [1, -2]}),
    ("{a: {} // c\n b: [] /* d */ c: 1}", [(1, 7, "", COMMA), (2, 7, "", COMMA)], {"a": {}, "b": [], "c": 1}),
    ("{a: 1,, b: 2}", [(1, 7, ",", "unexpected `,`")], {"a": 1, "b": 2}),
    ("{, a: [,]}", [(1, col, ",", "unexpected `,`") for col in (2, 8)], {"a": []}),
    # Several literals.
    ("{a: 'it's', b: 1,\n c: 2}", [(1, 9, "", COMMA)], {"a": "it", "c": 2}),
    ("{a: 'x'yz', b: 1,\n c: 2}", [(1, 8, "", COMMA)], {"a": "x", "c": 2}),
    ("{a: 'x' + 'y', b: 1}", [(1, 8, "", COMMA)], {"a": "x", "b": 1}),
    ("{a: 1 : 2, b: 1 / 2, c: 3}", [(1, 6, "", COMMA), (1, 16, "", COMMA)], {"a": 1, "b": 1, "c": 3}),
    ("['a': 1, 'b']", [(1, 5, "", "expected `,` or `]`")], ["a", "b"]),
    # Not a value.
    ("{a: \u201cx y\u201d, b: \u2018z\u2019}",
     [(1, 5, "\u201cx", "`\u201c`"), (1, 15, "\u2018z\u2019", "`\u2018`")],
     {"a": None, "b": None}),
    ("{a: (, b: 1}", [(1, 5, "(", "expected a value, found `(`")], {"a": None, "b": 1}),
    ("module.exports = {a: 1}", [(1, 1, "module.exports", "expected `{`")], None),
    ("<<<<<<< HEAD\n{a: 1}", [(1, 1, "<<<<<<<", "expected `{`")], None),
    # Keys and colons.
    ("{a = 1, b: 2}", [(1, 4, "=", "expected `:` after this key")], {"a": 1, "b": 2}),
    ("{'a' 1, b 'x'}", [(1, 6, "1", "expected `:` after this key"), (1, 11, "'", "expected `:` after this key")],
     {"a": 1, "b": "x"}),
    ("{a b /* , } */ {c: [1, '}']}, d: 1}", [(1, 4, "b", "expected `:` after this key")], {"a": None, "d": 1}),
    ('{a b // } ,\n, c: [], d x /* , *** } **/ "}", e: 1}',
     [(1, 4, "b", "expected `:` after this key"), (2, 12, "x", "expected `:` after this key")],
     {"a": None, "c": [], "d": None, "e": 1}),
    ("{a b\u2028c: 1,\rd e // }\u2029f: 2}",
     [(1, 4, "b", "expected `:` after this key"), (3, 3, "e", "expected `:` after this key")],
     {"a": None, "c": 1, "d": None, "f": 2}),
    ("{1\u2028c: 1,\r2 // }\u2029f: 2}",
     [(1, 2, "1", "expected a key"), (3, 1, "2", "expected a key")], {"c": 1, "f": 2}),
    ("{a b 'x\\\r\n, ', c: 1}", [(1, 4, "b", "expected `:` after this key")], {"a": None, "c": 1}),
    ("{a-b: 1, c.d = 2, 1x: 3}",
     [(1, 2, "a-b", "this key must be quoted"), (1, 10, "c.d", "this key must be quoted"),
      (1, 14, "=", "expected `:` after this key"), (1, 19, "1x", "this key must be quoted")],
     {"a-b": 1, "c.d": 2, "1x": 3}),
    ("{1, b: 2}", [(1, 2, "1", "expected a key")], {"b": 2}),
    ("{[1, {}]: 2, b: 3}", [(1, 2, "[", "expected a key, found `[`")], {"b": 3}),
    ("{...a, b: 1}", [(1, 2, "...a", "expected a key")], {"b": 1}),
    ("{a: 1,\n 2\n b: 3}", [(2, 2, "2", "expected a key")], {"a": 1, "b": 3}),
    # No value.
    ("{a}", [(1, 2, "a", "this key has no value")], {"a": None}),
    ("{'a', b: 1}", [(1, 2, "'a'", "this key has no value")], {"a": None, "b": 1}),
    ("{a:, b: \n}", [(1, 2, "a", "this key has no value"), (1, 6, "b", "this key has no value")],
     {"a": None, "b": None}),
    ("{\n a:\n b: 1}", [(2, 2, "a", "this key has no value")], {"a": None, "b": 1}),
    ("{\n a: // c\r 'b': 1}", [(2, 2, "a", "this key has no value")], {"a": None, "b": 1}),
    ("{a:\u2028b:\u2029c: 1}", [(1, 2, "a", "this key has no value"), (2, 1, "b", "this key has no value")],
     {"a": None, "b": None, "c": 1}),
    ("{\n a\n b: 1}", [(2, 2, "a", "this key has no value")], {"a": None, "b": 1}),
    ("{a = }", [(1, 4, "=", "expected `:` after this key")], {"a": None}),
    ("{a:: 1, b: 2}", [(1, 4, ":", "expected a value, found `:`")], {"a": None, "b": 2}),
    # Words.
    ("{a: True, b: None, c: off}",
     [(1, 5, "True", "`True`"), (1, 14, "None", "`None`"),
      (1, 23, "off", "`off`")],
     {"a": None, "b": None, "c": None}),
    ("{a: foo bar 1 'x' {}, b: [x y, 1]}", [(1, 5, "foo", TEXT), (1, 27, "x", TEXT)],
     {"a": None, "b": [None, 1]}),
    ("{a: foo\n b: bar//c, d: 1\n}", [(1, 5, "foo", TEXT), (2, 5, "bar", TEXT)], {"a": None, "b": None}),
    ("{a:\n http://x:80/v1?b=c#d, b: 1}", [(2, 2, "http://x:80/v1?b=c#d", TEXT)],
     {"a": None, "b": 1}),
    ("{a: ${A:-b}, b: http://${HOST}:8/v1, c: $D}",
     [(1, 5, "${A:-b}", TEXT), (1, 17, "http://${HOST}:8/v1", TEXT),
      (1, 41, "$D", TEXT)],
     {"a": None, "b": None, "c": None}),
    ("{a: x/y\ufeff, b: z\ufeff}", [(1, 5, "x/y", TEXT), (1, 14, "z", TEXT)], {"a": None, "b": None}),
    ("{a: #fff, b: `x`, c: \\u0041}",
     [(1, 5, "#fff", TEXT), (1, 14, "`x`", TEXT), (1, 22, "\\u0041", TEXT)],
     {"a": None, "b": None, "c": None}),
    ("{a: 01, b: 131_072, c: 5s, d: 1.2.3, e: +, f: 10.0.0.1:80}",
     [(1, 5, "01", "not a valid number"), (1, 12, "131_072", "not a valid number"),
      (1, 24, "5s", "not a valid number"), (1, 31, "1.2.3", "not a valid number"),
      (1, 41, "+", "not a valid number"), (1, 47, "10.0.0.1:80", "not a valid number")],
     dict.fromkeys("abcdef")),
    # Strings.
    ("{a: 'x,\n b: \"y,\n c: 1}", [(1, 5, "'x,", STRING), (2, 5, '"y,', STRING)], {"a": None, "b": None, "c": 1}),
    ("{a: ['x],\n 'y']}", [(1, 6, "'x],", STRING)], {"a": [None, "y"]}),
    ("{'a: 1,\n b: 2}", [(1, 2, "'a: 1,", STRING)], {"b": 2}),
    ("'abc", [(1, 1, "'abc", STRING)], None),
    ("{a: '\\x4g\\u12\\1', b: \"\\\r\n\\x\"}",
     [(1, 6, "\\x4g", "not a valid escape"), (1, 10, "\\u12", "not a valid escape"),
      (1, 14, "\\1", "not a valid escape"), (2, 1, "\\x", "not a valid escape")],
     {"a": "\ufffd\ufffd\ufffd", "b": "\ufffd"}),
    ("{'\\xa': 1}", [(1, 3, "\\xa", "not a valid escape")], {"\ufffd": 1}),
    # Comments.
    ("{a: 1 /* x\n}", [(1, 7, "/*", COMMENT)], {"a": 1}),
    ("{a: foo /* x\n}", [(1, 5, "foo", TEXT), (1, 9, "/*", COMMENT)], {"a": None}),
    ("{a b {} /* x\n, c: 1}", [(1, 4, "b", "expected `:` after this key"), (1, 9, "/*", COMMENT)], {"a": None}),
    ("{1 {/* x\n, c: 1}}", [(1, 2, "1", "expected a key"), (1, 5, "/*", COMMENT)], {}),
    ("#!/bin/x {\n# it's\n{a: 1} # }\n#", [(line, col, "#", HASH) for line, col in ((1, 1), (2, 1), (3, 8), (4, 1))],
     {"a": 1}),
    ("{#a: {\n b #\n: # 1,\n 2 # c\n, # '\u2028 c: [ # ]\r]}",
     [(line, col, "#", HASH) for line, col in ((1, 2), (2, 4), (3, 3), (4, 4), (5, 3), (6, 7))],
     {"b": 2, "c": []}),
    ("{a: 1 # c\n b: 2, d-e # f\n: 3}",
     [(1, 7, "#", HASH), (1, 6, "", COMMA), (2, 12, "#", HASH), (2, 8, "d-e", "this key must be quoted")],
     {"a": 1, "b": 2, "d-e": 3}),
    # Brackets.
    ("{a: [1, 2}", [(1, 10, "}", "expected `]` before this `}`")], {"a": [1, 2]}),
    ("{a: [{b: 1], c: 2}", [(1, 11, "]", "expected `}` before this `]`")], {"a": [{"b": 1}], "c": 2}),
    ("{a: 1]}", [(1, 6, "]", "expected `}` before this `]`")], {"a": 1}),
    ("{a: 1]b: 2}", [(1, 6, "]", "expected `}` before this `]`")], {"a": 1, "b": 2}),
    ("{a: {b: [1", [(1, 9, "[", "`[` is never closed")], {"a": {"b": [1]}}),
    ("{a: 'x}", [(1, 5, "'x}", STRING), (1, 1, "{", "`{` is never closed")], {"a": None}),
    # Around the root.
    ("", [(1, 1, "", "is empty")], None),
    ("\ufeff\n\u2003", [(1, 1, "", "is empty")], None),
    ("\n// x\n", [(1, 1, "", "only comments")], None),
    ("/*", [(1, 1, "/*", COMMENT)], None),
    ("models: {}", [(1, 1, "", "expected `{` before the first key")], None),
    ("// x\n 'a-b' // y\n: 1", [(2, 2, "", "expected `{` before the first key")], None),
    ("}", [(1, 1, "}", "expected a value, found `}`")], None),
    (", {}", [(1, 1, ",", "expected a value, found `,`")], None),
    ("{}}", [(1, 3, "}", "unmatched `}`")], {}),
    ("{a: 1}\nfoo bar", [(2, 1, "foo", AFTER)], {"a": 1}),
    ("{a: 1}, {}", [(1, 7, ",", AFTER)], {"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "recovered"), BROKEN, ids=[ascii(row[0]) for row in BROKEN])
def test_an_error_is_reported_at_its_place_and_the_rest_is_read(
    text: str, expected: Findings, recovered: object
) -> None:
    document = read(text)
    assert_findings(document, [("syntax", *finding) for finding in expected])
    assert document.value == recovered


@pytest.mark.parametrize(
    ("text", "expected", "recovered"),
    [
        (
            "{a: NaN, b: -1e999}",
            [
                ("non-finite-number", 1, 5, "NaN", "number"),
                ("non-finite-number", 1, 13, "-1e999", "number"),
            ],
            {"a": None, "b": None},
        ),
        (
            "{a: '🦙 \\ud83e \\ud83e\\udd99 \\uDD99'}",
            [
                ("lone-surrogate", 1, 8, "\\ud83e", "surrogate"),
                ("lone-surrogate", 1, 28, "\\uDD99", "surrogate"),
            ],
            {"a": "🦙 \ufffd 🦙 \ufffd"},
        ),
        (
            "{a: 1, b: 2, 'a': 3, \\u0061: 4}",
            [
                ("duplicate-key", 1, 14, "'a'", "`a`"),
                ("duplicate-key", 1, 22, "\\u0061", "`a`"),
            ],
            {"a": 4, "b": 2},
        ),
        (
            "{a: {x: 1, x: 2}, b: {x: 3}, a: foo}",
            [
                ("duplicate-key", 1, 12, "x", "`x`"),
                ("syntax", 1, 33, "foo", "this text must be quoted"),
                ("duplicate-key", 1, 30, "a", "`a`"),
            ],
            {"a": None, "b": {"x": 3}},
        ),
        *(
            (text, [("wrong-type", 2, 1, text[1:-2], kind)], root)
            for text, kind, root in [
                ("\n[1, {}]\n ", "an array", [1, {}]),
                ("\n'{}'\n ", "a string", "{}"),
                ("\ntrue\n ", "a boolean", True),
                ("\n-1.5\n ", "a number", -1.5),
                ("\nnull\n ", "null", None),
            ]
        ),
        (
            "[foo]",
            [
                ("syntax", 1, 2, "foo", "this text must be quoted"),
                ("wrong-type", 1, 1, "[foo]", "an array"),
            ],
            [None],
        ),
        (
            "[{a: 1, a: 2}]",
            [
                ("duplicate-key", 1, 9, "a", "`a`"),
                ("wrong-type", 1, 1, "[{a: 1, a: 2}]", "an array"),
            ],
            [{"a": 2}],
        ),
        ("NaN", [("non-finite-number", 1, 1, "NaN", "number")], None),
    ],
    ids=ascii,
)
def test_what_json5_allows_but_a_configuration_does_not(text: str, expected: list[Any], recovered: object) -> None:
    document = read(text)
    assert_findings(document, expected)
    assert document.value == recovered


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("{a: True}", "write `true`"),
        ("{a: no}", "write `false`"),
        ("{a: undefined}", "write `null`"),
        ("{a: x/y}", '`"…"`'),
        ("{a-b: 1}", '`"…"`'),
        ("{a = 1}", "write `:` instead of `=`"),
        ("{a 1}", "write `:`"),
        ("{a}", "a value after the key"),
        ("{a: 1 b: 2}", "commas"),
        ('{a: "x" "y", b: 2}', "commas"),
        ("{a: 'x\n}", "close it with '"),
        ("{a: 0777}", "leading zeros"),
        ("{a: '\\x'}", "write `\\\\` for a backslash"),
        ("{a: '\\ud800'}", "both of its surrogates"),
        ("{a: NaN}", "write a finite number"),
        ("{\n\na: 1,\n", "line 4 without its `}`"),
        ("{a: 1, a: 1}", "the last one is used"),
        ("a: 1", "enclose its keys in `{` and `}`"),
        ("", "`genesis init`"),
    ],
)
def test_a_finding_comes_with_help(text: str, fragment: str) -> None:
    assert fragment in (read(text).diagnostics[0].help or "")


def test_a_mismatched_bracket_shows_the_one_that_was_opened() -> None:
    (finding,) = read("{a: [\n1}").diagnostics
    (related,) = finding.related
    assert (related.message, related.span.start, related.span.end) == ("opened here", 4, 5)


@pytest.mark.parametrize(
    ("text", "damaged", "sound"),
    [
        ("{a: foo, b: 1}", [("a",)], [("b",), ()]),
        ("{a: 'x\n, b: 'ok'}", [("a",)], [("b",), ()]),
        ("{a: '\\ud83e', b: '\\x'}", [("a",), ("b",)], [()]),
        ("{a: NaN, b: [1, Infinity]}", [("a",), ("b", 1)], [("b",), ("b", 0), ()]),
        ("{a:, b, c: 1}", [("a",), ("b",)], [("c",), ()]),
        ("{a:: 1, b: ;, c: 1}", [("a",), ("b",)], [("c",)]),
        ("{a: {2, x: 1}, b: 1}", [("a",)], [("a", "x"), ("b",), ()]),
        ("{a: [1, 2}", [("a",)], [("a", 0), ()]),
        ("{a: [1, {b: 2}", [(), ("a",)], [("a", 1), ("a", 1, "b")]),
        ("{a: {b: 1 /*", [(), ("a",)], [("a", "b")]),
        ("{a: 1 b: 2}", [], [("a",), ("b",), ()]),
        ("{a: 1, a: 2}", [], [("a",), ()]),
    ],
)
def test_values_that_could_not_be_read_as_intended_are_marked(text: str, damaged: list[Any], sound: list[Any]) -> None:
    # Later stages do not report them: such findings would be consequences of the syntax error.
    document = read(text)
    assert [path for path in damaged if not document.is_damaged(path)] == []
    assert [path for path in sound if document.is_damaged(path)] == []


LINES = [
    "a: 'x",
    "b: foo,",
    "c 1,",
    "d: 0x, g: 1_0,",
    "e: [1 2],",
    "f: 1, # g",
    "1,",
    "h: 1 2,",
    "'\\x': 1,",
    "j: NaN,",
    "k: 1,",
]


@given(st.sampled_from(["\n", "\r", "\r\n"]), st.lists(st.sampled_from(LINES), unique=True))
def test_errors_on_separate_lines_are_reported_as_if_each_were_alone(end: str, lines: list[str]) -> None:
    alone = [
        finding._replace(line=number)
        for number, line in enumerate(lines, start=2)
        for finding in findings(read(f"{{\n{line}\nz: 1}}"))
    ]
    document = read(end.join(["{", *lines, "z: 1}"]))
    assert findings(document) == alone
    assert document.value["z"] == 1
