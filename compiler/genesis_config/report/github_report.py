"""Workflow commands of GitHub Actions, which shows them beside the lines of a pull request; then the text for the log.

GitHub shows ten annotations of a kind for a step and drops the rest without a word, so errors come first and no more
than ten of a kind are written. Escaping: actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.report import text_report as text
from genesis_config.report.escape import escape
from genesis_config.report.paths import relative

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.report.model import Report

__all__ = ["render"]

_COMMANDS: Final = {"error": "error", "warning": "warning", "info": "notice"}
_OF_A_KIND: Final = 10


def render(report: Report) -> str:
    """Render the annotations, and the text report after them."""
    lines = []
    for severity in _COMMANDS:
        lines += [_command(each) for each in report.findings if each.severity == severity][:_OF_A_KIND]
    return "".join(f"{line}\n" for line in lines) + text.render(report)


def _command(finding: Diagnostic) -> str:
    properties: dict[str, str] = {"title": finding.rule}
    if finding.span is not None:
        source = finding.span.source
        start, end = source.position(finding.span.start), source.position(finding.span.end)
        properties = {"file": relative(source.name), "line": str(start.line), "endLine": str(end.line)}
        if start.line == end.line:
            # Columns count on one line alone; the last one is part of what is marked.
            properties |= {"col": str(start.column), "endColumn": str(max(start.column, end.column - 1))}
        properties["title"] = finding.rule
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = escape(finding.message) + ("" if finding.help is None else f"\nhelp: {escape(finding.help)}")
    return f"::{_COMMANDS[finding.severity]} {written}::{_data(message)}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(escape(value)).replace(":", "%3A").replace(",", "%2C")
