"""Where commands print what may hold text of a server or a file: one escaped line, or JSON."""

from __future__ import annotations

import json
import sys

import click

from genesis_config.report.escape import escape_json, escape_line

__all__ = ["print_json", "print_note"]


def print_note(line: str) -> None:
    """Print one line of Genesis' own words on standard error, escaped as a whole."""
    click.echo(escape_line(line), err=True)


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Print a value as JSON on standard output, at once."""
    sys.stdout.write(escape_json(json.dumps(value, indent=indent)) + "\n")
    sys.stdout.flush()
