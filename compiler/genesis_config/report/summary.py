"""The last line of a report for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genesis_config.report.model import Report

__all__ = ["summary"]

_WORDS = {"error": "errors", "warning": "warnings", "info": "infos"}


def summary(report: Report) -> str:
    """Return the counts: `2 files checked: 1 error, 3 warnings (2 fixable with --fix), 1 ignored`."""
    counts = dict.fromkeys(_WORDS, 0)
    for finding in report.findings:
        counts[finding.severity] += 1
    parts = [f"{count} {_WORDS[name] if count != 1 else _WORDS[name][:-1]}" for name, count in counts.items() if count]
    findings = ", ".join(parts) or "no findings"
    fixable = sum(finding.fix is not None for finding in report.findings)
    if fixable:
        findings += f" ({fixable} fixable with --fix)"
    more = [f"{report.fixed} fixed"] if report.fixed else []
    more += [f"{len(report.ignored)} ignored"] if report.ignored else []
    return f"{report.files} {'file' if report.files == 1 else 'files'} checked: {', '.join([findings, *more])}"
