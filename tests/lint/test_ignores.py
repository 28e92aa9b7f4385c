"""Ignore comments: which line they apply to, what they require, and when they are unused."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.diagnostics.source import Source, Span
from genesis_config.lint.edits import apply_edits
from genesis_config.lint.ignores import apply_comments
from tests.support import finding_of

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import TraceFunction

KNOWN = ("unknown-key", "hardcoded-secret", "not-configured")


def split_findings(text: str, *rules: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Put a finding at each `@`; return rule and message of those kept, rule and reason of those ignored."""
    places = [index for index, char in enumerate(text) if char == "@"]
    source = Source("genesis.json5", text, "configuration")
    findings = [
        finding_of(rule, "m", Span(source, place, place + 1)) for rule, place in zip(rules, places, strict=True)
    ]
    kept, ignored = apply_comments(findings, [source], KNOWN, ("not-configured",))
    return [(each.rule, each.message) for each in kept], [(each.rule, each.reason or "") for each in ignored]


@pytest.mark.parametrize(
    "text",
    [
        "@ // genesis: ignore[unknown-key] known to us",
        "@ /* genesis: ignore[unknown-key] known to us */",
        "@ /* genesis: ignore[unknown-key] known to us */ b",
        "// genesis: ignore[unknown-key] known to us\n@",
        "/* genesis: ignore[unknown-key]\n   known to us */\n\n\n  @",
        "// genesis: ignore[unknown-key] known to us\n// another comment\n\n/* and one */ @",
        "// genesis: ignore[unknown-key] known to us\n// genesis: ignore[not-configured] too\n@",
        "//genesis:ignore[ unknown-key ]known to us\n@",
        "/* a */ @ // genesis: ignore[unknown-key] known to us\nb",
        "/* a */ /* b */ @ /* c */ /* genesis: ignore[unknown-key] known to us */\nb",
        "/* a */ // genesis: ignore[unknown-key] known to us\n@",
        "a /* b\n */ // genesis: ignore[unknown-key] known to us\n@",
        "a /* b\n */ @ // genesis: ignore[unknown-key] known to us\nb",
        "a // genesis: no command\n// genesis: ignore[unknown-key] known to us\r\n@",
    ],
)
def test_a_trailing_comment_applies_to_its_line_and_any_other_to_the_next_one(text: str) -> None:
    kept, ignored = split_findings(text, "unknown-key")
    assert kept == []
    assert [(rule, " ".join(reason.split())) for rule, reason in ignored] == [("unknown-key", "known to us")]


def test_several_rules_and_several_findings() -> None:
    kept, ignored = split_findings(
        "@@@ // genesis: ignore[unknown-key, hardcoded-secret] why", "unknown-key", "unknown-key", "hardcoded-secret"
    )
    assert kept == []
    assert ignored == [("unknown-key", "why"), ("unknown-key", "why"), ("hardcoded-secret", "why")]


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("a // genesis: ignore[unknown-key] why\n@", "unused ignore: `unknown-key` is not reported on line 1"),
        ("@\n// genesis: ignore[unknown-key] why\nb", "unused ignore: `unknown-key` is not reported on line 3"),
        ("@ // genesis: ignore[hardcoded-secret] why", "unused ignore: `hardcoded-secret` is not reported on line 1"),
        ("@ // genesis: ignore[unknown-key]", "`genesis: ignore` has no effect without a reason"),
        ("@ // genesis: ignore[] why", "`genesis: ignore` has no effect without a rule"),
        ("@ // genesis: ignore why", "`genesis: ignore` has no effect without a rule"),
        ("@ // genesis: ignore[unknown-kye] why", "unknown rule `unknown-kye`"),
        ("@ // genesis: ingore[unknown-key] why", "looks like a `genesis: ignore` comment but is not one"),
        ("@ /* Genesis: ignore[unknown-key] why */", "looks like a `genesis: ignore` comment but is not one"),
    ],
)
def test_a_comment_without_effect_is_a_finding(text: str, stays: str) -> None:
    kept, ignored = split_findings(text, "unknown-key")
    assert ignored == []
    assert kept == [("unknown-key", "m"), ("unused-ignore", stays)]


