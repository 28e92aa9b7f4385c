"""GitLab's code quality report: a JSON array, shown in merge requests as a widget and next to the lines.

The keys are those of https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.report.escape import dump_json
from genesis_config.report.fingerprint import fingerprints
from genesis_config.report.paths import relative_path

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.report.model import Report

__all__ = ["render"]

_SEVERITIES: Final = {"error": "major", "warning": "minor", "info": "info"}


def render(report: Report) -> str:
    """Render the findings; an empty array if there are none."""
    findings = [
        _finding(finding, fingerprint) for finding, fingerprint in fingerprints(report) if finding.reason is None
    ]
    return dump_json(findings)


def _finding(finding: Diagnostic, fingerprint: str) -> dict[str, object]:
    path, line = "", 1
    if finding.span is not None:
        source = finding.span.source
        path, line = relative_path(source.name), source.position(finding.span.start).line
    help_ = f" ({finding.help})" if finding.help else ""
    return {
        "description": f"{finding.message}{help_}",
        "check_name": finding.rule,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": path, "lines": {"begin": line}},
    }
