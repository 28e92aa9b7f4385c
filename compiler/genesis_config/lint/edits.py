"""Edits of fixes: which can be applied together, the resulting text, and how offsets move."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from genesis_config.diagnostics.finding import Edit
from genesis_config.diagnostics.source import Span
from genesis_config.syntax import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from genesis_config.diagnostics.finding import Diagnostic

__all__ = ["apply_edits", "combined_edits", "disjoint", "edits_by_file", "offset_map"]


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with edits applied; they must not overlap."""
    end, parts = 0, []
    for edit in sorted(edits, key=_place):
        parts += [text[end : edit.span.start], edit.text]
        end = edit.span.end
    return "".join(parts) + text[end:]


def combined_edits(name: str, data: bytes, rounds: Iterable[Sequence[Diagnostic]]) -> tuple[Edit, ...]:
    """Return the edits of all rounds as edits of the original text of a file, in order and minimal.

    Args:
        name: The file's name, as findings use it.
        data: The bytes of the file before the first round.
        rounds: The findings fixed in each round.
    """
    source, _ = decode(name, data)
    text = source.text
    origins: list[int | None] = [*range(len(text)), len(text)]  # original offset of each character and of the end
    for findings in rounds:
        edits = edits_by_file(findings).get(name, [])
        for start, end, new in ((edit.span.start, edit.span.end, edit.text) for edit in reversed(edits)):
            origins[start:end] = [None] * len(new)
        text = apply_edits(text, edits)
    combined, done, inserted = [], 0, ""
    for char, origin in zip(f"{text}\0", origins, strict=True):
        if origin is None:
            inserted += char
            continue
        if inserted or origin > done:
            combined.append(Edit(Span(source, done, origin), inserted))
        done, inserted = origin + 1, ""
    return tuple(combined)


def edits_by_file(findings: Iterable[Diagnostic]) -> dict[str, list[Edit]]:
    """Return the edits of the findings' fixes in order, by file name."""
    edits: dict[str, list[Edit]] = {}
    for finding in findings:
        for edit in finding.fix.edits if finding.fix else ():
            edits.setdefault(edit.span.source.name, []).append(edit)
    return {name: sorted(of_file, key=_place) for name, of_file in edits.items()}


def disjoint(findings: Iterable[Diagnostic]) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Return the findings whose edits do not touch edits of an earlier one, and the rest.

    Two removals may touch, as those of adjacent lines do.
    """
    chosen: list[Diagnostic] = []
    rest: list[Diagnostic] = []
    last: dict[str, Edit] = {}  # of the chosen findings, by file

    def follows(edit: Edit) -> bool:
        before = last.get(edit.span.source.name)
        if before is None:
            return True
        both_remove = not edit.text and not before.text
        return edit.span.start > before.span.end or (both_remove and edit.span.start == before.span.end)

    def first_edit(finding: Diagnostic) -> tuple[str, int, int]:
        return min((edit.span.source.name, *_place(edit)) for edit in (finding.fix.edits if finding.fix else ()))

    for finding in sorted(findings, key=first_edit):
        edits = sorted(finding.fix.edits if finding.fix else (), key=_place)
        if all(map(follows, edits)):
            chosen.append(finding)
            last.update((edit.span.source.name, edit) for edit in edits)
        else:
            rest.append(finding)
    return chosen, rest


def offset_map(applied: Iterable[Diagnostic]) -> Callable[[str, int], int]:
    """Return a function that maps a file name and an offset to the offset after the fixes."""
    shifts: dict[str, tuple[list[int], list[int]]] = {}
    for name, edits in edits_by_file(applied).items():
        longer = accumulate(len(edit.text) - (edit.span.end - edit.span.start) for edit in edits)
        shifts[name] = ([edit.span.end for edit in edits], [0, *longer])

    def move(name: str, offset: int) -> int:
        ends, longer = shifts.get(name, ([], [0]))
        return offset + longer[bisect_right(ends, offset)]

    return move


def _place(edit: Edit) -> tuple[int, int]:
    return edit.span.start, edit.span.end
