"""Tables: aligned text for pipes; on a terminal a styled table, or one block per row if the terminal is too narrow."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from genesis_config.report.escape import escape_start

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console

__all__ = ["print_table"]

_GAP: Final = 2  # terminal columns between two columns of a table


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = (), joined: Collection[str] = ()
) -> None:
    """Print rows on standard output, with the column names above them.

    Args:
        columns: The header.
        rows: A cell for each column, without control characters. The first cell names the row.
        right: The columns to align right on a terminal.
        joined: The columns to append to the one before them on a terminal, such as the origin of a number.
    """
    if sys.stdout.isatty():
        _print(*_joined(columns, rows, joined), right)
    else:
        sys.stdout.write(_aligned([columns, *rows]))


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines of aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([*map(escape_start, lines), ""])


def _joined(
    columns: Sequence[str], rows: Sequence[Sequence[str]], joined: Collection[str]
) -> tuple[list[str], list[list[str]]]:
    """Append the cells of the `joined` columns to the cells before them."""
    kept = [index for index, name in enumerate(columns) if name not in joined]
    ends = [*kept[1:], len(columns)]
    shorter = [[" ".join(row[start:end]) for start, end in zip(kept, ends, strict=True)] for row in rows]
    return [columns[index] for index in kept], shorter


def _print(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> None:
    """Print rows on the terminal without truncating a cell."""
    from rich.console import Console  # 60 ms, and only needed on a terminal

    console = Console(no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
    widths = _widths(columns, rows, console.width)
    if widths is None:
        _print_blocks(console, columns, rows)
    else:
        _print_table(console, columns, rows, right, widths)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> list[int] | None:
    """Return the width of each column; only headers and longer texts may wrap, between words.

    None if the terminal is too narrow: the first cell of a row and cells of one or two words never wrap.
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


def _print_table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str],
    widths: Sequence[int],
) -> None:
    """Print a table."""
    from rich.table import Table  # with the console
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, justify="right" if name in right else "left", width=width)
    for first, *others in rows:
        # Text, so that brackets in a model ID are not parsed as markup.
        table.add_row(Text(first, style="bold cyan"), *map(Text, others))
    console.print(table)


def _print_blocks(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print each row as a block: its first cell, and below it the others, each with the name of its column."""
    from rich.text import Text  # with the console

    width = max(map(len, columns[1:]))
    for first, *others in rows:
        # No hard wrapping, so that a long line can be copied as one.
        console.print(Text(first, style="bold cyan"), soft_wrap=True)
        for name, cell in zip(columns[1:], others, strict=True):
            if cell:
                console.print(Text.assemble((f"  {name:<{width}}  ", "bold"), cell), soft_wrap=True)
