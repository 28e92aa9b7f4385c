"""Safe fixes: apply them, lint again, and repeat until nothing changes.

The law: a fix removes its own finding and adds none. Findings that it uncovers do not count as added: the value of a
misspelled key is checked only once the key has its right name, but was wrong before. A fix that would cause a finding
anywhere else is not applied, and the help of its finding says why.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar

from genesis_config.config.positions import masked, merged
from genesis_config.lint.edits import apply_edits, disjoint, edits_by_file, offset_map
from genesis_config.lint.ignores import UNUSED
from genesis_config.report.escape import escape, escape_start
from genesis_config.report.paths import relative_path
from genesis_config.syntax import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from genesis_config.diagnostics.finding import Diagnostic, Path

__all__ = ["FixResult", "fix_files", "mark_refused", "render_diff"]

_ROUNDS: Final = 10
_ATTEMPTS: Final = 200  # per round: each lints the whole configuration
_BOM: Final = b"\xef\xbb\xbf"
_Key = tuple[str, str, str]


class _Linted(Protocol):
    """The result of linting; it may have other attributes."""

    @property
    def findings(self) -> list[Diagnostic]: ...


_Result = TypeVar("_Result", bound=_Linted)


class FixResult(NamedTuple, Generic[_Result]):
    """The outcome of fixing.

    Attributes:
        files: The new bytes of the files that changed, by name.
        rounds: The findings that were fixed, by round.
        result: The result of linting the fixed files.
        refused: Why the remaining fixes were not applied, for `mark_refused`.
    """

    files: dict[str, bytes]
    rounds: tuple[Sequence[Diagnostic], ...]
    result: _Result
    refused: Mapping[_Key, str]

    @property
    def applied(self) -> int:
        """The number of applied fixes."""
        return sum(map(len, self.rounds))


def fix_files(
    files: Mapping[str, bytes], result: _Result, lint: Callable[[Mapping[str, bytes]], _Result]
) -> FixResult[_Result]:
    """Apply the safe fixes of a configuration, in the file itself and in the files that it includes.

    Args:
        files: The bytes of these files, by the names that findings use. No other file is changed. A byte order mark
            and the line ends are preserved.
        result: The result of linting these files.
        lint: Lints the files with changed bytes.
    """
    current = files
    rounds = []
    refused: Mapping[_Key, str] = {}
    for _ in range(_ROUNDS):
        fixes = _Round(current, result, lint)
        fixes.run()
        current, result, refused = fixes.files, fixes.result, fixes.refused
        if not fixes.applied:
            break
        rounds.append(fixes.applied)
    changed = {name: data for name, data in current.items() if data != files[name]}
    return FixResult(changed, tuple(rounds), result, refused)


def mark_refused(findings: Iterable[Diagnostic], refused: Mapping[_Key, str]) -> list[Diagnostic]:
    """Remove the fix from findings whose fix was refused, and add the reason to their help."""

    def mark(finding: Diagnostic) -> Diagnostic:
        reason = refused.get(_key(finding)) if finding.fix else None
        if reason is None:
            return finding
        help_ = f"{finding.help}; " if finding.help else ""
        return finding._replace(fix=None, help=f"{help_}not fixed automatically: {reason}")

    return [mark(finding) for finding in findings]


def render_diff(name: str, before: bytes, after: bytes, places: Collection[Path] = ((),)) -> str:
    """Return a change as a unified diff, which git(1) can apply in the current directory.

    Secrets are redacted and control characters escaped; if there are any, the diff is only for reading.
    """
    import difflib  # only for `--diff`

    old, new = (_shown_lines(name, data, places) for data in (before, after))
    path = escape(relative_path(name))
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="")
    return "".join(f"{escape_start(line)}\n" for line in lines)


def _shown_lines(name: str, data: bytes, places: Collection[Path]) -> list[str]:
    """Return the lines of a file as they may be printed, with a carriage return if they end in one."""
    from genesis_config.report.redaction import hidden_spans, spans_in_both

    first, *others = (decode(name, data, at)[0] for at in sorted(places, key=len, reverse=True))
    hidden = hidden_spans(first)
    for other in others:
        # A file may be both included and checked as a configuration of its own.
        spans = hidden_spans(other)
        hidden = tuple(merged(hidden + spans)) if other.at else spans_in_both(hidden, spans)
    text = masked(first.text, hidden)
    *lines, last = text.split("\n")
    shown = [escape(line.removesuffix("\r")) + "\r" * line.endswith("\r") for line in lines]
    # The mark of diff(1) for a last line without a line end.
    return [*shown, f"{escape(last)}\n\\ No newline at end of file"] if last else shown


class _Round(Generic[_Result]):
    """The fixes of one lint result, applied together as far as they add no findings.

    Attributes:
        files: All files, with the fixes applied so far.
        result: The result of linting these files.
        applied: The findings whose fixes were applied.
        refused: Why other fixes were not applied.
    """

    def __init__(
        self, files: Mapping[str, bytes], result: _Result, lint: Callable[[Mapping[str, bytes]], _Result]
    ) -> None:
        self.files = self._original = files
        self.result = result
        self.applied: list[Diagnostic] = []
        self.refused: dict[_Key, str] = {}
        self._before = result.findings
        self._lint = lint
        self._attempts = 0

    def run(self) -> None:
        """Apply all fixes that can be applied."""
        fixable = [
            finding
            for finding in self._before
            if finding.fix and all(edit.span.source.name in self.files for edit in finding.fix.edits)
        ]
        # Unused ignore comments go last: another fix may uncover the finding that one of them is about.
        for is_comment in (False, True):
            remaining = [finding for finding in fixable if (finding.rule == UNUSED) == is_comment]
            while remaining and not self.applied:
                batch, remaining = disjoint(remaining)
                self._apply(batch)

    def _apply(self, batch: Sequence[Diagnostic]) -> None:
        """Apply fixes in addition to those applied so far: all at once if possible, else each half by itself."""
        self._attempts += 1
        fixes = [*self.applied, *batch]
        files = _with_fixes(self._original, fixes)
        result = self._lint(files)
        objection = _objection(self._before, result.findings, fixes)
        if objection is None:
            self.files, self.result, self.applied = files, result, fixes
        elif len(batch) == 1 or self._attempts >= _ATTEMPTS:
            reason = objection if len(batch) == 1 else "too many other fixes were rejected"
            self.refused |= dict.fromkeys(map(_key, batch), reason)
        else:
            middle = len(batch) // 2
            self._apply(batch[:middle])
            self._apply(batch[middle:])


def _with_fixes(files: Mapping[str, bytes], findings: Iterable[Diagnostic]) -> dict[str, bytes]:
    """Return files with the fixes of findings applied."""
    new = dict(files)
    for name, edits in edits_by_file(findings).items():
        source, _ = decode("", files[name])
        bom = _BOM if files[name].startswith(_BOM) else b""
        new[name] = bom + apply_edits(source.text, edits).encode()
    return new


def _objection(before: Iterable[Diagnostic], after: Iterable[Diagnostic], applied: Sequence[Diagnostic]) -> str | None:
    """Return why fixes may not be applied; None if each removes its finding and none adds one.

    Findings are counted by rule, outside the regions that the fixes uncover.
    """
    move = offset_map(applied)
    covered, uncovered, fixed = [], [], set()
    for finding in applied:
        if finding.fix and finding.fix.uncovers:
            span = finding.fix.uncovers
            name, start = span.source.name, move(span.source.name, span.start)
            covered.append((name, span.start, span.end))
            uncovered.append((name, start, move(name, span.end)))
            fixed.add((finding.rule, name, start))
    before_regions, after_regions = _Regions(covered), _Regions(uncovered)
    gone = set(applied)
    expected = Counter(
        finding.rule for finding in before if finding not in gone and _start(finding) not in before_regions
    )
    actual = Counter(
        finding.rule
        for finding in after
        if _start(finding) not in after_regions or (finding.rule, *_start(finding)) in fixed
    )
    new = actual - expected
    if not new:
        return None
    return "the result would still be invalid" if applied[-1].rule in new else f"it would cause `{min(new)}`"


class _Regions:
    """Regions of files, each given as file name, start and end offset."""

    def __init__(self, regions: Iterable[tuple[str, int, int]]) -> None:
        # By file and in order: the start of each region, and the furthest end of all regions up to it.
        self._reach: dict[str, list[tuple[int, int]]] = {}
        for name, start, end in sorted(regions):
            reach = self._reach.setdefault(name, [])
            reach.append((start, max(end, reach[-1][1] if reach else end)))

    def __contains__(self, place: tuple[str, int]) -> bool:
        name, offset = place
        reach = self._reach.get(name, ())
        index = bisect_right(reach, offset, key=itemgetter(0))
        return index > 0 and offset < reach[index - 1][1]


def _start(finding: Diagnostic) -> tuple[str, int]:
    return (finding.span.source.name, finding.span.start) if finding.span else ("", -1)


def _key(finding: Diagnostic) -> _Key:
    """Return a key for a finding that does not change with edits before it."""
    return finding.rule, finding.message, finding.span.source.name if finding.span else ""
