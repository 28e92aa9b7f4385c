"""Putting findings right: the edits of their fixes, made last to first, so that comments and layout stay."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis.report.escape import escape
from genesis.syntax import decode, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from genesis.diagnostics import Diagnostic, Edit, Fix

__all__ = ["Fixed", "diff", "edited", "fix"]

_ROUNDS: Final = 10
_BOM: Final = b"\xef\xbb\xbf"


class Fixed(NamedTuple):
    """A file's new bytes, and how many findings were put right."""

    data: bytes
    made: int


def fix(name: str, data: bytes, lint: Callable[[bytes], list[Diagnostic]]) -> Fixed:
    """Put right what can be put right in one file; what it includes is left alone.

    A fix may make another one possible, so this goes on while there is something to fix. One that would add a finding
    of any rule is not made.

    Args:
        name: The file's path, as findings name it.
        data: Its bytes. A byte order mark and the line ends stay as they are.
        lint: Gives the findings of other bytes for the same file.
    """
    count = 0
    for _ in range(_ROUNDS):
        findings = lint(data)
        wanted = [finding for finding in findings if finding.fix is not None and _is_here(finding.fix, name)]
        better, made = _improved(data, wanted, findings, lint)
        if not made:
            break
        data, count = better, count + made
    return Fixed(data, count)


def diff(name: str, before: bytes, after: bytes) -> str:
    """Show a change as a unified diff, without secrets and without characters that a terminal would obey."""
    import difflib  # for those who ask what would be changed

    old, new = (_shown(name, data) for data in (before, after))
    return "".join(
        f"{line}\n" for line in difflib.unified_diff(old, new, f"a/{escape(name)}", f"b/{escape(name)}", lineterm="")
    )


def _shown(name: str, data: bytes) -> list[str]:
    """Give a file's lines as they may be printed."""
    from genesis.masking import hide_secrets

    source, _ = decode(name, data)
    hide_secrets(parse(source))
    text, done = "", 0
    for start, end in source.hidden:
        text += source.text[done:start] + "***"
        done = end
    text += source.text[done:]
    return [escape(line.removesuffix("\r")) for line in text.removesuffix("\n").split("\n")]


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Make edits that do not overlap."""
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end), reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def _improved(
    data: bytes, wanted: Sequence[Diagnostic], findings: Sequence[Diagnostic], lint: Callable[[bytes], list[Diagnostic]]
) -> tuple[bytes, int]:
    """Make all fixes at once if that is better than before, else the first one of them that is."""
    chosen = _apart(wanted)
    for attempt in (chosen, *([one] for one in chosen if len(chosen) > 1)):
        new = _with(data, attempt)
        if attempt and _is_better(findings, lint(new), len(attempt)):
            return new, len(attempt)
    return data, 0


def _with(data: bytes, findings: Iterable[Diagnostic]) -> bytes:
    source, _ = decode("", data)
    edits = [edit for finding in findings if finding.fix for edit in finding.fix.edits]
    bom = _BOM if data.startswith(_BOM) else b""
    return bom + edited(source.text, edits).encode()


def _is_here(fix: Fix, name: str) -> bool:
    return all(edit.span.source.name == name for edit in fix.edits)


def _apart(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Choose findings whose edits do not touch each other; of those that do, the first in order."""
    chosen: list[Diagnostic] = []
    taken: list[tuple[int, int]] = []
    for finding in findings:
        places = [(edit.span.start, edit.span.end) for edit in finding.fix.edits] if finding.fix else []
        if all(end < low or high < start for start, end in places for low, high in taken):
            chosen.append(finding)
            taken += places
    return chosen


def _is_better(before: Iterable[Diagnostic], after: Iterable[Diagnostic], made: int) -> bool:
    """Tell whether every fix that was made took a finding away, and none brought another."""
    old, new = (Counter(finding.rule for finding in findings) for findings in (before, after))
    return new.total() <= old.total() - made and not new - old
