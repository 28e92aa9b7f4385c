"""The last line of a report for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genesis.diagnostics import Diagnostic

__all__ = ["summary"]


def summary(files: int, diagnostics: Iterable[Diagnostic]) -> str:
    """Count: `2 files checked: 1 error, 3 warnings`."""
    counts = dict.fromkeys(("error", "warning", "info"), 0)
    for finding in diagnostics:
        counts[finding.severity] += 1
    words = {"error": "errors", "warning": "warnings", "info": "notes"}
    parts = [f"{count} {words[name] if count != 1 else words[name][:-1]}" for name, count in counts.items() if count]
    return f"{files} {'file' if files == 1 else 'files'} checked: {', '.join(parts) or 'no findings'}"
