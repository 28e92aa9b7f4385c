"""`genesis check`, apart from its options: finding the files, linting each, reporting."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from genesis.diagnostics import Diagnostic, Severity, fails, in_order
from genesis.expand import Variables
from genesis.pipeline import lint
from genesis.report.summary import summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["run"]

_NAMES: Final = ("genesis.json5", "genesis.json")


def run(
    paths: Sequence[str],
    *,
    form: str = "text",
    variables: Variables = Variables(),  # noqa: B008 - immutable
    fail_on: Severity = "error",
) -> int:
    """Lint files, print a report, and give the exit code: 0 clean, 1 findings, 2 a file that cannot be read.

    Args:
        paths: Files, folders that are searched for configurations, `-` for standard input; none is this folder.
        form: `text` or `json`.
        variables: What references may be resolved with.
        fail_on: The least severity that makes the exit code 1.
    """
    findings: list[Diagnostic] = []
    files = 0
    unreadable = False
    for path in dict.fromkeys(_files(paths or ["."])):
        try:
            data = _read(path)
        except OSError as error:
            _complain(f"cannot read {path}: {error.strerror}")
            unreadable = True
            continue
        files += 1
        findings += lint("<stdin>" if path == "-" else path, data, variables).diagnostics
    if not files:
        if not unreadable:
            where = ", ".join(paths) or "this folder"
            _complain(f"no {' or '.join(_NAMES)} in {where}; `genesis init` writes one")
        return 2
    findings = in_order(findings)
    _print(form, files, findings)
    return 2 if unreadable else int(fails(findings, fail_on))


def _files(paths: Sequence[str]) -> Iterator[str]:
    """List the files to check: what is named, and in folders what is called like a configuration, in a fixed order."""
    for path in paths:
        if path == "-" or not os.path.isdir(path):
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
            for name in _NAMES:
                if name in names:
                    yield os.path.normpath(os.path.join(folder, name))


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as stream:
        return stream.read()


def _complain(message: str) -> None:
    from genesis.report.escape import escape  # only where something is wrong

    sys.stderr.write(f"genesis: {escape(message)}\n")


def _print(form: str, files: int, findings: list[Diagnostic]) -> None:
    """Print a report. Each format is imported when it is used; a clean file needs only the summary."""
    if form == "json":
        from genesis.report import json

        report = json.render(files, findings)
    else:
        report = ""
        if findings:
            from genesis.report import text

            colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            report = text.render(findings, colour=colour)
        report += summary(files, findings) + "\n"
    sys.stdout.write(report)
    sys.stdout.flush()
