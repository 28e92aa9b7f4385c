"""Telling findings apart across commits, whatever lines are added above them."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from genesis_config.diagnostics.finding import sort_findings
from genesis_config.report.paths import relative
from genesis_config.report.redaction import visible

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.diagnostics.source import Span
    from genesis_config.report.model import Report

__all__ = ["fingerprints"]


def fingerprints(report: Report) -> list[tuple[Diagnostic, str]]:
    """Give what counts and then what is silenced, each with its fingerprint (hex).

    That is one of its rule, its path, its line's text, and which of those it is; whether it is silenced makes no
    difference.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for finding in sort_findings([*report.findings, *report.silenced]):
        key = (finding.rule, *_place(finding.span), "" if finding.span else finding.message)
        seen[key] += 1
        words = "\0".join([*key, str(seen[key])]).encode("utf-8", "replace")
        found.append((finding, hashlib.sha256(words).hexdigest()))
    return sorted(found, key=lambda each: each[0].reason is not None)


def _place(span: Span | None) -> tuple[str, str]:
    if span is None:
        return "", ""
    start, end = span.source.line_span(span.source.position(span.start).line)
    # Of a line of a megabyte what is around the finding is enough, and all that is looked at.
    start, end = max(start, span.start - 500), min(end, span.start + 500)
    return relative(span.source.name), " ".join(visible(span.source, start, end).split())
