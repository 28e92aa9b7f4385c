"""The outcome of a run, which every report renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.diagnostics.named_tuple import NamedTuple

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic

__all__ = ["Report"]


class Report(NamedTuple):
    """The outcome of a run.

    Attributes:
        files: How many files were checked.
        findings: The findings, in order.
        ignored: The findings that comments ignore, each with its reason, in order.
        fixed: How many findings were fixed.
    """

    files: int
    findings: tuple[Diagnostic, ...]
    ignored: tuple[Diagnostic, ...] = ()
    fixed: int = 0
