"""Comments that silence findings: `// genesis: ignore[RULE, RULE] reason`.

One that trails something on its line is about that line, any other about the next line that holds something. The reason
is required: whoever reads the file wants to know it. A comment that silences nothing is a finding itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_config.diagnostics.finding import Diagnostic, Edit, Fix
from genesis_config.diagnostics.source import Span
from genesis_config.diagnostics.suggestions import nearest
from genesis_config.syntax.document import comments

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from genesis_config.diagnostics.source import Source

__all__ = ["MARK", "UNUSED", "apply_comments"]

# What every such comment has in it, with the capital that some would write.
MARK: Final = "enesis:"
UNUSED: Final = "unused-ignore"
_IGNORE = re.compile(r"(?:/[/*])\s*genesis:\s*ignore\b(?:\[([^\]]*)\])?\s*(.*?)\s*(?:\*/)?$", re.DOTALL)
# What was meant to be one: `// Genesis: ignore[…]`, `// genesis: ingore[…]`.
_SLIP = re.compile(r"(?i)/[/*]\s*genesis:\s*([a-z]+)\s*\[")
_NAME = re.compile(r"[^\s,]+")
_HOW: Final = "write `// genesis: ignore[RULE] why it is fine here`"


class _Comment(NamedTuple):
    """A comment that silences rules, or was meant to: its place, the names in it with theirs, the line it is about."""

    span: Span
    names: tuple[tuple[str, Span], ...]
    reason: Span | None
    line: int
    slip: bool = False


def apply_comments(
    findings: Sequence[Diagnostic],
    sources: Sequence[Source],
    known: Collection[str],
    elsewhere: Collection[str] = (),
    as_written: Collection[str] = (),
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Return the findings that stay, with those about unused comments, and the findings that comments silence.

    Args:
        findings: Of all the sources.
        sources: The texts whose comments count.
        known: The names of all rules.
        elsewhere: Rules that are found by other commands, or where more is known, so that silencing them is never said
            to be of no use.
        as_written: Rules that look at no variable's value. On a line with a reference any other may be found where more
            is known.
    """
    marked = [comment for source in dict.fromkeys(sources) if MARK in source.text for comment in _comments(source)]
    about: dict[tuple[Source, int, str], list[tuple[Span, Span]]] = {}
    for comment in marked:
        for name, place in comment.names if comment.reason else ():
            about.setdefault((place.source, comment.line, name), []).append((place, comment.reason or place))
    used: set[Span] = set()
    kept, silenced = [], []
    for finding in findings:
        span = finding.span
        found = about.get((span.source, span.source.position(span.start).line, finding.rule)) if span else None
        if found:
            used |= {place for place, _ in found}
            silenced.append(finding._replace(reason=_shown(found[0][1])))
        else:
            kept.append(finding)
    # Where a text was not understood, rules have not seen all of it.
    broken = {finding.span.source for finding in findings if finding.span and finding.rule == "syntax"}
    holding: dict[tuple[Source, int], bool] = {}  # lines, which may be long and have many comments
    for comment in marked:
        kept += _unused(comment, known)
        if comment.reason and comment.span.source not in broken:
            line = (comment.span.source, comment.line)
            if line not in holding:
                holding[line] = _holds_reference(*line)
            sure = not holding[line]
            for index, (name, place) in enumerate(comment.names):
                seen = name in as_written or (sure and name not in elsewhere)
                if seen and name in known and place not in used:
                    message = f"`{name}` has nothing to silence on line {comment.line}"
                    fix = _removal(comment, index)
                    kept.append(Diagnostic(UNUSED, message, place, "remove it", severity="warning", fix=fix))
    return kept, silenced


def _holds_reference(source: Source, line: int) -> bool:
    """Return whether a line contains a reference to a variable."""
    start, end = source.line_span(line)
    return any(source.text.find(mark, start, end) >= 0 for mark in ("${", "$<"))


def _comments(source: Source) -> Iterator[_Comment]:
    """Find the comments that silence, the last one first: one that stands above another is about the same line."""
    text = source.text
    following: tuple[int, int] | None = None
    spans = [(span.start, span.end) for span in comments(source)]
    trailing = _trailing(source, spans)
    for (start, end), trails in zip(reversed(spans), reversed(trailing), strict=True):
        after = _skip(text, end)
        target = following[1] if following is not None and after == following[0] else after
        following = (start, target)
        match = _IGNORE.match(text, start, end)
        if match is None:
            if (slip := _SLIP.match(text, start, end)) is not None and nearest(slip[1], ("ignore",)):
                yield _Comment(Span(source, start, end), (), None, 0, slip=True)
            continue
        begin = match.start(1)
        names = tuple(
            (name[0], Span(source, begin + name.start(), begin + name.end())) for name in _NAME.finditer(match[1] or "")
        )
        line = source.position(start if trails else min(target, len(text))).line
        yield _Comment(Span(source, start, end), names, Span(source, *match.span(2)) if match[2] else None, line)


def _trailing(source: Source, spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Return for each comment whether anything but whitespace and other comments precedes it on its line."""
    found: list[bool] = []
    before = (0, 0)
    for start, end in spans:
        first, _ = source.line_span(source.position(start).line)
        beside = bool(found) and before[0] >= first and found[-1]
        found.append(beside or source.text[max(first, before[1]) : start].strip() != "")
        before = (start, end)
    return found


def _skip(text: str, offset: int) -> int:
    """Return the offset after whitespace."""
    while offset < len(text) and text[offset].isspace():
        offset += 1
    return offset


def _unused(comment: _Comment, known: Collection[str]) -> Iterator[Diagnostic]:
    """Report a comment that could never silence anything, and names in it that no rule has."""
    if comment.slip or not comment.names or not comment.reason:
        what = "names no rule" if not comment.names else "gives no reason"
        message = f"this comment {what}, and silences nothing"
        if comment.slip:
            message = "this comment looks like one that silences a rule, and is none"
        yield Diagnostic(UNUSED, message, comment.span, _HOW, severity="warning")
        return
    for name, place in comment.names:
        if name not in known:
            near = nearest(name, known)
            help_ = f"did you mean `{near}`?" if near else "`genesis explain` lists the rules"
            yield Diagnostic(UNUSED, f"there is no rule `{_shown(place)}` to silence", place, help_, severity="warning")


def _shown(span: Span) -> str:
    """Return a part of a text as findings may quote it."""
    from genesis_config.report.redaction import visible  # few files have such comments

    return visible(span.source, span.start, span.end)


def _removal(comment: _Comment, index: int) -> Fix:
    """Return the fix that removes a name from a comment, or the comment if it has no other."""
    source, text = comment.span.source, comment.span.source.text
    if len(comment.names) > 1:
        place = comment.names[index][1]
        start = place.start if index == 0 else comment.names[index - 1][1].end
        end = comment.names[1][1].start if index == 0 else place.end
        return Fix("remove it from the comment", (Edit(Span(source, start, end), ""),))
    first, last = source.line_span(source.position(comment.span.start).line)
    start, end = comment.span.start, comment.span.end
    while start > first and text[start - 1] in " \t":
        start -= 1
    if start == first and not text[end:last].strip():
        # The line holds nothing else: it goes with its end.
        lines = source.line_starts
        end = next((offset for offset in lines if offset > comment.span.start), len(text))
    return Fix("remove the comment", (Edit(Span(source, start, end), ""),))
