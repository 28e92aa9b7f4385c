"""The fast loop that reads JSON5 text into a document."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from genesis_config.syntax.document import Container, Mark
from genesis_config.syntax.grammar import CLOSE, DECIMAL, ELEMENT, END, LITERAL, LITERALS, MEMBER, OPEN, START
from genesis_config.syntax.state import MAX_DEPTH, State, Stop

if TYPE_CHECKING:
    from genesis_config.diagnostics.source import Source
    from genesis_config.syntax.document import Document

__all__ = ["parse"]


def parse(source: Source) -> Document:
    """Parse JSON5 1.0, with a diagnostic for everything that is not valid or that JSON cannot represent.

    No text makes it raise an error: the document contains the diagnostics, at most 20, and what could be recovered.
    """
    state = State(source)
    # Reading creates only objects that are kept: searching them for garbage took 40 % of the time on a 3 MB file.
    collecting = gc.isenabled()
    gc.disable()
    try:
        _read(state)
    except Stop:
        state.abandon()
    finally:
        if collecting:
            gc.enable()
    return state.document()


def _read(state: State) -> None:
    if (start := START.match(state.text)) is not None:
        state.position = start.end()
        state.open(None, Mark(-1, -1, 0, 0), state.position - 1)
        _read_items(state)
        if not state.containers and END.match(state.text, state.position):
            return
    # What the fast loop does not know is read token by token, item by item, by a reader that knows all of JSON5.
    from genesis_config.syntax.careful import CarefulReader  # 2 ms, which a typical file saves

    reader = CarefulReader(state)
    while reader.read_item():
        if state.containers:
            _read_items(state)


def _read_items(state: State) -> None:  # noqa: C901, PLR0912, PLR0915 - the hot loop: one call per item costs 30 %
    """Read items with one match each, in and out of containers, until one needs reading token by token.

    The state is copied to local names: the loop runs once for every key and bracket in the file.
    """
    text, position = state.text, state.position
    containers, values = state.containers, state.values
    names: dict[str, str] = {}
    container, value = containers[-1], values[-1]
    items = container.items
    is_object = type(value) is dict
    scan = MEMBER.match if is_object else ELEMENT.match
    while (match := scan(text, position)) is not None:
        kind = match.lastindex
        if kind == CLOSE:
            position = match.end()
            state.close(match.end(CLOSE))
            if not containers:
                position = match.end(CLOSE)
                break
            container, value = containers[-1], values[-1]
            items = container.items
            is_object = type(value) is dict
            scan = MEMBER.match if is_object else ELEMENT.match
            continue
        item: Any
        entry: Any = match
        if kind == DECIMAL:
            item = int(match[DECIMAL])
        elif kind == LITERAL:
            item = LITERALS[match[LITERAL]]
        elif kind == OPEN:
            if len(containers) == MAX_DEPTH:
                break
            item = {} if match[OPEN] == "{" else []
            entry = Container(state.source, match, match.start(OPEN), type(item)())
        else:
            item = match[kind or 0]
        position = match.end()
        if is_object:
            written = match[1]
            key = names.get(written)
            if key is None:
                key = names[written] = written.strip('"')
            if key in value:
                state.duplicate(key, items[key], entry)
            value[key] = item
            items[key] = entry
        else:
            value.append(item)
            items.append(entry)
        if kind == OPEN:
            containers.append(entry)
            values.append(item)
            value, items = item, entry.items
            is_object = type(item) is dict
            scan = MEMBER.match if is_object else ELEMENT.match
    state.position = position
