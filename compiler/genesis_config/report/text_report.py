"""Findings for people: the message, the source line with the place underlined, and the help."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, Literal

from genesis_config.config.positions import MASK
from genesis_config.report.escape import BRACKET, COMMAND, escape
from genesis_config.report.redaction import hidden_spans
from genesis_config.report.summary import summary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genesis_config.diagnostics.finding import Diagnostic, Severity
    from genesis_config.diagnostics.source import Source, Span
    from genesis_config.report.model import Report

__all__ = ["render", "render_findings"]

_COLOURS: Final[dict[str, str]] = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "info": "\x1b[1;36m"}
_BOLD: Final = "\x1b[1m"
_BLUE: Final = "\x1b[1;34m"
_RESET: Final = "\x1b[0m"
# Maximum number of source columns; a longer line is truncated around its span.
_WIDTH: Final = 110
# Characters of secrets that are looked at on either side of a span.
_LONGEST: Final = 4096
# Columns to keep before the span in a truncated line.
_LEAD: Final = 20


def render(report: Report, *, colour: bool = False) -> str:
    """Render a report: one paragraph per finding, and the summary."""
    return f"{render_findings(report.findings, colour=colour)}{summary(report)}\n"


def render_findings(diagnostics: Iterable[Diagnostic], *, colour: bool = False) -> str:
    """Render findings, one paragraph each, in the given order."""
    return "".join(f"{_Renderer(colour=colour).finding(finding)}\n\n" for finding in diagnostics)


class _Renderer:
    def __init__(self, *, colour: bool) -> None:
        self.colour = colour

    def finding(self, finding: Diagnostic) -> str:
        """Render one finding."""
        numbers = [self._last_line(span) for span in (finding.span, *(place.span for place in finding.related)) if span]
        margin = len(str(max(numbers, default=0)))
        label = self._paint(_COLOURS[finding.severity], f"{finding.severity}[{finding.rule}]")
        lines = [f"{label}{self._paint(_BOLD, ': ' + escape(finding.message))}"]
        if finding.span is not None:
            lines += self._frame(finding.span, margin, finding.severity, "^")
        for place in finding.related:
            # Not `::`, which GitHub Actions reads as a command at the start of a line.
            note = f"{self._paint(_BLUE, '=')} {self._paint(_BOLD, 'note')}: {escape(place.message)}"
            lines.append(f"{' ' * margin} {note}")
            lines += self._frame(place.span, margin, "info", "-")
        if finding.help is not None:
            bar = self._paint(_BLUE, "=")
            lines.append(f"{' ' * margin} {bar} {self._paint(_BOLD, 'help')}: {escape(finding.help)}")
        return "\n".join(lines)

    def _frame(self, span: Span, margin: int, severity: Severity, mark: str) -> list[str]:
        """Return the lines that show a span: its place, and its first source line with the span underlined."""
        position = span.source.position(span.start)
        pad = " " * margin
        arrow = self._paint(_BLUE, "-->")
        lines = [f"{pad}{arrow} {escape(span.source.name)}:{position.line}:{position.column}"]
        if not span.source.text:
            return lines
        shown, before, width = _line(span)
        bar = self._paint(_BLUE, "|")
        number = self._paint(_BLUE, str(position.line).rjust(margin))
        under = self._paint(_COLOURS[severity], mark * width)
        return [*lines, f"{pad} {bar}", f"{number} {bar} {shown}".rstrip(), f"{pad} {bar} {' ' * before}{under}"]

    @staticmethod
    def _last_line(span: Span) -> int:
        return span.source.position(span.start).line

    def _paint(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self.colour else text


def _line(span: Span) -> tuple[str, int, int]:
    """Return the first line of a span as it is shown, the columns before the span, and the columns of the span.

    A long line is truncated around the span, and only that part of it is read: a whole file may be one line.
    """
    source = span.source
    start, end = source.line_span(source.position(span.start).line)
    first, last = min(span.start, end), min(span.end, end)
    left, right = _reach(source, first, start, -1), _reach(source, first, end, 1)
    ahead = _cells(source, left, first)
    shown = _cells(source, first, right)
    before = sum(map(_columns, ahead))
    width = sum(map(_columns, shown[: last - first])) or 1
    after = min(sum(map(_columns, shown)), width + _LEAD)
    if left > start or before + after > _WIDTH:
        while before > _LEAD - 2 and before + after > _WIDTH - 2:
            before -= _columns(ahead.pop(0))
        ahead.insert(0, "… ")
        before += 2
    room = _WIDTH - before
    for index, cell in enumerate(shown):
        room -= _columns(cell)
        if room < 0:
            shown[index:] = [" …"]
            break
    else:
        shown += [" …"] * (right < end)
    return "".join(ahead + shown), before, max(1, min(width, _WIDTH - before))


def _reach(source: Source, offset: int, limit: int, step: Literal[-1, 1]) -> int:
    """Return the offset that a line's width leads to, where a hidden part is as wide as its mask.

    What is shown of a line then does not depend on how long a secret is. Of very long ones less is shown.
    """
    hidden = hidden_spans(source)
    index = bisect_right(hidden, offset, key=_end) - (step < 0)
    room, longest = _WIDTH + 1, _LONGEST
    while 0 <= index < len(hidden) and room > 0 and longest > 0:
        near, far = hidden[index][::step]
        if (near - offset) * step >= room:
            break
        room -= max((near - offset) * step, 0) + len(MASK)
        longest -= abs(far - near)
        offset, index = far, index + step
    reached = offset + max(room, 0) * step
    return max(limit, reached) if step < 0 else min(limit, reached)


def _cells(source: Source, start: int, end: int) -> list[str]:
    """Return what to show for each character: itself, an escape, spaces for a tab, or one mask for a whole secret."""
    cells = [char if char.isascii() and char.isprintable() else _cell(char) for char in source.text[start:end]]
    for command in COMMAND.finditer(source.text, start, end):
        cells[command.start() - start] = BRACKET
    hidden = hidden_spans(source)
    for hidden_start, hidden_end in hidden[bisect_right(hidden, start, key=_end) :]:
        if hidden_start >= end:
            break
        low, high = max(hidden_start, start), min(hidden_end, end)
        cells[low - start : high - start] = [MASK, *[""] * (high - low - 1)]
    return cells


def _end(hidden: tuple[int, int]) -> int:
    return hidden[1]


def _cell(char: str) -> str:
    return "    " if char == "\t" else escape(char)


def _columns(cell: str) -> int:
    """Return the width of a cell in terminal columns."""
    if cell.isascii():
        return len(cell)
    import unicodedata  # a table of 1 MB that most files do not need

    wide = {"W", "F"}
    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in wide) for char in cell)
