"""Where commands print what may contain text of a server or a file: one escaped line, an error, or JSON."""

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
    """Print one line of Genesis' own words on standard error, escaped as a whole."""
    from genesis_config.report.escape import escape_line  # `genesis check` without a fault has nothing to escape

    sys.stderr.write(f"{escape_line(line)}\n")


def print_error(error: GenesisError, *, kind: str | None = None, where: str = "", notes: Sequence[str] = ()) -> None:
    """Print an error on standard error, in the form that findings have.

    Args:
        error: The message, and what to do.
        kind: What stands where a finding has its rule.
        where: What the message is about.
        notes: Lines between the message and the help.
    """
    print_note(f"error{f'[{kind}]' if kind else ''}: {error}{f' ({where})' if where else ''}")
    for line in notes:
        print_note(f"  = {line}")
    if error.help:
        print_note(f"  = help: {error.help}")


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Print a value as JSON on standard output, at once."""
    from genesis_config.report.escape import dump_json  # as above

    sys.stdout.write(dump_json(value, indent=indent))
    sys.stdout.flush()


def print_findings(diagnostics: Sequence[Diagnostic], *, notes: bool = False, withheld: bool = False) -> None:
    """Print findings on standard error, where they are not part of a command's result.

    Args:
        diagnostics: The findings.
        notes: Whether those of severity info are printed too.
        withheld: Whether nothing of the configuration's text may be shown.
    """
    diagnostics = [finding for finding in diagnostics if notes or finding.severity != "info"]
    if withheld:
        from genesis_config.report.withheld import withhold_text  # for links

        diagnostics = withhold_text(diagnostics)
    if diagnostics:
        from genesis_config.report.text_report import paragraphs

        colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        sys.stderr.write(paragraphs(diagnostics, colour=colour))
