"""Printing of what may contain text from a server or a file: an escaped line, an error, findings, or JSON."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis_config.diagnostics.errors import GenesisError
    from genesis_config.diagnostics.finding import Diagnostic

__all__ = ["print_error", "print_findings", "print_json", "print_note"]


def print_note(line: str) -> None:
    """Print one line on standard error, escaped."""
    from genesis_config.report.escape import escape_line  # not needed by a `genesis check` without errors

    sys.stderr.write(f"{escape_line(line)}\n")


def print_error(error: GenesisError, *, kind: str | None = None, where: str = "", notes: Sequence[str] = ()) -> None:
    """Print an error on standard error, in the form of a finding.

    Args:
        error: The message, and the help if there is one.
        kind: Printed in brackets, where a finding has its rule.
        where: What the message is about, printed after it.
        notes: Lines to print between the message and the help.
    """
    print_note(f"error{f'[{kind}]' if kind else ''}: {error}{f' ({where})' if where else ''}")
    for line in notes:
        print_note(f"  = {line}")
    if error.help:
        print_note(f"  = help: {error.help}")


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Print a value as JSON on standard output, and flush it."""
    from genesis_config.report.escape import dump_json  # as above

    sys.stdout.write(dump_json(value, indent=indent))
    sys.stdout.flush()


def print_findings(diagnostics: Sequence[Diagnostic], *, notes: bool = False, withheld: bool = False) -> None:
    """Print findings on standard error, for commands whose result is something else.

    Args:
        diagnostics: The findings.
        notes: Whether to print those of severity info, too.
        withheld: Whether the text of the configuration must not be shown.
    """
    diagnostics = [finding for finding in diagnostics if notes or finding.severity != "info"]
    if withheld:
        from genesis_config.report.withheld import withhold_text  # only for links out of the tree

        diagnostics = withhold_text(diagnostics)
    if diagnostics:
        from genesis_config.report.text_report import render_findings

        colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        sys.stderr.write(render_findings(diagnostics, colour=colour))
