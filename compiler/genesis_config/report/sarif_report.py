"""SARIF 2.1.0 (OASIS, 2020), for code scanning on GitHub, GitLab and Azure DevOps.

The same findings give the same bytes: no timestamps, no absolute paths, no identifiers other than fingerprints.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from genesis_config import __version__
from genesis_config.diagnostics.rule_names import HOME, RULE_NAMES, documentation_url
from genesis_config.report.escape import dump_json
from genesis_config.report.fingerprint import fingerprints
from genesis_config.report.paths import relative_path
from genesis_config.rules.registry import load_rules

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic, Fix
    from genesis_config.diagnostics.source import Span
    from genesis_config.report.model import Report
    from genesis_config.rules.rule import Rule

__all__ = ["render"]

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}
_INDEX: Final = {name: index for index, name in enumerate(RULE_NAMES)}


def render(report: Report) -> str:
    """Render the findings, the ignored ones as suppressed, and every rule with its help."""
    findings = fingerprints(report)
    run = {
        "tool": {
            "driver": {
                "name": "genesis",
                "semanticVersion": __version__,
                "informationUri": HOME,
                "rules": [_rule(rule) for rule in load_rules().values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, fingerprint) for finding, fingerprint in findings],
    }
    return dump_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: Rule) -> dict[str, object]:
    examples = f"Bad:\n\n```json5\n{rule.bad}\n```\n\nGood:\n\n```json5\n{rule.good}\n```\n"
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"{rule.why}\n\nBad:\n{rule.bad}\n\nGood:\n{rule.good}\n",
            "markdown": f"{rule.why}\n\n{examples}",
        },
        "helpUri": documentation_url(rule.name),
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Diagnostic, fingerprint: str) -> dict[str, object]:
    help_ = f" (help: {finding.help})" if finding.help else ""
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message}{help_}"},
        "partialFingerprints": {"genesis/v1": fingerprint},
    }
    if finding.rule in _INDEX:
        result["ruleIndex"] = _INDEX[finding.rule]
    if finding.span is not None:
        result["locations"] = [{"physicalLocation": _location(finding.span)}]
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": place.message}, "physicalLocation": _location(place.span)}
            for number, place in enumerate(finding.related)
        ]
    if finding.fix is not None:
        result["fixes"] = [_fix(finding.fix)]
    if finding.reason is not None:
        result["suppressions"] = [{"kind": "inSource", "justification": finding.reason}]
    return result


def _fix(fix: Fix) -> dict[str, object]:
    replacements = [{"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in fix.edits]
    location = {"uri": _uri(fix.edits[0].span)}
    return {
        "description": {"text": fix.title},
        "artifactChanges": [{"artifactLocation": location, "replacements": replacements}],
    }


def _location(span: Span) -> dict[str, object]:
    return {"artifactLocation": {"uri": _uri(span)}, "region": _region(span)}


def _region(span: Span) -> dict[str, int]:
    start, end = span.source.position(span.start), span.source.position(span.end)
    return {
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }


def _uri(span: Span) -> str:
    """Return the path of a span as a percent-encoded URI, relative if it is below the current directory."""
    path = relative_path(span.source.name)
    quoted = quote(path.encode("utf-8", "replace"))
    if os.path.isabs(path):
        return f"file://{quoted}"
    # A colon in the first part would be parsed as the end of a scheme.
    return f"./{quoted}" if ":" in quoted.partition("/")[0] else quoted
