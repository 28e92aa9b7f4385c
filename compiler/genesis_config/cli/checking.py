"""`genesis check`, apart from its options: the run, its reports, the exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, Self

from genesis_config.cli.output import print_error
from genesis_config.diagnostics.errors import GenesisError, file_error
from genesis_config.diagnostics.finding import Severity, has_severity
from genesis_config.lint.discovery import NAMES
from genesis_config.lint.linter import CheckOptions, RunResult, check_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis_config.report.model import Report

__all__ = ["FORMATS", "PARSED", "run"]

# Each is a module of `genesis_config.report`, imported when it is used.
FORMATS: Final = ("text", "concise", "json", "sarif", "github", "gitlab", "junit")
# Those that are one text as a whole: nothing may stand before it.
PARSED: Final = ("json", "sarif", "gitlab", "junit")
_TO_STDOUT: Final[tuple[tuple[str, str | None], ...]] = (("text", None),)


def run(
    paths: Sequence[str],
    options: CheckOptions = CheckOptions(),  # noqa: B008 - immutable
    *,
    outputs: Sequence[tuple[str, str | None]] = _TO_STDOUT,
    fail_on: Severity = "error",
    kept: Sequence[str] = (),
) -> int:
    """Check files, write the reports, and give the exit code: 0 clean, 1 findings, 2 a file that cannot be used.

    Args:
        paths: Files, folders, patterns, `-`; none is this folder.
        options: What the run is told of rules, variables and fixes.
        outputs: Formats, each with the file that it goes to; None is standard output.
        fail_on: The least severity that makes the exit code 1.
        kept: Files that no report is written over, beside those that are checked and what belongs to them.
    """
    with _Progress() as progress:
        result = check_files(paths, options, progress.show)
    for error in result.unusable:
        print_error(error)
    if not result.report.files:
        if not result.unusable:
            where = ", ".join(paths) or "this directory"
            there = [os.path.join(path, name) for path in paths or ["."] for name in NAMES]
            ignored = [os.path.normpath(path) for path in there if os.path.isfile(path)]
            advice = "`genesis init` writes one"
            if ignored:
                advice = f"{ignored[0]} is ignored by .gitignore; pass it explicitly to check it"
            print_error(GenesisError(f"no {' or '.join(NAMES)} in {where}", help=advice))
        return 2
    written = _write(result, outputs, kept)
    return 2 if result.unusable or not written else int(has_severity(result.report.findings, fail_on))


def _write(result: RunResult, outputs: Sequence[tuple[str, str | None]], kept: Sequence[str]) -> bool:
    """Write every report; tell whether all of them could be."""
    sys.stdout.write(result.changes)
    whole = True
    for form, path in outputs:
        if path is None or path == "-":
            sys.stdout.write(
                _render(form, result.report, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
            )
            sys.stdout.flush()
            continue
        from genesis_config.files.writing import is_one_of, write_atomic  # most reports are printed
        from genesis_config.resolve.lock import lock_path

        if is_one_of(path, [*result.files, *map(lock_path, result.files), *kept]):
            print_error(GenesisError(f"-o {path} would overwrite an input file"))
            whole = False
            continue
        try:
            write_atomic(path, _render(form, result.report, colour=False).encode("utf-8", "backslashreplace"))
        except OSError as error:
            print_error(file_error("write", path, error))
            whole = False
    return whole


def _render(form: str, report: Report, *, colour: bool) -> str:
    """Render a report. A clean one for people needs no more than its summary."""
    if form == "text":
        if not report.findings:
            from genesis_config.report.summary import summary

            return summary(report) + "\n"
        from genesis_config.report import text_report as text

        return text.render(report, colour=colour)
    import importlib  # for programs that ask for it

    rendered: str = importlib.import_module(f"genesis_config.report.{form}_report").render(report)
    return rendered


class _Progress:
    """A bar on standard error, if that is a terminal and the run takes more than a second; gone at the end."""

    def __init__(self) -> None:
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._began: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, files: int) -> None:
        """Take note of a file that is done."""
        if files == 1 or not sys.stderr.isatty():
            return
        import time  # the clock and the bar are for terminals

        self._began = self._began or time.monotonic()
        if self._bar is None and time.monotonic() - self._began > 1:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("checking", total=files)
            self._bar.start()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=files)


if TYPE_CHECKING:
    import rich.progress
