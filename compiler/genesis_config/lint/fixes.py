"""Putting findings right: the edits of their fixes alone, so that comments and layout stay.

The law: a fix takes its own finding away and adds none. What it uncovers is not added: the member of a misspelt key is
looked at when the key has its right name, and what is wrong there was wrong before. A fix that would bring a finding
anywhere else is not made, and the finding says why.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_config.diagnostics.finding import Edit
from genesis_config.diagnostics.source import Span
from genesis_config.lint.ignores import UNUSED
from genesis_config.report.escape import escape, escape_start
from genesis_config.report.paths import relative
from genesis_config.syntax import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from genesis_config.diagnostics.finding import Diagnostic

    Lint = Callable[[Mapping[str, bytes]], list[Diagnostic]]

__all__ = ["Fixed", "diff", "edited", "fix", "fixing_edits", "marked"]

_ROUNDS: Final = 10
_BOM: Final = b"\xef\xbb\xbf"
_Key = tuple[str, str, str]


class Fixed(NamedTuple):
    """What came of fixing.

    Attributes:
        files: The new bytes of those files that are others now, by name.
        made: How many findings were put right.
        refused: Why the fixes that are left were not made, for `marked`.
    """

    files: dict[str, bytes]
    made: int
    refused: Mapping[_Key, str]


class _Round(NamedTuple):
    """What a round made of the files, the findings that it put right, and why it did not put others right."""

    files: Mapping[str, bytes]
    made: list[Diagnostic]
    refused: Mapping[_Key, str]


def fix(files: Mapping[str, bytes], lint: Lint) -> Fixed:
    """Put right what can be put right in a configuration: the file itself, and those that it includes.

    A fix may make another one possible, so this goes on while there is something to fix.

    Args:
        files: Their bytes by the names that findings have them under. No other file is touched. A byte order mark and
            the line ends stay as they are.
        lint: Gives the findings where the files hold other bytes.
    """
    new, made = files, 0
    refused: Mapping[_Key, str] = {}
    for done in _rounds(files, lint):
        new, refused = done.files, done.refused
        made += len(done.made)
    changed = {name: data for name, data in new.items() if data != files[name]}
    return Fixed(changed, made, refused)


def marked(findings: Iterable[Diagnostic], refused: Mapping[_Key, str]) -> list[Diagnostic]:
    """Take the fix from findings whose fix was refused, and say why."""

    def seen(finding: Diagnostic) -> Diagnostic:
        why = refused.get(_key(finding)) if finding.fix else None
        if why is None:
            return finding
        help_ = f"{finding.help}; " if finding.help else ""
        return finding._replace(fix=None, help=f"{help_}--fix leaves it: {why}")

    return [seen(finding) for finding in findings]


def fixing_edits(name: str, data: bytes, lint: Lint) -> tuple[Edit, ...]:
    """Give what `fix` does to one file as edits of its text, in order; what stays as it is stands in none of them."""
    source, _ = decode(name, data)
    pieces = [_Piece(0, len(source.text), None)]
    for each in _rounds({name: data}, lint):
        edits = _edits(each.made)[name] if each.made else []
        for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end), reverse=True):
            pieces = _with_piece(pieces, edit)
    done, text, found = 0, "", []
    for piece in (*pieces, _Piece(len(source.text), len(source.text), None)):
        if piece.text is not None:
            text += piece.text
            continue
        if text or piece.start > done:
            found.append(Edit(Span(source, done, piece.start), text))
        done, text = piece.end, ""
    return tuple(found)


def diff(name: str, before: bytes, after: bytes) -> str:
    """Show a change as a unified diff, which git(1) applies where the folder of the run is.

    It is without secrets, and without characters that a terminal would obey; where one is shown as something else, the
    diff is for people alone.
    """
    import difflib  # for those who ask what would be changed

    old, new = (_shown(name, data) for data in (before, after))
    path = escape(relative(name))
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="")
    return "".join(f"{escape_start(line)}\n" for line in lines)


def _shown(name: str, data: bytes) -> list[str]:
    """Give a file's lines as they may be printed, each with the carriage return of its end."""
    from genesis_config.report.redaction import visible

    source, _ = decode(name, data)
    text = visible(source, 0, len(source.text))
    *lines, last = text.split("\n")
    shown = [escape(line.removesuffix("\r")) + "\r" * line.endswith("\r") for line in lines]
    # How diff(1) says that the last line has no end.
    return [*shown, f"{escape(last)}\n\\ No newline at end of file"] if last else shown


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Make edits that do not overlap."""
    done, parts = 0, []
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end)):
        parts += [text[done : edit.span.start], edit.text]
        done = edit.span.end
    return "".join(parts) + text[done:]


class _Piece(NamedTuple):
    """A part of a text that was edited: `start` to `end` of the text that it was, or a new one."""

    start: int
    end: int
    text: str | None

    def part(self, start: int, end: int) -> _Piece:
        """Give the characters `start` to `end` of it."""
        if self.text is None:
            return _Piece(self.start + start, self.start + end, None)
        return _Piece(0, 0, self.text[start:end])

    @property
    def length(self) -> int:
        """How many characters it has."""
        return self.end - self.start if self.text is None else len(self.text)


def _with_piece(pieces: Iterable[_Piece], edit: Edit) -> list[_Piece]:
    """Make one edit of the text that pieces are."""
    before, after, position = [], [], 0
    for piece in pieces:
        low, high = (max(0, min(place - position, piece.length)) for place in (edit.span.start, edit.span.end))
        if low:
            before.append(piece.part(0, low))
        if high < piece.length:
            after.append(piece.part(high, piece.length))
        position += piece.length
    return [*before, _Piece(0, 0, edit.text), *after]


def _rounds(files: Mapping[str, bytes], lint: Lint) -> Iterator[_Round]:
    """Give what each round does, down to one that does nothing: it tells why what is left is not put right."""
    for _ in range(_ROUNDS):
        findings = lint(files)
        wanted = [
            each for each in findings if each.fix and all(edit.span.source.name in files for edit in each.fix.edits)
        ]
        # A comment may silence what another fix uncovers, so that it is no use to take it out before.
        done = _improved(files, [each for each in wanted if each.rule != UNUSED], findings, lint)
        if not done.made:
            last = _improved(files, [each for each in wanted if each.rule == UNUSED], findings, lint)
            done = last._replace(refused={**done.refused, **last.refused})
        yield done
        if not done.made:
            return
        files = done.files


def _improved(
    files: Mapping[str, bytes], wanted: Sequence[Diagnostic], findings: Sequence[Diagnostic], lint: Lint
) -> _Round:
    """Make all fixes at once if each is right, else those that are right, or the first one of them."""
    chosen = _apart(wanted)
    if not chosen:
        return _Round(files, [], {})
    refused = {}

    def attempt(fixes: list[Diagnostic]) -> tuple[Mapping[str, bytes], str | None]:
        new = _with(files, fixes)
        return new, _objection(findings, lint(new), fixes)

    def right(fixes: list[Diagnostic]) -> list[Diagnostic]:
        _, objection = attempt(fixes)
        if objection is None:
            return fixes
        if len(fixes) == 1:
            refused[_key(fixes[0])] = objection
            return []
        middle = len(fixes) // 2
        return right(fixes[:middle]) + right(fixes[middle:])

    made = right(chosen)
    for some in (made, made[:1]):
        new, objection = attempt(some) if some else (files, "")
        if objection is None:
            return _Round(new, some, refused)
    tried = set(chosen)
    rest = _improved(files, [each for each in wanted if each not in tried], findings, lint)
    return rest._replace(refused={**refused, **rest.refused})


def _with(files: Mapping[str, bytes], findings: Iterable[Diagnostic]) -> dict[str, bytes]:
    """Make the fixes of findings."""
    new = dict(files)
    for name, edits in _edits(findings).items():
        source, _ = decode("", files[name])
        bom = _BOM if files[name].startswith(_BOM) else b""
        new[name] = bom + edited(source.text, edits).encode()
    return new


def _edits(findings: Iterable[Diagnostic]) -> dict[str, list[Edit]]:
    """Give the edits of findings' fixes in order, by the name of their file."""
    edits: dict[str, list[Edit]] = {}
    for finding in findings:
        for edit in finding.fix.edits if finding.fix else ():
            edits.setdefault(edit.span.source.name, []).append(edit)
    return {name: sorted(some, key=lambda edit: (edit.span.start, edit.span.end)) for name, some in edits.items()}


