"""Check many files in one run: each is read, linted, filtered by its settings, and fixed if requested.

A file that cannot be read, or whose settings cannot be used, is reported and does not stop the others. Nothing is
kept of a file without findings.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from genesis_config.config.expansion import Variables
from genesis_config.diagnostics.errors import GenesisError, file_error
from genesis_config.diagnostics.finding import Diagnostic, sort_findings
from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.diagnostics.rule_names import RULE_NAMES
from genesis_config.files.reading import NamedFile, read_below, read_found, read_named
from genesis_config.lint.discovery import STDIN, FoundFile, find_files, is_pattern
from genesis_config.lint.settings import Settings, SettingsError, settings_for
from genesis_config.pipeline import Session, check_config
from genesis_config.report.model import Report
from genesis_config.resolve.lock import lock_path, read_lock
from genesis_config.syntax import read_limited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from genesis_config.config.includes import Reader
    from genesis_config.diagnostics.finding import Path, Severity
    from genesis_config.diagnostics.source import Source

__all__ = ["CheckOptions", "CheckResult", "RunResult", "check_files", "check_text"]


# The name of standard input in findings, unless --stdin-filename sets another one.
NO_FILE: Final = "<stdin>"


class CheckOptions(NamedTuple):
    """The options of a run; those about rules take precedence over settings.

    Attributes:
        variables: The variables that references are resolved with.
        select: Only these rules; None leaves it to the settings.
        ignore: Rules to ignore, in addition to those of the settings.
        severity: Severities by rule.
        stdin_name: The path to use for standard input, in findings and to look up settings.
        fix: Whether fixes are applied.
        write: Whether fixed files are written; otherwise the run returns a diff.
    """

    variables: Variables = Variables()
    select: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, Severity] = {}
    stdin_name: str | None = None
    fix: bool = False
    write: bool = True


class CheckResult(NamedTuple):
    """The result for one file: its session, its findings, and those that comments ignore; both in order."""

    session: Session
    findings: list[Diagnostic]
    ignored: list[Diagnostic]


class RunResult(NamedTuple):
    """The result of a run.

    Attributes:
        report: The findings, and how many files were checked.
        files: All files that were named, found or included.
        unusable: The errors of files and settings that could not be used.
        changes: A diff of the fixes that were not written.
    """

    report: Report
    files: tuple[str, ...]
    unusable: tuple[GenesisError, ...]
    changes: str


def check_files(
    paths: Sequence[str],
    options: CheckOptions = CheckOptions(),  # noqa: B008 - immutable
    on_file: Callable[[int, int], None] = lambda _done, _all: None,
) -> RunResult:
    """Check files and return all results.

    Args:
        paths: Files, directories, patterns or `-`; the current directory if there are none.
        options: The options of the run.
        on_file: Called after each file with the number of files done and the number of all files.
    """
    run = _Run(options)
    files = find_files(paths or ["."])
    for number, file in enumerate(files, 1):
        run.check(file)
        on_file(number, len(files))
    report = Report(run.checked, tuple(sort_findings(run.findings)), tuple(sort_findings(run.ignored)), run.fixed)
    names = (*(file.name for file in files), *run.included)
    return RunResult(report, names, tuple(run.unusable), run.pending.diff())


def check_text(  # noqa: PLR0913 - what a check depends on
    name: str,
    data: bytes,
    settings: Settings,
    variables: Variables = Variables(),  # noqa: B008 - immutable
    read: Reader = read_below,
    root: str | None = None,
) -> CheckResult:
    """Check one text with its settings and the lock file next to it.

    Args:
        name: The path shown in findings; includes, the lock file and patterns of the settings are relative to it.
        data: The text's bytes.
        settings: The settings that apply.
        variables: The variables that references are resolved with.
        read: Returns the bytes of an included file, or raises OSError.
        root: The searched directory that it was found in; None if it was named explicitly.
    """
    lock = read_lock(lock_path(name), root) if name != NO_FILE else None
    session = check_config(name, data, variables, read, lock)
    findings = session.diagnostics
    ignored: list[Diagnostic] = []
    sources = session.config.document.sources
    if any("enesis:" in source.text for source in sources):  # `ignores.MARK`, without the import
        from genesis_config.lint.ignores import apply_comments
        from genesis_config.rules.registry import load_rules  # most files have no ignore comments

        rules = load_rules().values()
        elsewhere = {rule.name for rule in rules if rule.needs_more}
        as_written = {rule.name for rule in rules if rule.sees_only_text}
        findings, ignored = apply_comments(findings, sources, RULE_NAMES, elsewhere, as_written)
    return CheckResult(session, settings.apply(findings, name), settings.apply(ignored, name))


class _Run:
    """A run in progress: the results of the files checked so far."""

    def __init__(self, options: CheckOptions) -> None:
        self.options = options
        self.checked = self.fixed = 0
        self.findings: list[Diagnostic] = []
        self.ignored: list[Diagnostic] = []
        self.included: list[str] = []
        self.unusable: list[GenesisError] = []
        self.pending = _PendingFiles()

    def check(self, file: FoundFile) -> None:
        """Check one file, and fix it if requested."""
        path = file.name
        try:
            text = _read(file)
        except OSError as error:
            no_match = GenesisError(f"no files match {path}")
            self.unusable.append(no_match if is_pattern(path) else file_error("read", path, error))
            return
        name = (self.options.stdin_name or NO_FILE) if path == STDIN else path
        try:
            settings = _with_options(settings_for(os.path.dirname(name) or ".", file.root), self.options)
        except SettingsError as error:
            if str(error) not in map(str, self.unusable):
                self.unusable.append(error)
            return
        self.checked += 1
        configuration = _Configuration(name, settings, self.options.variables, file.root)
        result = configuration.check({name: text.data})
        if self.options.fix and text.is_outside:
            self.unusable.append(
                GenesisError(f"{path} was not fixed: it is reached through a link that leaves the directory tree")
            )
        elif self.options.fix:
            result = self._fix(configuration, text.data, result)
        self.included += (file.source.name for file in result.session.files)
        findings, ignored = result.findings, result.ignored
        if text.is_outside:
            from genesis_config.report.withheld import withhold_text

            findings, ignored = withhold_text(findings), withhold_text(ignored)
        self.findings += findings
        self.ignored += ignored

    def _fix(self, configuration: _Configuration, data: bytes, result: CheckResult) -> CheckResult:
        """Fix a configuration and the files that it includes; return the result for the files on disk afterwards."""
        from genesis_config.lint.fixes import fix_files, mark_refused  # only for `--fix`

        name = configuration.name
        files = {name: data, **{file.source.name: file.data for file in result.session.files}}
        current = self.pending.update(files)
        start = result if current == files else configuration.check(current)
        fixes = fix_files(current, start, configuration.check)
        if not self.options.write:
            sources = (result.session.config.document.source, *(file.source for file in result.session.files))
            self.pending.add(fixes.files, current, sources)
        elif failure := _write_files(fixes.files):
            self.unusable.append(failure)
        else:
            self.fixed += fixes.applied
            result = fixes.result
        return result._replace(findings=mark_refused(result.findings, fixes.refused))


class _Configuration(NamedTuple):
    """A configuration, and the settings and variables for its check."""

    name: str
    settings: Settings
    variables: Variables
    root: str | None

    def check(self, files: Mapping[str, bytes]) -> CheckResult:
        """Check the configuration with the given bytes of some files; all others are read from disk."""

        def read(path: str, tree: str) -> bytes:
            data = files.get(path)
            return read_below(path, tree) if data is None else data

        return check_text(self.name, files[self.name], self.settings, self.variables, read, self.root)


class _PendingFiles:
    """Changes that were not written, by real path; a file with several names is shown under the first one."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, bytes, bytes]] = {}
        self._places: dict[str, set[Path]] = {}

    def update(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return files with the pending changes applied."""
        changed = {name: self._files.get(os.path.realpath(name)) for name in files} if self._files else {}
        return {**files, **{name: change[2] for name, change in changed.items() if change}}

    def add(self, files: Mapping[str, bytes], originals: Mapping[str, bytes], sources: Iterable[Source]) -> None:
        """Add changed files, with their original bytes and the sources that the fixes were found in."""
        for source in sources:
            self._places.setdefault(os.path.realpath(source.name), set()).add(source.at)
        for name, data in files.items():
            real = os.path.realpath(name)
            first, original, _ = self._files.get(real, (name, originals[name], data))
            self._files[real] = (first, original, data)

    def diff(self) -> str:
        """Return all changes as a diff."""
        if not self._files:
            return ""
        from genesis_config.lint.fixes import render_diff

        return "".join(
            render_diff(*change, self._places[os.path.realpath(change[0])]) for change in sorted(self._files.values())
        )


def _write_files(files: Mapping[str, bytes]) -> GenesisError | None:
    """Write fixed files, each atomically; return the first error, if there is one."""
    if not files:
        return None
    from genesis_config.files.writing import write_atomic

    for name in files:
        # Replacing a read-only file would succeed, but whoever made it read-only does not want it changed.
        if os.path.exists(name) and not os.stat(name).st_mode & 0o222:
            return GenesisError(f"cannot write {name}: it is read-only")
    for name, data in files.items():
        try:
            write_atomic(name, data)
        except OSError as error:
            return file_error("write", name, error)
    return None


def _with_options(settings: Settings, options: CheckOptions) -> Settings:
    if options.select is None and not options.ignore and not options.severity:
        return settings
    return settings._replace(
        select=settings.select if options.select is None else options.select,
        ignore=settings.ignore | options.ignore,
        severity={**settings.severity, **options.severity},
    )


def _read(file: FoundFile) -> NamedFile:
    if file.refusal is not None:
        raise file.refusal
    if file.name == STDIN:
        return NamedFile(read_limited(sys.stdin.buffer), is_outside=False)
    return read_named(file.name) if file.root is None else NamedFile(read_found(file.name, file.root), is_outside=False)
