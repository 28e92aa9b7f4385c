"""The state of reading, shared by the fast loop and the token-by-token reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from genesis_config.diagnostics.finding import Diagnostic, Related
from genesis_config.diagnostics.source import Span
from genesis_config.syntax.document import Container, Document, Entry, Mark, key_offsets, value_offsets

if TYPE_CHECKING:
    import re

    from genesis_config.diagnostics.rule_names import FindingName
    from genesis_config.diagnostics.source import Source

__all__ = ["MAX_DEPTH", "MAX_ERRORS", "State", "Stop"]

MAX_DEPTH: Final = 200
MAX_ERRORS: Final = 20


class Stop(Exception):  # noqa: N818 - not an error: the document is what was read so far
    """The end of a reading that cannot continue."""


class State:
    """A partly read document. `containers` and `values` are the open objects and arrays, outermost first."""

    def __init__(self, source: Source) -> None:
        """Start at the first character of `source`."""
        self.source = source
        self.text = source.text
        self.position = 0
        self.containers: list[Container] = []
        self.values: list[Any] = []
        self.value: Any = None
        self.root: Entry | None = None
        self.diagnostics: list[Diagnostic] = []
        self.damaged: set[int] = set()  # offsets

    def document(self) -> Document:
        """Return what was read."""
        damaged = frozenset((self.source, offset) for offset in self.damaged)
        root = self.root or Mark(-1, -1, 0, 0)
        return Document(self.source, self.value, root, self.diagnostics, damaged)

    def store(self, key: str | None, value: Any, entry: Entry) -> None:
        """Add an item to the innermost open container; if none is open, make it the root."""
        if not self.containers:
            self.value, self.root = value, entry
        elif key is None:
            self.values[-1].append(value)
            self.containers[-1].items.append(entry)
        else:
            items = self.containers[-1].items
            if key in items:
                self.duplicate(key, items[key], entry)
            self.values[-1][key] = value
            items[key] = entry

    def open(self, key: str | None, mark: re.Match[str] | Mark, start: int) -> None:
        """Store a new object or array whose bracket is at `start`, and make it the innermost open one."""
        if len(self.containers) == MAX_DEPTH:
            self.report(
                f"objects and arrays are nested more than {MAX_DEPTH} deep",
                start,
                start + 1,
                rule="too-deep",
                help=f"a configuration needs only a few levels; is a bracket before line "
                f"{self.source.position(start).line} never closed?",
            )
            raise Stop
        value: Any = {} if self.text[start] == "{" else []
        container = Container(self.source, mark, start, type(value)())
        self.store(key, value, container)
        self.containers.append(container)
        self.values.append(value)

    def close(self, end: int) -> None:
        """Close the innermost open container at `end`, the offset after its closing bracket."""
        self.containers.pop().end = end
        self.values.pop()

    def abandon(self) -> None:
        """End the reading: close all open containers at the end of the text, and mark them as damaged."""
        for container in self.containers:
            container.end = len(self.text)
            self.damaged.add(container.start)

    def duplicate(self, key: str, first: Entry, second: Entry) -> None:
        """Report a key that its object already has. The last value is used, as in every JSON5 library."""
        start, end = key_offsets(first) or value_offsets(first)
        self.report(
            f"duplicate key `{key}`",
            *(key_offsets(second) or value_offsets(second)),
            rule="duplicate-key",
            help="keep one of them; the last one is used",
            related=(Related("first defined here", Span(self.source, start, end)),),
        )

    def report(  # noqa: PLR0913 - a diagnostic's fields
        self,
        message: str,
        start: int,
        end: int,
        *,
        rule: FindingName = "syntax",
        help: str | None = None,  # noqa: A002 - a diagnostic's field
        related: tuple[Related, ...] = (),
    ) -> None:
        """Add a diagnostic for the text from `start` to `end`.

        Raises:
            Stop: It is the last one that a file may have.
        """
        self.diagnostics.append(Diagnostic(rule, message, Span(self.source, start, end), help, related))
        if len(self.diagnostics) >= MAX_ERRORS:
            raise Stop
