"""Findings for programs: one JSON object (versioned), always with the same keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.diagnostics.finding import SEVERITIES
from genesis_config.report.escape import dump_json

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic, Fix
    from genesis_config.diagnostics.source import Span
    from genesis_config.report.model import Report

__all__ = ["render"]


def render(report: Report) -> str:
    """Render a report as JSON: lines and columns are 1-based, ends are exclusive, columns count code points."""
    findings = report.findings
    content = {
        "version": 1,
        "findings": [_finding(finding) for finding in findings],
        "summary": {
            "files": report.files,
            **{f"{name}s": sum(finding.severity == name for finding in findings) for name in SEVERITIES},
            "ignored": len(report.ignored),
            "fixable": sum(finding.fix is not None for finding in findings),
            "fixed": report.fixed,
        },
    }
    # ASCII, so that control characters of a configuration never reach a terminal and any encoding of stdout works.
    return dump_json(content)


def _finding(finding: Diagnostic) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        **_place(finding.span),
        "help": finding.help,
        "fix": finding.fix and _fix(finding.fix),
        "related": [{"message": place.message, **_place(place.span)} for place in finding.related],
    }


def _fix(fix: Fix) -> dict[str, object]:
    edits = []
    for edit in fix.edits:
        place = _place(edit.span)
        del place["path"]
        edits.append({**place, "text": edit.text})
    return {"title": fix.title, "edits": edits}


def _place(span: Span | None) -> dict[str, object]:
    if span is None:
        return dict.fromkeys(("path", "line", "column", "endLine", "endColumn"))
    start, end = span.source.position(span.start), span.source.position(span.end)
    return {
        "path": span.source.name,
        "line": start.line,
        "column": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }
