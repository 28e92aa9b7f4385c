"""Fingerprints that identify findings across commits, even if lines are added above them."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from genesis_config.diagnostics.finding import sort_findings
from genesis_config.report.paths import relative_path
from genesis_config.report.redaction import visible

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.diagnostics.source import Span
    from genesis_config.report.model import Report

__all__ = ["fingerprints"]


def fingerprints(report: Report) -> list[tuple[Diagnostic, str]]:
    """Return the findings and then the ignored ones, each with its fingerprint (hex).

    The fingerprint is computed from the rule, the path, the text of the line, and a count to tell equal ones apart.
    Ignoring a finding does not change it.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    identified = []
    for finding in sort_findings([*report.findings, *report.ignored]):
        key = (finding.rule, *_place(finding.span), "" if finding.span else finding.message)
        seen[key] += 1
        content = "\0".join([*key, str(seen[key])]).encode("utf-8", "replace")
        identified.append((finding, hashlib.sha256(content).hexdigest()))
    return sorted(identified, key=lambda pair: pair[0].reason is not None)


def _place(span: Span | None) -> tuple[str, str]:
    if span is None:
        return "", ""
    start, end = span.source.line_span(span.source.position(span.start).line)
    # Of a very long line, only the part around the finding is used.
    start, end = max(start, span.start - 500), min(end, span.start + 500)
    return relative_path(span.source.name), " ".join(visible(span.source, start, end).split())
