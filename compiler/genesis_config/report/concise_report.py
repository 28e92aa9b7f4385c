"""Findings a line each, for editors and for grep: `path:line:column: severity[rule] message`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.report.escape import escape

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.report.model import Report

__all__ = ["line", "render"]


def render(report: Report) -> str:
    """Render the findings; nothing where there are none."""
    return "".join(f"{line(finding)}\n" for finding in report.findings)


def line(finding: Diagnostic) -> str:
    """Write one finding."""
    place = ""
    if finding.span is not None:
        position = finding.span.source.position(finding.span.start)
        name = escape(finding.span.source.name)
        # The same file, and at the start of a line no workflow command, which may have white space before it.
        name = f"./{name}" if name.lstrip().startswith("::") else name
        place = f"{name}:{position.line}:{position.column}: "
    return f"{place}{finding.severity}[{finding.rule}] {escape(finding.message)}"
