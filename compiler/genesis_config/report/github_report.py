"""Workflow commands of GitHub Actions, shown next to the lines of a pull request; then the text report for the log.

Per step, GitHub shows ten annotations of each kind and silently drops the rest, so no more than ten of each kind are
written, errors first. Escaping: actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.report import text_report as text
from genesis_config.report.escape import escape
from genesis_config.report.paths import relative_path

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.report.model import Report

__all__ = ["render"]

_COMMANDS: Final = {"error": "error", "warning": "warning", "info": "notice"}
_MOST_PER_KIND: Final = 10


def render(report: Report) -> str:
    """Render the annotations, followed by the text report."""
    lines = []
    for severity in _COMMANDS:
        lines += [_command(finding) for finding in report.findings if finding.severity == severity][:_MOST_PER_KIND]
    return "".join(f"{line}\n" for line in lines) + text.render(report)


def _command(finding: Diagnostic) -> str:
    properties: dict[str, str] = {"title": finding.rule}
    if finding.span is not None:
        source = finding.span.source
        start, end = source.position(finding.span.start), source.position(finding.span.end)
        properties = {"file": relative_path(source.name), "line": str(start.line), "endLine": str(end.line)}
        if start.line == end.line:
            # GitHub uses columns only within one line; the end column is inclusive.
            properties |= {"col": str(start.column), "endColumn": str(max(start.column, end.column - 1))}
        properties["title"] = finding.rule
    parameters = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = escape(finding.message) + ("" if finding.help is None else f"\nhelp: {escape(finding.help)}")
    return f"::{_COMMANDS[finding.severity]} {parameters}::{_data(message)}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(escape(value)).replace(":", "%3A").replace(",", "%2C")
