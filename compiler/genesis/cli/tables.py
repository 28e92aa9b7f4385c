"""Rows in columns: aligned text to a pipe, a table on a terminal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["write_table"]


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> None:
    """Write rows on standard output, under the names of their columns.

    Args:
        columns: The header.
        rows: A cell for each column, without control characters. The first cell is what the row is about.
        right: The columns that a terminal shows flush right.
    """
    if sys.stdout.isatty():
        _draw(columns, rows, right)
    else:
        sys.stdout.write(_aligned([columns, *rows]))


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Write rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([*lines, ""])


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> None:
    """Draw a table on the terminal."""
    from rich.console import Console  # 60 ms, and only a terminal sees it
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left")
    for row in rows:
        # Text, so that brackets in a model's id are no markup.
        table.add_row(*(Text(cell, style="bold cyan" if cell == row[0] else "") for cell in row))
    Console(no_color=bool(os.environ.get("NO_COLOR")), highlight=False).print(table)