class _Taken(NamedTuple):
    """Where an edit is made, and whether it only takes text out."""

    start: int
    end: int
    removes: bool


def _apart(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Choose findings whose edits do not touch each other; of those that do, the first in order.

    What is taken out may touch what is taken out: whole lines do.
    """
    chosen: list[Diagnostic] = []
    taken: dict[str, list[_Taken]] = {}
    for finding in findings:
        edits = finding.fix.edits if finding.fix else ()
        if all(_is_free(edit, taken.get(edit.span.source.name, ())) for edit in edits):
            chosen.append(finding)
            for edit in edits:
                _, start, end = edit.span
                insort(taken.setdefault(edit.span.source.name, []), _Taken(start, end, not edit.text))
    return chosen


def _is_free(edit: Edit, taken: Sequence[_Taken]) -> bool:
    """Tell whether an edit may be made beside others, which are in order and do not overlap."""
    _, start, end = edit.span
    index = bisect_right(taken, end, key=itemgetter(0))
    while index and taken[index - 1].end >= start:
        index -= 1
        other = taken[index]
        if edit.text or not other.removes or (other.end > start and other.start < end):
            return False
    return True


def _objection(before: Iterable[Diagnostic], after: Iterable[Diagnostic], made: list[Diagnostic]) -> str | None:
    """Say why fixes are not right: one has left its finding where it was, or has brought another."""
    moves = _moves(made)
    fixed = {(finding.rule, *_place(finding, {})) for finding in made}
    uncovered = _uncovered(made)
    new: Counter[str] = Counter()
    for finding in after:
        name, start = _place(finding, moves)
        if (finding.rule, name, start) in fixed:
            return "it would not be right then either"
        spans = uncovered.get(name, ())
        index = bisect_right(spans, start, key=itemgetter(0))
        if index == 0 or start >= spans[index - 1][1]:
            new[finding.rule] += 1
    new -= Counter(finding.rule for finding in before) - Counter(finding.rule for finding in made)
    return f"it would bring `{min(new)}`" if new else None


def _uncovered(made: Iterable[Diagnostic]) -> dict[str, list[tuple[int, int]]]:
    """Give what fixes uncover, by the name of the file and in order: from where, and how far all up to there reach."""
    spans = sorted(
        (finding.fix.uncovers.source.name, *finding.fix.uncovers[1:])
        for finding in made
        if finding.fix and finding.fix.uncovers
    )
    uncovered: dict[str, list[tuple[int, int]]] = {}
    for name, start, end in spans:
        some = uncovered.setdefault(name, [])
        some.append((start, max(end, some[-1][1] if some else end)))
    return uncovered


class _Move(NamedTuple):
    """Where the text of an edit is when all are made, and where what it replaced was; `longer` is what follows it."""

    start: int
    end: int
    before: int
    longer: int


def _moves(made: Iterable[Diagnostic]) -> dict[str, list[_Move]]:
    """Give what the edits of fixes do to places, in order, by the name of their file."""
    moves: dict[str, list[_Move]] = {}
    for name, edits in _edits(made).items():
        longer = 0
        for edit in edits:
            start = edit.span.start + longer
            longer += len(edit.text) - (edit.span.end - edit.span.start)
            moves.setdefault(name, []).append(_Move(start, start + len(edit.text), edit.span.start, longer))
    return moves


def _place(finding: Diagnostic, moves: Mapping[str, Sequence[_Move]]) -> tuple[str, int]:
    """Give the file of a finding, and the offset where it would be if edits had not been made."""
    if finding.span is None:
        return "", -1
    name, start = finding.span.source.name, finding.span.start
    some = moves.get(name, ())
    index = bisect_right(some, start, key=itemgetter(0))
    if index == 0:
        return name, start
    last = some[index - 1]
    return name, last.before if start < last.end else start - last.longer


def _key(finding: Diagnostic) -> _Key:
    """Tell a finding from others whatever is changed before it."""
    return finding.rule, finding.message, finding.span.source.name if finding.span else ""
