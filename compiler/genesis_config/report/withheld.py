"""Findings in a text that must not be shown, since a link that leaves the directory tree led to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.diagnostics.finding import Diagnostic, sort_findings
from genesis_config.rules.registry import load_rule

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["withhold_text"]


def withhold_text(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return findings reduced to their rules, severities and places.

    A message may quote any part of the text, so each is replaced by the title of its rule, and the source by one
    without text. No report of these findings can contain a character of the text.
    """
    return sort_findings(map(_reduced, findings))


def _reduced(finding: Diagnostic) -> Diagnostic:
    return Diagnostic(
        finding.rule,
        finding.rule if finding.rule == "internal-error" else load_rule(finding.rule).title,
        finding.span and finding.span._replace(source=finding.span.source.without_text()),
        "this file was reached through a link that leaves the directory tree, so its text is not shown; pass the file "
        "itself",
        severity=finding.severity,
        reason=finding.reason and "a comment in the file",
    )
