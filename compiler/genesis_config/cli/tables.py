"""Rows in columns: aligned text to a pipe; on a terminal a table, or where that is too narrow a block for each row."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from genesis_config.report.escape import escape_start

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console

__all__ = ["write_table"]

_GAP: Final = 2  # columns of the terminal between two of the table


def write_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = (), joined: Collection[str] = ()
) -> None:
    """Write rows on standard output, under the names of their columns.

    Args:
        columns: The header.
        rows: A cell for each column, without control characters. The first cell is what the row is about.
        right: The columns that a terminal shows flush right.
        joined: The columns that a terminal shows in the one before them: a number and where it comes from.
    """
    if sys.stdout.isatty():
        _show(*_joined(columns, rows, joined), right)
    else:
        sys.stdout.write(_aligned([columns, *rows]))


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Write rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([*map(escape_start, lines), ""])


def _joined(
    columns: Sequence[str], rows: Sequence[Sequence[str]], joined: Collection[str]
) -> tuple[list[str], list[list[str]]]:
    """Put cells into the ones before them, where they belong to them."""
    kept = [index for index, name in enumerate(columns) if name not in joined]
    ends = [*kept[1:], len(columns)]
    shorter = [[" ".join(row[start:end]) for start, end in zip(kept, ends, strict=True)] for row in rows]
    return [columns[index] for index in kept], shorter


def _show(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> None:
    """Show rows on the terminal, no cell of them cut."""
    from rich.console import Console  # 60 ms, and only a terminal sees it

    console = Console(no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
    widths = _widths(columns, rows, console.width)
    if widths is None:
        _stack(console, columns, rows)
    else:
        _draw(console, columns, rows, right, widths)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> list[int] | None:
    """Give the width of each column, so that at most headers and longer texts go on in a second line, at a word's end.

    None where there is too little room for that: what a row is about, and a cell of one word or two, stay whole.
    """
    from rich.cells import cell_len  # with the console

    least, most = [], []
    for number, column in enumerate(zip(columns, *rows, strict=True)):
        words = (cell_len(word) for cell in column for word in cell.split())
        whole = (cell_len(cell) for cell in column[1:] if number == 0 or cell.count(" ") <= 1)
        least.append(max(*words, *whole))
        most.append(max(map(cell_len, column)))
    spare = total - sum(least) - _GAP * (len(columns) - 1)
    if spare < 0:
        return None
    widths = []
    for narrow, wide in zip(least, most, strict=True):
        more = min(spare, wide - narrow)
        widths.append(narrow + more)
        spare -= more
    return widths


def _draw(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str],
    widths: Sequence[int],
) -> None:
    """Draw a table."""
    from rich.table import Table  # with the console
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, justify="right" if name in right else "left", width=width)
    for first, *others in rows:
        # Text, so that brackets in a model's id are no markup.
        table.add_row(Text(first, style="bold cyan"), *map(Text, others))
    console.print(table)


def _stack(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show each row as a block: what it is about, and below that its cells, each with the name of its column."""
    from rich.text import Text  # with the console

    width = max(map(len, columns[1:]))
    for first, *others in rows:
        # Without a wrap of its own: what is longer than a line can be copied as one.
        console.print(Text(first, style="bold cyan"), soft_wrap=True)
        for name, cell in zip(columns[1:], others, strict=True):
            if cell:
                console.print(Text.assemble((f"  {name:<{width}}  ", "bold"), cell), soft_wrap=True)
