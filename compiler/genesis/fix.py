"""Putting findings right: the edits of their fixes, made last to first, so that comments and layout stay."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis.diagnostics import Edit
from genesis.report.escape import escape, escape_line
from genesis.source import Span
from genesis.syntax import decode, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from genesis.diagnostics import Diagnostic, Fix

__all__ = ["Fixed", "diff", "edited", "fix", "fixing_edits"]

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
    fixed = Fixed(data, 0)
    for better, made in _rounds(name, data, lint):
        fixed = Fixed(better, fixed.made + len(made))
    return fixed


def fixing_edits(name: str, data: bytes, lint: Callable[[bytes], list[Diagnostic]]) -> tuple[Edit, ...]:
    """Give what `fix` does as edits of the text as it is, in order: no character stands in them that stays as it is."""
    source, _ = decode(name, data)
    pieces = [_Piece(0, len(source.text), None)]
    for _, made in _rounds(name, data, lint):
        edits = [edit for finding in made if finding.fix for edit in finding.fix.edits]
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
    return [escape_line(line.removesuffix("\r")) for line in text.removesuffix("\n").split("\n")]


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Make edits that do not overlap."""
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end), reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


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


def _rounds(
    name: str, data: bytes, lint: Callable[[bytes], list[Diagnostic]]
) -> Iterator[tuple[bytes, list[Diagnostic]]]:
    """Give what each round makes of the bytes, and the findings that it put right."""
    for _ in range(_ROUNDS):
        findings = lint(data)
        wanted = [finding for finding in findings if finding.fix is not None and _is_here(finding.fix, name)]
        data, made = _improved(data, wanted, findings, lint)
        if not made:
            return
        yield data, made


def _improved(
    data: bytes, wanted: Sequence[Diagnostic], findings: Sequence[Diagnostic], lint: Callable[[bytes], list[Diagnostic]]
) -> tuple[bytes, list[Diagnostic]]:
    """Make all fixes at once if that is better than before, else the first one of them that is."""
    chosen = _apart(wanted)
    for attempt in (chosen, *([one] for one in chosen if len(chosen) > 1)):
        new = _with(data, attempt)
        if attempt and _is_better(findings, lint(new), len(attempt)):
            return new, attempt
    return data, []


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
