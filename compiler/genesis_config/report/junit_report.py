"""JUnit XML, which every CI system reads: one test per finding, failed if it is an error or a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape as escape_xml
from xml.sax.saxutils import quoteattr

from genesis_config.report import concise_report as concise
from genesis_config.report.escape import escape

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.report.model import Report

__all__ = ["render"]


def render(report: Report) -> str:
    """Render one test suite; without findings, it contains one passed test."""
    cases = [_case(finding) for finding in report.findings]
    failures = sum(finding.severity != "info" for finding in report.findings)
    files = f"{report.files} {'file' if report.files == 1 else 'files'} checked"
    cases = cases or [f'    <testcase classname="genesis" name={quoteattr(files)}/>\n']
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0" skipped="0"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="genesis" {counts}>\n  <testsuite name="genesis check" {counts}>\n'
        f"{''.join(cases)}  </testsuite>\n</testsuites>\n"
    )


def _case(finding: Diagnostic) -> str:
    path = line = ""
    if finding.span is not None:
        source = finding.span.source
        number = source.position(finding.span.start).line
        path, line = escape(source.name), f' file={_attribute(source.name)} line="{number}"'
    name = f"{finding.rule}: {finding.message}"
    opening = f"    <testcase classname={_attribute(path or 'genesis')} name={_attribute(name)}{line}"
    if finding.severity == "info":
        return f"{opening}/>\n"
    help_ = f"\nhelp: {escape(finding.help)}" if finding.help else ""
    body = escape_xml(f"{concise.render_line(finding)}{help_}")
    message = f"message={_attribute(finding.message)} type={_attribute(finding.severity)}"
    return f"{opening}>\n      <failure {message}>{body}</failure>\n    </testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(escape(text))
