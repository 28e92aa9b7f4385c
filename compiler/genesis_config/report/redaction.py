"""The parts of a source that must not be shown.

In text that parsed, positions decide: see `genesis_config.config.positions`. In comments and around syntax errors,
names and key patterns decide, and text is hidden when in doubt. A source without a role is hidden completely.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.positions import (
    masked,
    merged,
    plain_names,
    root,
    url_secrets,
    variables_in_secrets,
)
from genesis_config.credentials.names import is_secret_header
from genesis_config.credentials.patterns import is_key, is_revision, key_spans
from genesis_config.net.policy import HEADER_NAME
from genesis_config.report.words import hidden_words, unparsed_values
from genesis_config.syntax import parse
from genesis_config.syntax.document import Container, Foreign, key_offsets, value_offsets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from genesis_config.config.positions import Position
    from genesis_config.diagnostics.source import Source
    from genesis_config.syntax import Document
    from genesis_config.syntax.document import Entry

__all__ = ["hidden_spans", "spans_in_both", "visible"]

# A value in a secret position is hidden everywhere else, too, but only if it has the name of a secret and looks like a
# key: the value of a harmless header can be a base URL or an ordinary word (`X-Tenant: "research"`).
_KEYLIKE: Final = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])\S{8,}+")
_MOST_KEYS: Final = 100


@lru_cache(maxsize=16)
def hidden_spans(source: Source) -> tuple[tuple[int, int], ...]:
    """Return the parts of a source that no report may show, as start and end offsets, in order and not overlapping."""
    if source.role is None:
        return ((0, len(source.text)),)
    document = parse(source)
    walk = _Walk(document)
    text = source.text
    # A Git revision in `env.vars` looks like a key.
    hidden = [span for span in (*key_spans(text), *url_secrets(text)) if span not in walk.revisions]
    hidden += walk.hidden
    for comment in document.comments():
        hidden += hidden_words(text, comment.start, comment.end, comment=True)
    if document.diagnostics:
        hidden += hidden_words(text, 0, len(text))
        hidden += unparsed_values(text, walk.strings, plain_names(source.role))
    return tuple(merged([*hidden, *_elsewhere(text, walk.keys)]))


def spans_in_both(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the intersection of two lists of spans."""
    common = []
    rest = list(reversed(other))
    for start, end in one:
        while rest and rest[-1][0] < end:
            low, high = max(start, rest[-1][0]), min(end, rest[-1][1])
            common += [(low, high)] * (low < high)
            if rest[-1][1] > end:
                break
            rest.pop()
    return tuple(common)


def visible(source: Source, start: int, end: int) -> str:
    """Return a part of a source with `***` in place of hidden text."""
    parts = [
        (max(low, start) - start, min(high, end) - start)
        for low, high in hidden_spans(source)
        if high > start and low < end
    ]
    return masked(source.text[start:end], parts)


class _Walk:
    """All values of a document with their positions.

    Attributes:
        hidden: The spans to hide because of their positions.
        strings: The start offsets of keys and strings that the parser read.
        keys: The texts that look like keys in secret positions with the name of a secret.
        revisions: The spans of Git revisions.
    """

    def __init__(self, document: Document) -> None:
        """Visit all values of a document."""
        self.text = document.source.text
        self.hidden: list[tuple[int, int]] = []
        self.strings: set[int] = set()
        self.keys: dict[str, None] = {}
        self.revisions: set[tuple[int, int]] = set()
        self._used: frozenset[str] = frozenset()
        self._is_damaged = bool(document.diagnostics)
        source = document.source
        position = root(source.role or "configuration")
        for key in source.at:
            position = position.child(key)
        # Which of its variables are keys, other files may say.
        self._alone = not source.at and "$include" not in self.text
        self._used = frozenset(variables_in_secrets(document.value))
        self._value(document.value, document.root, position)

    def _value(self, value: Any, entry: Entry | Foreign, position: Position) -> None:
        todo: list[tuple[Any, Entry | Foreign, Position, bool]] = [(value, entry, position, False)]
        while todo:
            value, entry, position, is_named = todo.pop()
            if isinstance(entry, Foreign):
                continue
            if isinstance(entry, Container) and isinstance(value, dict | list):
                for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                    child = entry.items[key]
                    self._key(key, child, position)
                    below = self._child(position, key)
                    named = is_named or (below.kind == "secret" and is_secret_header(str(key)))
                    todo.append((item, child, below, named))
            elif isinstance(value, str):
                parts = self._string(value, *value_offsets(entry), position)
                if is_named:
                    self.keys |= {part: None for part in parts if _KEYLIKE.fullmatch(part)}
            elif position.kind in {"secret", "withheld"} and value is not None and not isinstance(value, bool):
                self.hidden.append(value_offsets(entry))

    def _child(self, position: Position, key: str | int) -> Position:
        if position.kind == "variables" and not self._alone:
            return position.child("SECRET")
        return position.child(key, self._used)

    def _key(self, key: str | int, entry: Entry | Foreign, position: Position) -> None:
        if isinstance(entry, Foreign) or (offsets := key_offsets(entry)) is None:
            return
        self.strings.add(offsets[0])
        if isinstance(key, str) and key not in self.text[slice(*offsets)] and is_key(key):
            self.hidden.append(offsets)  # with escapes, the offsets of the parts are unknown
        elif position.kind == "secret" and not re.fullmatch(HEADER_NAME, str(key)):
            # It may be a whole header line, with the key in it.
            self.hidden.append(offsets)

    def _string(self, value: str, start: int, end: int, position: Position) -> list[str]:
        """Hide the secret parts of a string, and return them."""
        self.strings.add(start)
        quoted = self.text[start : start + 1] in {'"', "'"}
        low, high = (start + 1, end - 1) if quoted else (start, end)
        raw = self.text[low:high]
        if position.kind == "variable" and is_revision(value):
            self.revisions.add((low, high))
        if position.shows_strings and position.kind != "variable" and raw == value:
            return []  # key patterns and secrets in URLs are searched for in the whole text
        parts = position.hidden_parts(value)
        if parts and raw != value:
            # With escapes, the offsets of the parts are unknown.
            parts = [(0, len(raw))]
        self.hidden += [(low + first, low + last) for first, last in parts]
        return [raw[first:last] for first, last in parts]


def _elsewhere(text: str, keys: dict[str, None]) -> Iterator[tuple[int, int]]:
    """Yield all occurrences of the values in secret positions; of very many, only the first ones are searched for."""
    for key in islice(keys, _MOST_KEYS):
        start = text.find(key)
        while start >= 0:
            yield start, start + len(key)
            start = text.find(key, start + len(key))
