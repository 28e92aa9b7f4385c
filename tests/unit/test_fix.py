"""Putting findings right: what is changed, what is not, and when nothing is."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from genesis.diagnostics import Diagnostic, Edit, Fix
from genesis.fix import diff, edited, fix, fixing_edits
from genesis.source import Source, Span
from genesis.syntax import decode


def lint(data: bytes) -> list[Diagnostic]:
    """Find every `old`, which becomes `new`; every `bad`, whose fix makes it worse; every `wide`, around an `old`."""
    source, _ = decode("genesis.json5", data)
    findings = []
    for match in re.finditer("old|bad", source.text):
        span = Span(source, *match.span())
        text = "new" if match[0] == "old" else "old old"
        findings.append(Diagnostic(match[0], "m", span, fix=Fix("change it", (Edit(span, text),))))
    return findings


def test_every_fix_is_made_and_all_else_stays() -> None:
    assert fix("genesis.json5", b"a old /* old */\r\n\told\r\n", lint) == (b"a new /* new */\r\n\tnew\r\n", 3)


def test_a_byte_order_mark_stays() -> None:
    assert fix("genesis.json5", "\ufeffé old".encode(), lint) == ("\ufeffé new".encode(), 1)


def test_a_fix_that_adds_findings_is_not_made_and_hinders_no_other() -> None:
    assert fix("genesis.json5", b"bad old bad", lint) == (b"bad new bad", 1)
    assert fix("genesis.json5", b"bad", lint) == (b"bad", 0)


def test_what_an_included_file_holds_is_left_alone() -> None:
    assert fix("other.json5", b"old", lint) == (b"old", 0)


def test_of_two_that_touch_the_first_is_made_and_then_the_other() -> None:
    def touching(data: bytes) -> list[Diagnostic]:
        source, _ = decode("genesis.json5", data)
        return [
            Diagnostic("r", "m", Span(source, at, at + 2), fix=Fix("shorten", (Edit(Span(source, at, at + 2), "b"),)))
            for at in range(len(source.text) - 1)
            if source.text[at : at + 2] == "aa"
        ]

    assert fix("genesis.json5", b"aaaa", touching) == (b"bb", 2)


@given(st.lists(st.sampled_from(["old", "bad", " ", "x", "\n"]), max_size=12))
def test_fixing_twice_changes_nothing_more_and_adds_no_finding(words: list[str]) -> None:
    data = "".join(words).encode()
    once = fix("genesis.json5", data, lint)
    assert fix("genesis.json5", once.data, lint) == (once.data, 0)
    assert len(lint(once.data)) == len(lint(data)) - once.made


def test_edits_are_made_last_to_first() -> None:
    source = Source("a", "0123456789")
    edits = [Edit(Span(source, 1, 2), "one"), Edit(Span(source, 5, 5), "+"), Edit(Span(source, 8, 10), "")]
    assert edited(source.text, edits) == "0one234+567"
    assert edited(source.text, reversed(edits)) == "0one234+567"


def test_a_diff_shows_the_change_and_no_secret_and_nothing_that_acts() -> None:
    before = b'{\n  apiKey: "canary-12",\n  "\x1b[31m": old,\n  d: 1,\n}\n'
    assert diff("genesis.json5", before, before.replace(b"old", b"new")) == (
        "--- a/genesis.json5\n+++ b/genesis.json5\n@@ -1,5 +1,5 @@\n {\n"
        '   apiKey: "***",\n-  "\\x1b[31m": old,\n+  "\\x1b[31m": new,\n   d: 1,\n }\n'
    )
    assert diff("genesis.json5", before, before) == ""


def test_the_edits_of_all_fixes_hold_nothing_that_stays() -> None:
    data = "\ufeffé old, keep old".encode()
    edits = fixing_edits("genesis.json5", data, lint)
    assert [(edit.span.start, edit.span.end, edit.text) for edit in edits] == [(2, 5, "new"), (12, 15, "new")]
    assert fixing_edits("genesis.json5", b"bad", lint) == ()


@given(st.lists(st.sampled_from(["old", "bad", " ", "a", "é\n", "old old"])))
def test_the_edits_of_all_fixes_do_what_the_fixes_do(parts: list[str]) -> None:
    text = "".join(parts)
    edits = fixing_edits("genesis.json5", text.encode(), lint)
    assert edited(text, edits).encode() == fix("genesis.json5", text.encode(), lint).data


@given(st.integers(0, 9))
def test_edits_of_several_rounds_are_edits_of_the_first_text(count: int) -> None:
    def shortening(data: bytes) -> list[Diagnostic]:
        """Find the first `aa`, which becomes `a`: a round for each."""
        source, _ = decode("genesis.json5", data)
        places = [match.span() for match in re.finditer("aa", source.text)][:1]
        spans = [Span(source, *place) for place in places]
        extra = [Diagnostic("r", "m", Span(source, at, at)) for at in range(len(source.text))]
        return [*extra, *(Diagnostic("r", "m", span, fix=Fix("shorten", (Edit(span, "a"),))) for span in spans)]

    text = "x" + "a" * count + "y"
    edits = fixing_edits("genesis.json5", text.encode(), shortening)
    assert edited(text, edits).encode() == fix("genesis.json5", text.encode(), shortening).data
