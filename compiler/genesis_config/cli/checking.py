"""The body of `genesis check`: the run, its reports, and the exit code."""

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

__all__ = ["FORMATS", "PARSED", "run_check"]

# Each is a module of `genesis_config.report`, imported only when used.
FORMATS: Final = ("text", "concise", "json", "sarif", "github", "gitlab", "junit")
# Those that programs parse as a whole, so that nothing else may be printed before them.
PARSED: Final = ("json", "sarif", "gitlab", "junit")
_TO_STDOUT: Final[tuple[tuple[str, str | None], ...]] = (("text", None),)


def run_check(
    paths: Sequence[str],
    options: CheckOptions = CheckOptions(),  # noqa: B008 - immutable
    *,
    outputs: Sequence[tuple[str, str | None]] = _TO_STDOUT,
    fail_on: Severity = "error",
    protected: Sequence[str] = (),
) -> int:
    """Check files, write the reports, and return the exit code.

    It is 0 without findings that fail, 1 with such findings, and 2 if a file cannot be used or written.

    Args:
        paths: Files, directories, patterns or `-`; the current directory if there are none.
        options: The options of the run.
        outputs: Formats, each with the file to write it to; None is standard output.
        fail_on: The lowest severity that causes exit code 1.
        protected: Files that no report may overwrite, in addition to the checked files, their includes and locks.
    """
    with _Progress() as progress:
        result = check_files(paths, options, progress.update)
    for error in result.unusable:
        print_error(error)
    if not result.report.files:
        if not result.unusable:
            where = ", ".join(paths) or "this directory"
            candidates = [os.path.join(path, name) for path in paths or ["."] for name in NAMES]
            ignored = [os.path.normpath(path) for path in candidates if os.path.isfile(path)]
            advice = "run `genesis init` to create one"
            if ignored:
                advice = f"{ignored[0]} is ignored by .gitignore; pass it explicitly to check it"
            print_error(GenesisError(f"no {' or '.join(NAMES)} in {where}", help=advice))
        return 2
    written = _write_reports(result, outputs, protected)
    return 2 if result.unusable or not written else int(has_severity(result.report.findings, fail_on))


def _write_reports(result: RunResult, outputs: Sequence[tuple[str, str | None]], protected: Sequence[str]) -> bool:
    """Write every report; return whether all were written."""
    sys.stdout.write(result.changes)
    succeeded = True
    for form, path in outputs:
        if path is None or path == "-":
            sys.stdout.write(
                _render(form, result.report, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
            )
            sys.stdout.flush()
            continue
        from genesis_config.files.writing import is_one_of, write_atomic  # most reports are printed
        from genesis_config.resolve.lock import lock_path

        if is_one_of(path, [*result.files, *map(lock_path, result.files), *protected]):
            print_error(GenesisError(f"-o {path} would overwrite an input file"))
            succeeded = False
            continue
        try:
            write_atomic(path, _render(form, result.report, colour=False).encode("utf-8", "backslashreplace"))
        except OSError as error:
            print_error(file_error("write", path, error))
            succeeded = False
    return succeeded


def _render(form: str, report: Report, *, colour: bool) -> str:
    """Render a report; as text, one without findings is only its summary."""
    if form == "text":
        if not report.findings:
            from genesis_config.report.summary import summary

            return summary(report) + "\n"
        from genesis_config.report import text_report as text

        return text.render(report, colour=colour)
    import importlib  # not needed for text

    rendered: str = importlib.import_module(f"genesis_config.report.{form}_report").render(report)
    return rendered


class _Progress:
    """A progress bar on standard error, if that is a terminal and the run takes more than a second.

    The bar is erased at the end.
    """

    def __init__(self) -> None:
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._began: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, files: int) -> None:
        """Update the bar after a file."""
        if files == 1 or not sys.stderr.isatty():
            return
        import time  # only needed on terminals

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
