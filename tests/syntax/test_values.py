"""The reader compared with the `json5` library: what is JSON5, what is not, and what it means."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

import json5
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.syntax.support import (
    LINE_ENDS,
    WHITESPACE,
    documents,
    findings,
    names,
    numbers,
    read,
    rules,
    strings,
    value,
)

NOT_JSON5: Final = object()

# Insertions that break a text or change its meaning.
PIECES = [
    *"{}[],:\"'\\/*#+-.;=0123456789eExXuabfnrtv_$ \t\n\r",
    *("//", "/*", "*/", "Infinity", "NaN", "null", "true", "\\x41", "\\\n", "\\\r\n", "0x", "1e", "''"),
    # Whitespace only to Python; only to JSON5; letters only to UAX 31; a mark; a connector; outside the BMP.
    *("\x85", "\x1f", "\u2028", "\ufeff", "\xa0", "\u2118", "\xb7", "\u0301", "\u203f", "\u200c", "é", "🦙", "\0"),
]


def reference(text: str) -> Any:
    """Parse a text with the library."""
    try:
        return json5.loads(text)
    except ValueError:
        return NOT_JSON5


def same(ours: Any, theirs: Any) -> bool:
    """Return whether two values are the same; a float with an integral value is an int in ours, with all its digits."""
    if isinstance(theirs, dict):
        keys = isinstance(ours, dict) and list(ours) == list(theirs)
        return keys and all(same(item, theirs[key]) for key, item in ours.items())
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if type(theirs) is float and type(ours) is int:
        return float(ours) == theirs
    return type(ours) is type(theirs) and bool(ours == theirs)


def assert_agreement(text: str) -> None:
    """Assert that both read the text as the same value, or that neither accepts it."""
    theirs = reference(text)
    document = read(text)
    actual = findings(document)
    syntax = [finding for finding in actual if finding.rule == "syntax"]
    # The known difference in what is accepted: a key with an escape that does not encode a letter.
    if theirs is not NOT_JSON5 and all("\\u" in finding.text and "quoted" in finding.message for finding in syntax):
        syntax = []
    assert bool(syntax) == (theirs is NOT_JSON5)
    if {finding.rule for finding in actual} <= {"duplicate-key", "wrong-type"}:
        assert same(document.value, theirs)


@settings(max_examples=120)
@given(documents())
def test_valid_json5_is_read_as_the_library_reads_it(text: str) -> None:
    assert set(rules(text)) <= {"duplicate-key"}
    assert reference(text) is not NOT_JSON5
    assert_agreement(text)


@settings(max_examples=120)
@given(
    documents().filter(lambda text: len(text) < 200),
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 2), st.sampled_from(PIECES) | st.just("")), min_size=1, max_size=3
    ),
)
def test_broken_text_is_broken_to_both(text: str, changes: list[tuple[int, int, str]]) -> None:
    for place, length, piece in changes:
        text = text[:place] + piece + text[place + length :]
    assert_agreement(text)


@settings(max_examples=400)
@given(
    st.sampled_from([("{a:", "}"), ("{a:[", "]}"), ("{", ":1}"), ("{a:1", "}"), ("", "{}"), ("{}", "")]),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
)
def test_short_token_sequences_mean_the_same_to_both(around: tuple[str, str], text: str) -> None:
    assert_agreement(around[0] + text + around[1])


@given(numbers())
def test_an_integral_number_is_exact_and_any_other_is_the_nearest_double(literal: str) -> None:
    hexadecimal = "x" in literal.lower()
    exact = Fraction(int(literal, 16)) if hexadecimal else Fraction(literal)
    number = value(f"{{a: {literal}}}")["a"]
    if exact.denominator == 1:
        assert type(number) is int
        assert number == exact
    else:
        assert type(number) is float
        assert number == float(exact)


@given(strings())
def test_a_string_means_the_same_as_a_key_and_as_a_value(literal: str) -> None:
    text = value(f"{{a: {literal}}}")["a"]
    assert value(f"{{{literal}: 1}}") == {text: 1}
    assert value(f"{{a: [{literal},]}}")["a"] == [text] == reference(f"[{literal}]")


@given(names())
def test_an_identifier_needs_no_quotes(name: str) -> None:
    assert value(f"{{{name}: 1}}") == reference(f"{{{name}: 1}}")
    assert value(f"{{ /**/ {name}\n: 1}}") == value(f"{{{name}: 1}}")


@given(st.text(max_size=20))
def test_json_is_json5(text: str) -> None:
    literal = json5.dumps(text, quote_keys=True)
    assert value(f'{{"a":{literal}}}') == {"a": text}


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("-123456789012345678", -123456789012345678),
        ("1234567890123456789012345678901234567890", 1234567890123456789012345678901234567890),
        ("0x1F", 31),
        ("-0Xff", -255),
        ("+0x0", 0),
        (".5", 0.5),
        ("-.5e1", -5),
        ("5.", 5),
        ("5.e1", 50),
        ("1.25e+2", 125),
        ("125e-3", 0.125),
        ("0.1", 0.1),
        ("'it\"s'", 'it"s'),
        ('"it\'s"', "it's"),
        (r"'\b\f\n\r\t\v\0\'\"\\\/\a\🦙'", "\b\f\n\r\t\v\0'\"\\/a🦙"),
        (r"'\x41\xe9\u0041\u00E9\ufffd'", "AéAé\ufffd"),
        (r"'\0a\x0aa\u0041b'", "\0a\naAb"),
        ("'a\\\nb\\\r\nc\\\rd\\\u2028e\\\u2029f'", "abcdef"),
        ("'a\u2028b\u2029c\td\0'", "a\u2028b\u2029c\td\0"),
        ("'// no comment /* nor this */'", "// no comment /* nor this */"),
        ("[]", []),
        ("{}", {}),
        ("[1,[2,],]", [1, [2]]),
        ("{a:{b:[{}]},}", {"a": {"b": [{}]}}),
        ("/**/1/***//****/", 1),
        ("//\r1//\u2028//\u2029", 1),
    ],
)
def test_a_value(literal: str, expected: object) -> None:
    actual = value(f"{{a: {literal}}}")["a"]
    assert type(actual) is type(expected)
    assert actual == expected
    assert value(f"{{a: [{literal}]}}")["a"] == [expected]
    assert same(actual, reference(literal))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a", "a"),
        ("$", "$"),
        ("_1$", "_1$"),
        ("null", "null"),
        ("Infinity", "Infinity"),
        ("ünïcödé", "ünïcödé"),
        ("e\u0301", "e\u0301"),
        ("a\u203fb", "a\u203fb"),
        ("a\u0663", "a\u0663"),
        ("a\u200c\u200d", "a\u200c\u200d"),
        ("\u2160", "\u2160"),
        ("中文", "中文"),
        ("\U00020000", "\U00020000"),
        (r"\u0061b\u0063", "abc"),
        (r"\u005f\u0024", "_$"),
        ("''", ""),
        ('"a-b.c d"', "a-b.c d"),
        (
            r"'\x41\u0042\
'",
            "AB",
        ),
    ],
)
def test_a_key(key: str, name: str) -> None:
    assert value(f"{{{key}: 1}}") == {name: 1} == reference(f"{{{key}: 1}}")


@pytest.mark.parametrize("space", [*WHITESPACE, *LINE_ENDS, "//x\n", "/**/", "/* * / // \r\n */", " \t\n"], ids=ascii)
def test_whitespace_and_comments_are_allowed_between_any_two_tokens(space: str) -> None:
    tokens = ["{", "a", ":", "true", ",", "'b'", ":", "[", "1", ",", "'s'", ",", "]", ",", "c", ":", "{", "}", "}"]
    text = "".join(space + token for token in tokens) + space
    assert value(text) == {"a": True, "b": [1, "s"], "c": {}} == reference(text)


@pytest.mark.parametrize(
    "literal",
    [
        *("", "+", "-", ".", "e5", ".e5", "1e", "1e+", "0x", "0xg", "01", "-01", "00", "1_000", "1.2.3", "0x1.8", "1n"),
        *("+-1", "- 1", "+\n1", "--1", "1 2", "0b1", "0o7", "\u0663", "infinity", "nan", "-null", "Infinit", "NaNs"),
        *("True", "undefined", "yes", "nulls", "nul", "truefalse", "a", "'", '"', "'a\nb'", "'a\rb'", "`a`", "'a' 'b'"),
        *(r"'\x4'", r"'\xg0'", r"'\u123'", r"'\u{41}'", r"'\1'", r"'\9'", r"'\00'", r"'\u'", "'\\", r"'\'"),
        *(
            "[",
            "]",
            "[,]",
            "[1,,2]",
            "[1 2]",
            "[1",
            "{",
            "}",
            "{,}",
            "{b}",
            "{b:}",
            "{:1}",
            "{b 1}",
            "{b:1,,}",
            "{b:1;}",
        ),
        *("{1:2}", "{b-c:1}", "{b.c:1}", "{\u0301:1}", "{\u200cb:1}", "{\u2118:1}", "{b\xb7:1}", "{null\x85:1}"),
        *("/", "/*", "/*/", "/* */ */", "//", "# 1", "1 # c", "1\x1f", "1\x85", "1\u180e", "1\u200b", "\\u0031"),
    ],
)
def test_not_a_value(literal: str) -> None:
    text = f"{{a: {literal}}}"
    assert reference(text) is NOT_JSON5
    assert set(rules(text)) == {"syntax"}


@pytest.mark.parametrize("text", ["", " ", "\ufeff", "// only this", "{} {}", "{},", "{}}", "{}]", "a: 1", "{a: 1"])
def test_not_a_document(text: str) -> None:
    assert reference(text) is NOT_JSON5
    assert rules(text) == ["syntax"]


# Where the reader and the library differ: the text, the library's value, our findings, our value.
DIFFERENCES = [
    # ECMAScript 5.1 §7.6: an escape in an identifier must encode a character that is allowed there.
    (r"{\u0040: 1}", {"@": 1}, ["syntax"], {r"\u0040": 1}),
    (r"{a\u002d: 1}", {"a-": 1}, ["syntax"], {r"a\u002d": 1}),
    (r"{\ud83e\udd99: 1}", {"\ud83e\udd99": 1}, ["syntax"], {r"\ud83e\udd99": 1}),
    # An integral number is an exact int, however it is written.
    ("{a: 128e3}", {"a": 128000.0}, [], {"a": 128000}),
    ("{a: 1.0}", {"a": 1.0}, [], {"a": 1}),
    ("{a: -0.0}", {"a": 0.0}, [], {"a": 0}),
    ("{a: 0e99999999999999999999}", {"a": 0.0}, [], {"a": 0}),
    ("{a: 1e-99999999999999999999}", {"a": 0.0}, [], {"a": 0}),
    ("{a: 9007199254740993.0}", {"a": 9007199254740992.0}, [], {"a": 9007199254740993}),
    ("{a: 1e22}", {"a": 1e22}, [], {"a": 10**22}),
    ("{a: 1.7e308}", {"a": 1.7e308}, [], {"a": 17 * 10**307}),
    # JSON cannot represent these.
    ("{a: Infinity}", {"a": math.inf}, ["non-finite-number"], {"a": None}),
    ("{a: +Infinity}", {"a": math.inf}, ["non-finite-number"], {"a": None}),
    ("{a: -Infinity}", {"a": -math.inf}, ["non-finite-number"], {"a": None}),
    ("{a: 1e309}", {"a": math.inf}, ["non-finite-number"], {"a": None}),
    ("{a: -2e400, b: 1}", {"a": -math.inf, "b": 1}, ["non-finite-number"], {"a": None, "b": 1}),
    # Surrogates: a pair is one character, half a pair is not a character.
    (r"{a: '\ud83e\udd99'}", {"a": "\ud83e\udd99"}, [], {"a": "🦙"}),
    (r"{a: '\ud83e'}", {"a": "\ud83e"}, ["lone-surrogate"], {"a": "\ufffd"}),
    (r"{a: '\udd99\ud83e'}", {"a": "\udd99\ud83e"}, ["lone-surrogate"] * 2, {"a": "\ufffd\ufffd"}),
    (r"{'\ud83ex': 1}", {"\ud83ex": 1}, ["lone-surrogate"], {"\ufffdx": 1}),
    # A duplicate key is reported, and the last one is used.
    ("{a: 1, b: 2, a: 3}", {"a": 3, "b": 2}, ["duplicate-key"], {"a": 3, "b": 2}),
    # The root of a configuration is an object.
    ("[1]", [1], ["wrong-type"], [1]),
    ("'{}'", "{}", ["wrong-type"], "{}"),
    ("1", 1, ["wrong-type"], 1),
    ("false", False, ["wrong-type"], False),
    ("null", None, ["wrong-type"], None),
]


@pytest.mark.parametrize(("text", "theirs", "expected", "ours"), DIFFERENCES)
def test_a_known_difference(text: str, theirs: object, expected: list[str], ours: object) -> None:
    assert reference(text) == theirs
    document = read(text)
    assert rules(text) == expected
    assert document.value == ours
    # Ints, floats and bools can be equal, but their representations differ.
    assert repr(document.value) == repr(ours)


def test_nan_is_accepted_only_by_the_library() -> None:
    assert math.isnan(reference("{a: NaN}")["a"])
    assert rules("{a: NaN, b: [-NaN]}") == ["non-finite-number"] * 2
    assert read("{a: NaN, b: [-NaN]}").value == {"a": None, "b": [None]}


@pytest.mark.parametrize("sign", ["", "-", "+"])
def test_an_integer_keeps_all_of_its_digits(sign: str) -> None:
    # More digits than CPython converts at once, which the library cannot read.
    digits = "1234567890" * 500
    exact = sum(int(digit) * 10**place for place, digit in enumerate(reversed(digits)))
    assert value(f"{{a: {sign}{digits}}}") == {"a": -exact if sign == "-" else exact}
    assert value(f"{{a: {sign}0x{'f' * 5000}}}")["a"] == (1 - 16**5000 if sign == "-" else 16**5000 - 1)


def test_fractions_and_exponents_may_have_thousands_of_digits() -> None:
    zeros = "0" * 5000
    assert repr(value(f"{{a: 1.{zeros}, b: 1.{zeros}1, c: 1e{zeros}2, d: .{zeros}1e5003}}")) == (
        "{'a': 1, 'b': 1.0, 'c': 100, 'd': 100}"
    )
    assert repr(value(f"{{a: 1e-{'9' * 5000}, b: 0e{'9' * 5000}}}")) == "{'a': 0, 'b': 0}"
    assert rules(f"{{a: 1e{'9' * 5000}}}") == ["non-finite-number"]
