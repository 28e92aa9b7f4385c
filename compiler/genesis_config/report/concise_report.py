"""One line per finding, for editors and for grep: `path:line:column: severity[rule] message`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.report.escape import escape

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.report.model import Report

__all__ = ["render", "render_line"]


def render(report: Report) -> str:
    """Render the findings; the empty string if there are none."""
    return "".join(f"{render_line(finding)}\n" for finding in report.findings)


def render_line(finding: Diagnostic) -> str:
    """Render one finding, without a line end."""
    place = ""
    if finding.span is not None:
        position = finding.span.source.position(finding.span.start)
        name = escape(finding.span.source.name)
        # Still the same file, but not a workflow command of GitHub Actions, which may have whitespace before it.
        name = f"./{name}" if name.lstrip().startswith("::") else name
        place = f"{name}:{position.line}:{position.column}: "
    return f"{place}{finding.severity}[{finding.rule}] {escape(finding.message)}"
