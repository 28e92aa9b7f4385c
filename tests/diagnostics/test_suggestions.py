"""Suggestions for misspelled words, and lists of words."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.diagnostics import suggestions as nearest_module
from genesis_config.diagnostics.suggestions import correct_spelling, listed, nearest

KEYS = ("api", "apiKey", "baseUrl", "headers", "maxConnections", "models", "params", "timeoutSeconds")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("baseURL", "baseUrl"),
        ("BASEURL", "baseUrl"),
        ("base_url", "baseUrl"),
        ("modles", "models"),
        ("model", "models"),
        ("timeout", "timeoutSeconds"),
        ("maxConn", "maxConnections"),
        ("api_key", "apiKey"),
        ("apikey", "apiKey"),
        ("header", "headers"),
        ("a", None),
        ("max", None),
        ("", None),
        ("gateway", None),
        ("ключ", None),
    ],
)
def test_nearest_key_for_a_misspelled_one(word: str, near: str | None) -> None:
    assert nearest(word, KEYS) == near


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("baseURL", "baseUrl"),
        ("base_url", "baseUrl"),
        ("BASE-URL", "baseUrl"),
        ("baseUrls", "baseUrl"),
        ("apikye", "apiKey"),
        ("modles", "models"),
        ("model", "models"),
        ("modells", "models"),
        ("contextWindws", "contextWindow"),
        ("maxToken", "maxTokens"),
        ("timeoutSecnods", "timeoutSeconds"),
        ("minTokens", None),
        ("maxInputTokens", None),
        ("tokens", None),
        ("timeout", None),
        ("time", None),
        ("cached", None),
        ("cache", None),
        ("host", None),
        ("apis", None),
        ("cacheXX", None),
        ("", None),
        ("models" * 200_000, None),
    ],
)
def test_misspelling_or_different_word(word: str, right: str | None) -> None:
    assert correct_spelling(word, (*KEYS, "contextWindow", "maxTokens", "cacheRead", "cacheWrite", "cost")) == right


def test_ambiguous_misspelling_has_no_correction() -> None:
    assert correct_spelling("fallbakcs", ["fallbacks", "fallbackz"]) is None
    assert correct_spelling("ab_c", ["abc", "aBc"]) is None
    assert correct_spelling("aliass", ["alias"]) == "alias"


def test_spelling_that_differs_only_in_case_wins() -> None:
    assert nearest("ABC", ["abcd", "abc", "abd"]) == "abc"
    assert nearest("abc", ["ABC", "abC"]) in {"ABC", "abC"}


def test_common_prefix_wins_over_similarity() -> None:
    assert nearest("qwen", ["qwem", "qwen-2.5-72b"]) == "qwen-2.5-72b"
    # Such a short word is a prefix of too many others.
    assert nearest("qwe", ["qwen-2.5-72b"]) is None


def test_nothing_is_near_without_known_words() -> None:
    assert nearest("word", []) is None


def test_very_long_word_is_rejected_quickly() -> None:
    assert nearest("ab" * 1_000_000, KEYS) is None
    assert nearest("models" * 200_000, KEYS) is None


@given(st.text(max_size=8), st.lists(st.text(string.ascii_letters, max_size=8), max_size=6))
def test_order_of_known_words_does_not_matter(word: str, known: list[str]) -> None:
    found = nearest(word, known)
    assert found is None or found in known
    assert nearest(word, reversed(known)) == nearest(word, iter([*known, *known])) == found
    assert nearest(word, frozenset(known)) == found


@pytest.mark.parametrize(
    ("words", "limit", "text"),
    [
        ([], 12, ""),
        (["a"], 12, "`a`"),
        (["b", "a"], 12, "`b`, `a`"),
        (["a", "b", "c"], 3, "`a`, `b`, `c`"),
        (["a", "b", "c"], 2, "`a`, `b` and 1 more"),
        (["a", "b", "c"], 1, "`a` and 2 more"),
    ],
)
def test_list_of_words_is_limited(words: list[str], limit: int, text: str) -> None:
    assert listed(words, limit) == text
    assert listed(iter(words), limit) == text


def test_default_limit_is_twelve_words() -> None:
    assert listed(map(str, range(12))).count("`") == 24
    assert listed(map(str, range(14))).endswith("`11` and 2 more")


def test_correction_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def counted(one: str, other: str) -> int:
        compared.append(other)
        return int(one != other)

    monkeypatch.setattr(nearest_module, "_distance", counted)
    assert [correct_spelling("wordseen1", ["wordseen2"]) for _ in range(3)] == ["wordseen2"] * 3
    assert compared == ["wordseen2"]
    assert correct_spelling("wordseen1", ["wordseen2", "wordseen3"]) is None


@pytest.mark.parametrize(
    ("word", "near"),
    # The similarity of difflib: twice the matching characters, divided by the characters of both words.
    [("abcdefgxyz", "abcdefghij"), ("abcdefghiwxyz", None)],
    ids=["14 of 20 characters", "18 of 26 characters"],
)
def test_word_is_near_from_a_similarity_of_seven_tenths(word: str, near: str | None) -> None:
    assert nearest(word, ["abcdefghij" if near else "abcdefghijklm"]) == near
