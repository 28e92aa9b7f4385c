"""Fixes: which are applied, which are rejected, and what they change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.diagnostics.finding import Diagnostic, Edit, Fix
from genesis_config.diagnostics.source import Source, Span
from genesis_config.lint.edits import apply_edits, combined_edits
from genesis_config.lint.fixes import FixResult, fix_files, mark_refused, render_diff
from genesis_config.syntax import decode
from tests.support import finding_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


NAME = "genesis.json5"


def sources(files: Mapping[str, bytes]) -> list[Source]:
    return [decode(name, data)[0] for name, data in files.items()]


def lint(files: Mapping[str, bytes]) -> list[Diagnostic]:
    """Report every `old`, which is fixed to `new`, and every `bad`, whose fix makes it worse.

    Every `shut` is fixed to `open`, which uncovers the word after it; the fix of `same` does not change it.
    """
    findings = []
    for source in sources(files):
        for match in re.finditer("old|bad|shut (?P<in>[a-z]*)|same|open (?P<wrong>wrong)|far", source.text):
            span = Span(source, *match.span())
            if match["wrong"]:
                findings.append(finding_of("wrong", "m", span._replace(start=match.start("wrong"))))
                findings += [finding_of("away", "m", Span(source, 0, 0))] * ("far" in source.text)
            elif match[0].startswith("shut"):
                edit = Edit(span._replace(end=span.start + 4), "open")
                findings.append(finding_of("shut", "m", span, fix=Fix("open it", (edit,), span)))
            elif match[0] != "far":
                text = {"old": "new", "bad": "old old", "same": "same"}[match[0]]
                findings.append(finding_of(match[0], "m", span, fix=Fix("change it", (Edit(span, text),))))
    return findings


class Linted(NamedTuple):
    """The result of linting, with the files that were linted."""

    findings: list[Diagnostic]
    files: Mapping[str, bytes]


def fix(
    files: Mapping[str, bytes],
    check: Callable[[Mapping[str, bytes]], list[Diagnostic]] = lint,
    linted: list[Mapping[str, bytes]] | None = None,
) -> FixResult[Linted]:
    """Fix files; `linted` collects the files of every lint run, including the first one."""

    def count(files: Mapping[str, bytes]) -> Linted:
        if linted is not None:
            linted.append(files)
        return Linted(check(files), files)

    result = fix_files(files, count(files), count)
    assert result.result.files == {**files, **result.files}
    return result


def fixed(data: bytes, check: Callable[[Mapping[str, bytes]], list[Diagnostic]] = lint) -> tuple[bytes, int]:
    result = fix({NAME: data}, check)
    return result.files.get(NAME, data), result.applied


def rounds(data: bytes) -> int:
    """Return how often a file is linted."""
    linted: list[Mapping[str, bytes]] = []
    fix({NAME: data}, linted=linted)
    return len(linted)


def test_a_file_is_linted_once_and_once_more_for_each_round_of_fixes() -> None:
    assert rounds(b"fine") == 1
    assert rounds(b"old") == 2
    assert rounds(b"old old old") == 2
    # The second fix is found only after the first one was applied.
    assert rounds(b"shut old") == 3


def test_rejected_fixes_cause_a_limited_number_of_lint_runs() -> None:
    assert rounds(b"bad " * 1000) < 1000
    result = fix({NAME: b"bad " * 1000})
    assert [each.fix for each in mark_refused(result.result.findings, result.refused)] == [None] * 1000


def test_all_fixes_are_applied_and_other_text_is_unchanged() -> None:
    assert fixed(b"a old /* old */\r\n\told\r\n") == (b"a new /* new */\r\n\tnew\r\n", 3)


def test_a_byte_order_mark_is_preserved() -> None:
    assert fixed("\ufeffé old".encode()) == ("\ufeffé new".encode(), 1)


def test_a_fix_that_adds_findings_is_rejected_without_affecting_others() -> None:
    assert fixed(b"bad old bad") == (b"bad new bad", 1)
    assert fixed(b"bad") == (b"bad", 0)
    assert fixed(b"old " * 20 + b"bad same" + b" old" * 20) == (b"new " * 20 + b"bad same" + b" new" * 20, 40)


def test_uncovered_findings_do_not_count_as_added() -> None:
    assert fixed(b"shut wrong, shut right") == (b"open wrong, open right", 2)
    # Outside the uncovered region it does.
    assert fixed(b"far shut wrong, shut right") == (b"far shut wrong, open right", 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"old bad", "it would cause `old`"),
        (b"old same", "the result would still be invalid"),
        (b"far shut wrong, old", "it would cause `away`"),
    ],
)
def test_the_help_says_why_a_fix_was_not_applied(text: bytes, reason: str) -> None:
    result = fix({NAME: text})
    (finding,) = [each for each in result.result.findings if each.fix]
    (marked,) = mark_refused([finding], result.refused)
    assert marked.fix is None
    assert marked.help is not None
    assert marked.help.endswith(f": {reason}")
    (marked,) = mark_refused([finding._replace(help="help")], result.refused)
    assert marked.help is not None
    assert marked.help.startswith("help; ")
    assert marked.help.endswith(f": {reason}")
    assert mark_refused([finding._replace(message="another")], result.refused)[0].fix is not None


def test_places_are_mapped_through_all_earlier_edits() -> None:
    # `new` is longer than `a`, and `open` as long as `shut`; existing findings stay, but move.
    def check(files: Mapping[str, bytes]) -> list[Diagnostic]:
        (source,) = sources(files)
        spans = [Span(source, *match.span()) for match in re.finditer("a|bbb|z", source.text)]
        text = {"a": "new", "bbb": "", "z": "z"}
        return [
            finding_of("r", "m", span, fix=Fix("change it", (Edit(span, text[source.text[span.start : span.end]]),)))
            for span in spans
        ]

    assert fixed(b"a bbb z a bbb a z", check) == (b"new  z new  new z", 5)


def test_two_overlapping_fixes_uncover_the_text_of_both() -> None:
    def check(files: Mapping[str, bytes]) -> list[Diagnostic]:
        (source,) = sources(files)
        wrong = [finding_of("wrong", "m", Span(source, 6, 7))] * source.text.startswith("B-B")
        spans = [Span(source, at, at + 1) for at in (0, 2) if source.text[at] == "b"]
        reach = {0: 8, 2: 4}
        return wrong + [
            finding_of("b", "m", span, fix=Fix("x", (Edit(span, "B"),), span._replace(end=reach[span.start])))
            for span in spans
        ]

    assert fixed(b"b-b-----", check) == (b"B-B-----", 2)


class Counted(Edit):
    """An edit that counts how often its place is read."""

    asked = 0

    @property
    def span(self) -> Span:
        Counted.asked += 1
        return self[0]


def test_the_work_per_edit_does_not_grow_with_their_number() -> None:
    def check(files: Mapping[str, bytes]) -> list[Diagnostic]:
        return [
            finding._replace(fix=finding.fix._replace(edits=tuple(Counted(*edit) for edit in finding.fix.edits)))
            if finding.fix
            else finding
            for finding in lint(files)
        ]

    asked = []
    for count in (50, 500):
        Counted.asked = 0
        assert fixed(b"old open wrong " * count, check) == (b"new open wrong " * count, count)
        asked.append(Counted.asked)
    assert asked[1] <= 11 * asked[0]


def test_only_the_given_files_are_fixed() -> None:
    result = fix({NAME: b"old", "part.json5": "\ufeffold bad".encode(), "fine.json5": b"x"})
    assert (result.files, result.applied) == ({NAME: b"new", "part.json5": "\ufeffnew bad".encode()}, 2)
    result = fix({NAME: b"x"}, lambda files: lint({**files, "other.json5": b"old"}))
    assert (result.files, result.applied, result.refused) == ({}, 0, {})


def test_touching_fixes_are_applied_one_after_the_other() -> None:
    def touching(files: Mapping[str, bytes]) -> list[Diagnostic]:
        (source,) = sources(files)
        return [
            finding_of("r", "m", Span(source, at, at + 2), fix=Fix("shorten", (Edit(Span(source, at, at + 2), "b"),)))
            for at in range(len(source.text) - 1)
            if source.text[at : at + 2] == "aa"
        ]

    assert fixed(b"aaaa", touching) == (b"bb", 2)


def replacing(*edits: tuple[str, int, int, str]) -> Callable[[Mapping[str, bytes]], list[Diagnostic]]:
    """Return a lint function that reports these edits as long as no file was changed."""

    def check(files: Mapping[str, bytes]) -> list[Diagnostic]:
        spans = {source.name: source for source in sources(files)}
        return [
            finding_of("r", f"{edit}", span, fix=Fix("x", (Edit(span, edit[3]),)))
            for edit in edits
            for span in [Span(spans[edit[0]], edit[1], edit[2])]
            if set(files.values()) == {b"0123456789"}
        ]

    return check


@pytest.mark.parametrize(
    ("edits", "made"),
    [
        ([(NAME, 2, 4, ""), (NAME, 4, 6, "")], 2),
        ([(NAME, 4, 6, ""), (NAME, 2, 4, ""), (NAME, 6, 8, "")], 3),
        ([(NAME, 4, 6, ""), (NAME, 2, 4, "x")], 1),
        ([(NAME, 4, 6, "x"), (NAME, 2, 4, "")], 1),
        ([(NAME, 4, 6, "x"), (NAME, 6, 8, "x")], 1),
        ([(NAME, 4, 6, ""), (NAME, 5, 8, "")], 1),
        ([(NAME, 4, 6, ""), (NAME, 2, 5, "")], 1),
        ([(NAME, 2, 4, ""), (NAME, 6, 8, ""), (NAME, 3, 6, "")], 2),
        ([(NAME, 2, 4, "x"), ("part.json5", 2, 4, "x")], 2),
    ],
)
def test_edits_of_one_round_touch_only_if_both_remove_text(edits: list[tuple[str, int, int, str]], made: int) -> None:
    assert fix({NAME: b"0123456789", "part.json5": b"0123456789"}, replacing(*edits)).applied == made


@given(st.lists(st.sampled_from(["old", "bad", " ", "x", "\n"]), max_size=12))
def test_fixing_is_idempotent_and_adds_no_finding(words: list[str]) -> None:
    data = "".join(words).encode()
    once, made = fixed(data)
    assert fixed(once) == (once, 0)
    assert len(lint({NAME: once})) == len(lint({NAME: data})) - made
    assert b"old" not in once


def test_the_order_of_edits_does_not_matter() -> None:
    source = Source("a", "0123456789")
    edits = [Edit(Span(source, 1, 2), "one"), Edit(Span(source, 5, 5), "+"), Edit(Span(source, 8, 10), "")]
    assert apply_edits(source.text, edits) == "0one234+567"
    assert apply_edits(source.text, reversed(edits)) == "0one234+567"


def test_a_diff_shows_the_change_without_secrets_or_control_characters() -> None:
    before = b'{\n  apiKey: "canary-12",\n  "\x1b[31m": old,\n  d: 1,\n}\n'
    assert render_diff("genesis.json5", before, before.replace(b"old", b"new")) == (
        "--- a/genesis.json5\n+++ b/genesis.json5\n@@ -1,5 +1,5 @@\n {\n"
        '   apiKey: "***",\n-  "\\x1b[31m": old,\n+  "\\x1b[31m": new,\n   d: 1,\n }\n'
    )
    assert render_diff("genesis.json5", before, before) == ""


def all_edits(
    data: bytes, check: Callable[[Mapping[str, bytes]], list[Diagnostic]] = lint
) -> list[tuple[int, int, str]]:
    """Return the combined edits of all rounds, after checking that they give the same text as the fixes."""
    edits = combined_edits(NAME, data, fix({NAME: data}, check).rounds)
    source, _ = decode(NAME, data)
    assert apply_edits(source.text, edits) == decode(NAME, fixed(data, check)[0])[0].text
    return [(edit.span.start, edit.span.end, edit.text) for edit in edits]


def test_combined_edits_are_minimal() -> None:
    assert all_edits("\ufeffé old, keep old".encode()) == [(2, 5, "new"), (12, 15, "new")]
    assert all_edits(b"bad") == []


@given(st.lists(st.sampled_from(["old", "bad", " ", "a", "é\n", "old old", "shut old"])))
def test_combined_edits_give_the_same_text_as_the_fixes(parts: list[str]) -> None:
    all_edits("".join(parts).encode())


@given(st.integers(0, 9))
def test_edits_of_several_rounds_apply_to_the_original_text(count: int) -> None:
    def shortening(files: Mapping[str, bytes]) -> list[Diagnostic]:
        """Report the first `aa`, which is fixed to `a`: one round each."""
        (source,) = sources(files)
        places = [match.span() for match in re.finditer("aa", source.text)][:1]
        spans = [Span(source, *place) for place in places]
        extra = [finding_of("r", "m", Span(source, at, at)) for at in range(len(source.text))]
        return [*extra, *(finding_of("r", "m", span, fix=Fix("shorten", (Edit(span, "a"),))) for span in spans)]

    assert len(all_edits(b"x" + b"a" * count + b"y", shortening)) == (count > 1)
