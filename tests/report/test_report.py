"""The text report, the JSON report and the summary."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.diagnostics.finding import Diagnostic, Related
from genesis_config.diagnostics.source import Source, Span
from genesis_config.report import json_report
from genesis_config.report.escape import escape
from genesis_config.report.model import Report
from genesis_config.report.summary import summary
from genesis_config.report.text_report import render_findings as render


def finding(text: str, start: int, end: int, **more: object) -> Diagnostic:
    span = Span(Source("genesis.json5", text, "configuration"), start, end)
    return Diagnostic("unknown-key", "message", span, **more)  # type: ignore[arg-type]


def acts(char: str) -> bool:
    """Return whether a character affects its surroundings: a control or format character, separator or surrogate."""
    return unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs"} or "\U000e0000" <= char <= "\U000e0fff"


def frame(text: str, start: int, end: int) -> list[str]:
    """Return the source line and the line of marks as they are shown."""
    lines = render([finding(text, start, end)]).split("\n")
    assert lines[0] == "error[unknown-key]: message"
    return lines[3:5]


def test_a_finding_with_all_parts() -> None:
    source = Source("genesis.json5", "{\n  first: 1,\n  first: 2,\n}\n", "configuration")
    first, second = Span(source, 4, 9), Span(source, 16, 21)
    shown = render(
        [
            Diagnostic(
                "duplicate-key", "given twice", second, "keep one", (Related("first given here", first),), "warning"
            )
        ]
    )
    assert shown == (
        "warning[duplicate-key]: given twice\n"
        " --> genesis.json5:3:3\n"
        "  |\n"
        "3 |   first: 2,\n"
        "  |   ^^^^^\n"
        "  = note: first given here\n"
        " --> genesis.json5:2:3\n"
        "  |\n"
        "2 |   first: 1,\n"
        "  |   -----\n"
        "  = help: keep one\n"
        "\n"
    )


def test_a_finding_without_a_place() -> None:
    assert render([Diagnostic("server-unreachable", "nothing listens", None, "start it")]) == (
        "error[server-unreachable]: nothing listens\n  = help: start it\n\n"
    )


@pytest.mark.parametrize(
    ("text", "start", "end", "line", "marks"),
    [
        ("abc", 1, 2, "1 | abc", "  |  ^"),
        ("abc", 1, 1, "1 | abc", "  |  ^"),
        ("abc", 3, 3, "1 | abc", "  |    ^"),
        ("a\nbc\n", 1, 4, "1 | a", "  |  ^"),
        ("a\r\nbc\r\n", 3, 5, "2 | bc", "  | ^^"),
        ("a\tbc", 2, 4, "1 | a    bc", "  |      ^^"),
        ("日本 x", 3, 4, "1 | 日本 x", "  |      ^"),
        ("x 日本", 2, 4, "1 | x 日本", "  |   ^^^^"),
        ("e\u0301x", 2, 3, "1 | e\u0301x", "  |  ^"),
        ("a\x1b[31mb", 6, 7, "1 | a\\x1b[31mb", "  |          ^"),
        ("a\u202eb", 1, 2, "1 | a\\u202eb", "  |  ^^^^^^"),
    ],
)
def test_the_place_is_underlined(text: str, start: int, end: int, line: str, marks: str) -> None:
    assert frame(text, start, end) == [line, marks]


def test_a_long_line_is_truncated_around_the_place() -> None:
    line, marks = frame("a" * 200 + "KEY" + "b" * 200, 200, 203)
    assert line == "1 | … " + "a" * 85 + "KEY" + "b" * 20 + " …"
    assert marks == "  | " + " " * 87 + "^^^"
    line, marks = frame("KEY" + "b" * 200, 0, 3)
    assert line == "1 | KEY" + "b" * 107 + " …"
    assert marks == "  | ^^^"
    line, marks = frame("a" * 100 + "k" * 300, 100, 400)
    assert line == "1 | … " + "a" * 18 + "k" * 90 + " …"
    assert marks == "  | " + " " * 20 + "^" * 90


def test_colour_does_not_change_the_text() -> None:
    plain = render([finding("{ a: 1 }", 2, 3, help="do")])
    coloured = render([finding("{ a: 1 }", 2, 3, help="do")], colour=True)
    for code in ("\x1b[1;31m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"):
        assert code in coloured
        coloured = coloured.replace(code, "")
    assert coloured == plain


def test_a_secret_is_masked_wherever_the_line_is_truncated() -> None:
    before = '{ models: { providers: { vllm: { params: { user: "' + "a" * 100 + '" }, apiKey: "'
    source = Source("genesis.json5", f'{before}SECRET", api: "{"b" * 100}" }} }} }} }}', "configuration")
    for start in (0, 100, *(len(before) + offset for offset in (-1, 0, 3, 6, 50, 100))):
        shown = render([Diagnostic("unknown-key", "m", Span(source, start, start + 1))])
        assert not {"SEC", "RET"} & {shown[index : index + 3] for index in range(len(shown))}


@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_any_text_is_rendered_within_the_width_and_without_control_characters(text: str, one: int, two: int) -> None:
    start, end = sorted((min(one, len(text)), min(two, len(text))))
    shown = render([finding(text, start, end)])
    assert not any(acts(char) for char in shown if char != "\n")
    assert "^" in shown or not text
    report = json.loads(json_report.render(Report(1, (finding(text, start, end),))))
    assert report["findings"][0]["line"] >= 1


@given(st.text())
def test_escaping_leaves_no_control_characters(text: str) -> None:
    assert not any(map(acts, escape(text)))
    if not any(map(acts, text)):
        assert escape(text) == text


@pytest.mark.parametrize(
    ("char", "shown"),
    [
        ("\n", "\\n"),
        ("\x1b", "\\x1b"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("é", "é"),
    ],
)
def test_escapes_are_those_of_json5_and_python(char: str, shown: str) -> None:
    assert escape(f"a{char}b") == f"a{shown}b"


def test_the_json_report_always_has_the_same_keys() -> None:
    place = finding("{\n a: 1 }", 3, 4)
    related = place._replace(related=(Related("here", Span(place.span.source, 0, 1)),)) if place.span else place
    report = json.loads(
        json_report.render(Report(3, (related, Diagnostic("auth-rejected", "no", None, severity="warning"))))
    )
    assert list(report) == ["version", "findings", "summary"]
    assert report["version"] == 1
    keys = ["rule", "severity", "message", "path", "line", "column", "endLine", "endColumn", "help", "fix", "related"]
    assert [list(each) for each in report["findings"]] == [keys, keys]
    first, second = report["findings"]
    assert (first["path"], first["line"], first["column"], first["endLine"], first["endColumn"]) == (
        "genesis.json5", 2, 2, 2, 3,
    )  # fmt: skip
    assert first["related"] == [
        {"message": "here", "path": "genesis.json5", "line": 1, "column": 1, "endLine": 1, "endColumn": 2}
    ]
    assert (second["path"], second["line"]) == (None, None)
    assert report["summary"] == {
        "files": 3,
        "errors": 1,
        "warnings": 1,
        "infos": 0,
        "ignored": 0,
        "fixable": 0,
        "fixed": 0,
    }


@pytest.mark.parametrize(
    ("severities", "line"),
    [
        ([], "2 files checked: no findings"),
        (["error"], "2 files checked: 1 error"),
        (["warning", "error", "info", "error"], "2 files checked: 2 errors, 1 warning, 1 info"),
    ],
)
def test_the_summary_counts_findings(severities: list[str], line: str) -> None:
    assert summary(Report(2, tuple(finding("", 0, 0, severity=severity) for severity in severities))) == line