@pytest.mark.parametrize(
    ("text", "unused"),
    [
        ("'${A}' // genesis: ignore[hardcoded-secret] where A is a key", False),
        ("'$<A>' // genesis: ignore[hardcoded-secret] where A is a key", False),
        ("'A' // genesis: ignore[hardcoded-secret] where A is a key", True),
        ("'${A}' // genesis: ignore[unknown-key] whatever A is", True),
    ],
)
def test_ignoring_a_rule_that_depends_on_a_variable_is_not_unused(text: str, *, unused: bool) -> None:
    kept, _ = apply_comments([], [Source("genesis.json5", text, "configuration")], KNOWN, (), ("unknown-key",))
    assert [each.rule for each in kept] == ["unused-ignore"] * unused


def test_no_comment_is_unused_after_a_syntax_error() -> None:
    source = Source("genesis.json5", "a // genesis: ignore[unknown-key] why\n]", "configuration")
    finding = Diagnostic("syntax", "m", Span(source, 38, 39))
    assert apply_comments([finding], [source], KNOWN) == ([finding], [])


def test_ignoring_a_rule_of_another_command_is_not_unused() -> None:
    assert split_findings("a // genesis: ignore[not-configured] in CI there is no key") == ([], [])


@pytest.mark.parametrize(
    "text", ["a // genesis: ignored words", "'// genesis: ignore[x] y' @", "a // see genesis: ignore"]
)
def test_other_comments_are_left_alone(text: str) -> None:
    kept, _ = split_findings(text, *["unknown-key"] * text.count("@"))
    assert "unused-ignore" not in dict(kept)


def test_a_comment_does_not_apply_to_another_source() -> None:
    one, two = Source("a", "// genesis: ignore[unknown-key] why\nx", "configuration"), Source("b", "\nx")
    kept, ignored = apply_comments([Diagnostic("unknown-key", "m", Span(two, 1, 2))], [one, two], KNOWN)
    assert ignored == []
    assert [each.rule for each in kept] == ["unknown-key", "unused-ignore"]


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("a, // genesis: ignore[unknown-key] why\nb", "a,\nb"),
        ("a,\n  // genesis: ignore[unknown-key] why\n  b", "a,\n  b"),
        ("a,\r\n  /* genesis: ignore[unknown-key] why */\r\n  b", "a,\r\n  b"),
        ("a /* genesis: ignore[unknown-key] why */ b", "a b"),
        ("a // genesis: ignore[unknown-key] why", "a"),
        ("// genesis: ignore[unknown-key, hardcoded-secret] why\n@", "// genesis: ignore[hardcoded-secret] why\n@"),
        ("// genesis: ignore[hardcoded-secret, unknown-key] why\n@", "// genesis: ignore[hardcoded-secret] why\n@"),
    ],
)
def test_the_fix_removes_unused_names_and_comments(text: str, fixed: str) -> None:
    source = Source("genesis.json5", text, "configuration")
    place = text.find("@")
    findings = [Diagnostic("hardcoded-secret", "m", Span(source, place, place + 1))] if place >= 0 else []
    kept, _ = apply_comments(findings, [source], KNOWN)
    (finding,) = kept
    assert finding.fix is not None
    assert apply_edits(text, finding.fix.edits) == fixed


def test_unused_comments_are_reported_in_linear_time() -> None:
    def steps(comments: int) -> int:
        """Count the lines of Python that run."""
        count = 0

        def trace(_frame: FrameType, event: str, _argument: object) -> TraceFunction:
            nonlocal count
            count += event == "line"
            return trace

        sys.settrace(trace)
        try:
            kept, _ = split_findings("// genesis: ignore[unknown-key] why\n" * comments)
        finally:
            sys.settrace(before)
        assert len(kept) == comments
        return count

    before = sys.gettrace()
    # Twice as many take twice as many; where the lines before each comment were counted, four times.
    assert steps(400) < 2.5 * steps(200)


def test_unused_comment_of_several_lines_is_removed_as_a_whole() -> None:
    source = Source("genesis.json5", "{\n  /* genesis: ignore[unknown-key]\n  why */\n}\n", "configuration")
    ((finding,), _) = apply_comments([], [source], KNOWN)
    assert finding.fix is not None
    assert apply_edits(source.text, finding.fix.edits) == "{\n}\n"
