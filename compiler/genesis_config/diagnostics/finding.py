"""What a finding is. It stays structured until a report renders it."""

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
    "fails",
    "in_order",
]

Severity = Literal["error", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")

_LONGEST: Final = 1000  # characters of a message

Path = tuple[str | int, ...]
"""Where a value is in a document: object keys and array indices from the root."""


class Related(NamedTuple):
    """Another place that explains a finding, with the words that stand beside it."""

    message: str
    span: Span


class Edit(NamedTuple):
    """A change of the text: what stands at `span` is replaced by `text`."""

    span: Span
    text: str


class Fix(NamedTuple):
    """A change that puts a finding right and is safe: what it does, in words (`rename it to `baseUrl``), and its edits.

    The edits lie in one file and do not overlap.

    Attributes:
        title: In words.
        edits: What is replaced.
        uncovers: Text that nothing has looked at before, since the mistake kept it from being what it was meant to be:
            the member of a misspelt key. What is wrong in it is found when the fix is made, and not made by it.
    """

    title: str
    edits: tuple[Edit, ...]
    uncovers: Span | None = None


class Diagnostic(NamedTuple):
    """One finding.

    Attributes:
        rule: The rule's name, as in `genesis explain RULE`.
        message: What is wrong and at which path of the configuration. May hold text from the user; reports escape it.
        span: Where it is; None where no text is at fault (a server that does not answer an implicit provider).
        help: What to do.
        related: Other places that explain it.
        severity: How bad it is.
        fix: What `--fix` does about it; None where no change is safe.
        reason: Why it is silenced, by a comment beside it; None where it is not.
    """

    rule: FindingName
    message: str
    span: Span | None = None
    help: str | None = None
    related: tuple[Related, ...] = ()
    severity: Severity = "error"
    fix: Fix | None = None
    reason: str | None = None


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Order findings by file, offset and rule (then message), those without a place first; equal ones are one.

    Words that quote a key of a megabyte are cut: no report is to be that long.
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


def fails(diagnostics: Iterable[Diagnostic], at: Severity = "error") -> bool:
    """Tell whether any finding is at or above the severity `at`."""
    limit = SEVERITIES.index(at)
    return any(SEVERITIES.index(finding.severity) <= limit for finding in diagnostics)
