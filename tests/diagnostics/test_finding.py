"""Findings: paths in messages, their order, and the severity that fails a run."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.paths import config_path
from genesis_config.diagnostics.finding import SEVERITIES, Diagnostic, Related, Severity, has_severity, sort_findings
from genesis_config.diagnostics.source import Source, Span
from genesis_config.syntax import parse
from tests.support import finding_of

# A source whose name sorts before any other.
A = Source("", "{ a: 1, b: 2 }")
B = Source("b.json5", "{}")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "the root"),
        (("models",), "models"),
        (("models", "providers", "vllm", "models", 0, "id"), "models.providers.vllm.models[0].id"),
        (("providers", "foo-bar", "x-note"), "providers.foo-bar.x-note"),
        (("$schema",), "$schema"),
        (("a", "$include", 1), "a.$include[1]"),
        (("models", "vllm/*", "alias"), 'models["vllm/*"].alias'),
        (("vllm/a.b",), '["vllm/a.b"]'),
        (("a.b", "c"), '["a.b"].c'),
        (("a", "3d"), 'a["3d"]'),
        (("a", "0"), 'a["0"]'),
        (("a", ""), 'a[""]'),
        (("a", "b\\c"), 'a["b\\\\c"]'),
        (("a", 'say "x"'), 'a["***"]'),  # a piece of broken text, which may be anything
        (("ключ", "é"), "ключ.é"),
        ((0, 1, "a"), "[0][1].a"),
    ],
)
def test_path_in_messages(path: tuple[str | int, ...], text: str) -> None:
    assert config_path(path) == text


@given(st.lists(st.text(max_size=4) | st.integers(0, 9), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_different_paths_are_written_differently(one: list[str | int], other: list[str | int]) -> None:
    assert (config_path(one) == config_path(other)) == (one == other)


def finding(
    rule: str = "rule",
    start: int | None = 0,
    message: str = "words",
    source: Source = A,
    severity: Severity = "error",
) -> Diagnostic:
    span = None if start is None else Span(source, start, start + 1)
    return finding_of(rule, message, span, severity=severity)


def test_findings_are_ordered_by_file_offset_rule_and_message() -> None:
    ordered = [
        finding("z", None, "no place"),
        finding("a", 0, severity="info"),
        finding("b", 0, "one"),
        finding("b", 0, "two", severity="warning"),
        finding("a", 2),
        finding("a", 10),
        finding("a", 1, source=B),
    ]
    shuffled = random.Random(7)
    for _ in range(20):
        findings = ordered.copy()
        shuffled.shuffle(findings)
        assert sort_findings(findings) == ordered


def test_only_equal_findings_are_merged() -> None:
    one = finding()
    others = [
        one._replace(help="do this"),
        one._replace(related=(Related("there", Span(A, 3, 4)),)),
        one._replace(severity="warning"),
        one._replace(span=Span(A, 0, 5)),
    ]
    assert sort_findings([one, finding(), one]) == [one]
    assert sort_findings([one, *others, one, *others]) == [one, *others]


def test_findings_are_in_the_order_of_the_text() -> None:
    document = parse(Source("a.json5", "{ a: 1, a: 2, b: nope, c:, }"))
    starts = [found.span.start for found in sort_findings(reversed(document.diagnostics)) if found.span]
    assert len(starts) == 3
    assert starts == sorted(starts)


@pytest.mark.parametrize("at", SEVERITIES)
def test_severity_at_or_above_a_limit(at: Severity) -> None:
    for severity in SEVERITIES:
        findings = [finding(severity="info"), finding(severity=severity), finding(severity="info")]
        assert has_severity(findings, at) is (at == "info" or SEVERITIES.index(severity) <= SEVERITIES.index(at))
    assert not has_severity([], at)


def test_limit_is_error_by_default() -> None:
    assert SEVERITIES == ("error", "warning", "info")
    assert has_severity(iter([finding(severity="warning"), finding()]))
    assert not has_severity([finding(severity="warning")])
    assert finding().severity == Diagnostic("syntax", "words").severity == "error"
