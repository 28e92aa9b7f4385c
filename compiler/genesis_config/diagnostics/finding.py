"""Findings, with their fixes. They stay structured until a report renders them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from genesis_config.diagnostics.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genesis_config.diagnostics.rule_names import FindingName
    from genesis_config.diagnostics.source import Span

__all__ = [
    "SEVERITIES",
    "Diagnostic",
    "Edit",
    "Fix",
    "Path",
    "Related",
    "Severity",
    "has_severity",
    "sort_findings",
]

Severity = Literal["error", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")

_LONGEST: Final = 1000  # characters of a message

Path = tuple[str | int, ...]
"""Where a value is in a document: object keys and array indices from the root."""


class Related(NamedTuple):
    """Another place that explains a finding, with a message about it."""

    message: str
    span: Span


class Edit(NamedTuple):
    """A replacement of the text at `span` by `text`."""

    span: Span
    text: str


class Fix(NamedTuple):
    """A safe change that fixes a finding.

    Attributes:
        title: What it does, such as "rename it to `baseUrl`".
        edits: The edits, which are in one file and do not overlap.
        uncovers: Text that could not be checked because of the mistake, such as the value of a misspelled key. Its
            problems show up once the fix is applied, but are not caused by it.
    """

    title: str
    edits: tuple[Edit, ...]
    uncovers: Span | None = None


class Diagnostic(NamedTuple):
    """One finding.

    Attributes:
        rule: The rule's name, as in `genesis explain RULE`.
        message: What is wrong, and at which path of the configuration. It may contain text from the user, which reports
            escape.
        span: The text that it is about; None if no text is at fault (the server of an implicit provider does not
            respond).
        help: How to fix it.
        related: Other places that explain it.
        severity: Its severity.
        fix: The change that `--fix` makes; None if no change is safe.
        reason: The reason given in the ignore comment; None if the finding is not ignored.
    """

    rule: FindingName
    message: str
    span: Span | None = None
    help: str | None = None
    related: tuple[Related, ...] = ()
    severity: Severity = "error"
    fix: Fix | None = None
    reason: str | None = None


def sort_findings(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return findings without duplicates, ordered by file, offset, rule and message; those without a span come first.

    Long texts are shortened, since a message may quote a key of a megabyte.
    """

    def key(finding: Diagnostic) -> tuple[str, int, str, str]:
        span = finding.span
        return (span.source.name if span else "", span.start if span else -1, finding.rule, finding.message)

    return sorted(dict.fromkeys(map(_shortened, diagnostics)), key=key)


def _shortened(finding: Diagnostic) -> Diagnostic:
    if max(map(len, (finding.message, finding.help or "", finding.reason or ""))) <= _LONGEST:
        return finding
    return finding._replace(
        message=_cut(finding.message),
        help=finding.help and _cut(finding.help),
        reason=finding.reason and _cut(finding.reason),
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 200]} … {text[-200:]}"


def has_severity(diagnostics: Iterable[Diagnostic], at: Severity = "error") -> bool:
    """Return whether any finding has the severity `at` or a higher one."""
    limit = SEVERITIES.index(at)
    return any(SEVERITIES.index(finding.severity) <= limit for finding in diagnostics)
