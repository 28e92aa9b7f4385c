"""Ignore comments: `// genesis: ignore[RULE, RULE] reason`.

A comment after something else on its line applies to that line, any other comment to the next line that is neither
blank nor a comment. The reason is required, for whoever reads the file next. An unused comment is a finding itself.
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

# Part of every such comment, also of one that is misspelled as `Genesis:`.
MARK: Final = "enesis:"
UNUSED: Final = "unused-ignore"
_IGNORE = re.compile(r"(?:/[/*])\s*genesis:\s*ignore\b(?:\[([^\]]*)\])?\s*(.*?)\s*(?:\*/)?$", re.DOTALL)
# A misspelled one: `// Genesis: ignore[…]`, `// genesis: ingore[…]`.
_MISSPELLED = re.compile(r"(?i)/[/*]\s*genesis:\s*([a-z]+)\s*\[")
_NAME = re.compile(r"[^\s,]+")
_HOW: Final = "write `// genesis: ignore[RULE] why it is fine here`"


class _Comment(NamedTuple):
    """An ignore comment.

    Attributes:
        span: Its place.
        names: The rule names in it, with their places.
        reason: The place of the reason, if it has one.
        line: The line that it applies to.
        misspelled: Whether it only looks like an ignore comment.
    """

    span: Span
    names: tuple[tuple[str, Span], ...]
    reason: Span | None
    line: int
    misspelled: bool = False


def apply_comments(
    findings: Sequence[Diagnostic],
    sources: Sequence[Source],
    known: Collection[str],
    elsewhere: Collection[str] = (),
    as_written: Collection[str] = (),
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Return the findings that remain, including those about unused comments, and the ignored findings.

    Args:
        findings: The findings in all sources.
        sources: The texts whose comments apply.
        known: The names of all rules.
        elsewhere: Rules whose findings depend on the command or on more input, so that ignoring them is never
            reported as unused.
        as_written: Rules that do not depend on the values of variables. On a line with a reference, any other rule may
            have a finding once the variable is known, so that ignoring it is not reported as unused either.
    """
    ignoring = [comment for source in dict.fromkeys(sources) if MARK in source.text for comment in _comments(source)]
    targets: dict[tuple[Source, int, str], list[tuple[Span, Span]]] = {}
    for comment in ignoring:
        for name, place in comment.names if comment.reason else ():
            targets.setdefault((place.source, comment.line, name), []).append((place, comment.reason or place))
    used: set[Span] = set()
    kept, ignored = [], []
    for finding in findings:
        span = finding.span
        matches = targets.get((span.source, span.source.position(span.start).line, finding.rule)) if span else None
        if matches:
            used |= {place for place, _ in matches}
            ignored.append(finding._replace(reason=_visible_text(matches[0][1])))
        else:
            kept.append(finding)
    # After a syntax error, rules have not seen all of the text.
    broken = {finding.span.source for finding in findings if finding.span and finding.rule == "syntax"}
    with_reference: dict[tuple[Source, int], bool] = {}  # by line, which may be long and have many comments
    for comment in ignoring:
        kept += _unused(comment, known)
        if comment.reason and comment.span.source not in broken:
            line = (comment.span.source, comment.line)
            if line not in with_reference:
                with_reference[line] = _has_reference(*line)
            certain = not with_reference[line]
            for index, (name, place) in enumerate(comment.names):
                checked = name in as_written or (certain and name not in elsewhere)
                if checked and name in known and place not in used:
                    message = f"unused ignore: `{name}` is not reported on line {comment.line}"
                    fix = _removal(comment, index)
                    kept.append(Diagnostic(UNUSED, message, place, "remove it", severity="warning", fix=fix))
    return kept, ignored


def _has_reference(source: Source, line: int) -> bool:
    """Return whether a line contains a reference to a variable."""
    start, end = source.line_span(line)
    return any(source.text.find(mark, start, end) >= 0 for mark in ("${", "$<"))


def _comments(source: Source) -> Iterator[_Comment]:
    """Yield the ignore comments, last one first, since a comment above another applies to the same line."""
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
            if (misspelled := _MISSPELLED.match(text, start, end)) is not None and nearest(misspelled[1], ("ignore",)):
                yield _Comment(Span(source, start, end), (), None, 0, misspelled=True)
            continue
        begin = match.start(1)
        names = tuple(
            (name[0], Span(source, begin + name.start(), begin + name.end())) for name in _NAME.finditer(match[1] or "")
        )
        line = source.position(start if trails else min(target, len(text))).line
        yield _Comment(Span(source, start, end), names, Span(source, *match.span(2)) if match[2] else None, line)


def _trailing(source: Source, spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Return for each comment whether anything but whitespace and other comments precedes it on its line."""
    trailing: list[bool] = []
    before = (0, 0)
    for start, end in spans:
        first, _ = source.line_span(source.position(start).line)
        follows = bool(trailing) and before[0] >= first and trailing[-1]
        trailing.append(follows or source.text[max(first, before[1]) : start].strip() != "")
        before = (start, end)
    return trailing


def _skip(text: str, offset: int) -> int:
    """Return the offset after whitespace."""
    while offset < len(text) and text[offset].isspace():
        offset += 1
    return offset


def _unused(comment: _Comment, known: Collection[str]) -> Iterator[Diagnostic]:
    """Yield findings for a comment that can never have an effect, and for unknown rules in it."""
    if comment.misspelled or not comment.names or not comment.reason:
        message = f"`genesis: ignore` has no effect without a {'reason' if comment.names else 'rule'}"
        if comment.misspelled:
            message = "looks like a `genesis: ignore` comment but is not one"
        yield Diagnostic(UNUSED, message, comment.span, _HOW, severity="warning")
        return
    for name, place in comment.names:
        if name not in known:
            near = nearest(name, known)
            help_ = f"did you mean `{near}`?" if near else "run `genesis explain` to list all rules"
            yield Diagnostic(UNUSED, f"unknown rule `{_visible_text(place)}`", place, help_, severity="warning")


def _visible_text(span: Span) -> str:
    """Return a part of a text as a finding may quote it, without secrets."""
    from genesis_config.report.redaction import visible  # few files have such comments

    return visible(span.source, span.start, span.end)


def _removal(comment: _Comment, index: int) -> Fix:
    """Return the fix that removes a name from a comment, or the whole comment if it has no other name."""
    source, text = comment.span.source, comment.span.source.text
    if len(comment.names) > 1:
        place = comment.names[index][1]
        start = place.start if index == 0 else comment.names[index - 1][1].end
        end = comment.names[1][1].start if index == 0 else place.end
        return Fix("remove it from the comment", (Edit(Span(source, start, end), ""),))
    start, end = comment.span.start, comment.span.end
    first, _ = source.line_span(source.position(start).line)
    line = source.position(end).line
    _, last = source.line_span(line)
    while start > first and text[start - 1] in " \t":
        start -= 1
    if start == first and not text[end:last].strip():
        # Nothing else is on the line, so the line is removed with its end.
        end = source.line_starts[line] if line < len(source.line_starts) else len(text)
    return Fix("remove the comment", (Edit(Span(source, start, end), ""),))
