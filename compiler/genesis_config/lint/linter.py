"""Check many files in one run: each is read, linted, held against its settings, and fixed if requested.

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


# The name shown for standard input if nothing says which file it stands for.
NO_FILE: Final = "<stdin>"


class CheckOptions(NamedTuple):
    """The options of a run; those about rules take precedence over settings.

    Attributes:
        variables: What references may be resolved with.
        select: Only these rules; None is what the settings say.
        ignore: Not these, nor those of the settings.
        severity: Severities by rule.
        stdin_name: The path that standard input stands for: in findings, and for the settings that apply.
        fix: Whether fixes are applied.
        write: Whether fixed files are written; otherwise the changes are shown.
    """

    variables: Variables = Variables()
    select: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, Severity] = {}
    stdin_name: str | None = None
    fix: bool = False
    write: bool = True


class CheckResult(NamedTuple):
    """The result for one file: its stages, the findings that count, and those that comments silence; both in order."""

    session: Session
    findings: list[Diagnostic]
    silenced: list[Diagnostic]


class RunResult(NamedTuple):
    """The result of a run.

    Attributes:
        report: The findings, and how many files were checked.
        files: The files that were named, found or included.
        unusable: Why files or settings could not be used.
        changes: A diff of the changes that were not written.
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
    """Check files.

    Args:
        paths: Files, directories, patterns, `-`; none is the current directory.
        options: The options of the run.
        on_file: Called after each file with how many are done, and how many there are.
    """
    run = _Run(options)
    files = find_files(paths or ["."])
    for number, file in enumerate(files, 1):
        run.check(file)
        on_file(number, len(files))
    report = Report(run.checked, tuple(sort_findings(run.findings)), tuple(sort_findings(run.silenced)), run.fixed)
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
    """Check one text against its settings and the lock file next to it.

    Args:
        name: The path that findings show, and that includes, the lock and the settings' patterns are relative to.
        data: The text's bytes.
        settings: The settings that apply.
        variables: What references may be resolved with.
        read: Returns the bytes of an included file, or raises OSError.
        root: The directory that was searched when it was found, if one was.
    """
    lock = read_lock(lock_path(name), root) if name != NO_FILE else None
    session = check_config(name, data, variables, read, lock)
    found = session.diagnostics
    silenced: list[Diagnostic] = []
    sources = session.config.document.sources
    if any("enesis:" in source.text for source in sources):
        from genesis_config.lint.ignores import apply_comments
        from genesis_config.rules.registry import load_rules  # most files silence nothing

        rules = load_rules().values()
        elsewhere = {rule.name for rule in rules if rule.needs_more}
        as_written = {rule.name for rule in rules if rule.sees_only_text}
        found, silenced = apply_comments(found, sources, RULE_NAMES, elsewhere, as_written)
    return CheckResult(session, settings.apply(found, name), settings.apply(silenced, name))


class _Run:
    """A run that has checked some of its files."""

    def __init__(self, options: CheckOptions) -> None:
        self.options = options
        self.checked = self.fixed = 0
        self.findings: list[Diagnostic] = []
        self.silenced: list[Diagnostic] = []
        self.included: list[str] = []
        self.unusable: list[GenesisError] = []
        self.pending = _PendingFiles()

    def check(self, file: FoundFile) -> None:
        """Check one file, and fix it if requested."""
        path = file.name
        try:
            text = _read(file)
        except OSError as error:
            nothing = GenesisError(f"nothing matches {path}")
            self.unusable.append(nothing if is_pattern(path) else file_error("read", path, error))
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
            self.unusable.append(GenesisError(f"{path} is behind a link out of the directory tree: not fixed"))
        elif self.options.fix:
            result = self._fix(configuration, text.data, result)
        self.included += (each.source.name for each in result.session.files)
        findings, silenced = result.findings, result.silenced
        if text.is_outside:
            from genesis_config.report.withheld import withhold_text

            findings, silenced = withhold_text(findings), withhold_text(silenced)
        self.findings += findings
        self.silenced += silenced

    def _fix(self, configuration: _Configuration, data: bytes, result: CheckResult) -> CheckResult:
        """Fix a configuration and the files that it includes; return the result for what is on disk afterwards."""
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
    """A configuration and what its check depends on."""

    name: str
    settings: Settings
    variables: Variables
    root: str | None

    def check(self, files: Mapping[str, bytes]) -> CheckResult:
        """Check it with the given bytes of it and of files that it includes; other files are read."""

        def read(path: str, tree: str) -> bytes:
            data = files.get(path)
            return read_below(path, tree) if data is None else data

        return check_text(self.name, files[self.name], self.settings, self.variables, read, self.root)


class _PendingFiles:
    """The changes that would be written: a file is one whatever its name, and is shown by the first one."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, bytes, bytes]] = {}
        self._places: dict[str, set[Path]] = {}

    def update(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return files with the changes so far."""
        changed = {name: self._files.get(os.path.realpath(name)) for name in files} if self._files else {}
        return {**files, **{name: change[2] for name, change in changed.items() if change}}

    def add(self, files: Mapping[str, bytes], originals: Mapping[str, bytes], sources: Iterable[Source]) -> None:
        """Add changes, with the bytes that they were made from, and the sources that they were found in."""
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
    """Write fixed files, each atomically; return what failed, if anything did."""
    if not files:
        return None
    from genesis_config.files.writing import write_atomic

    for name in files:
        # Replacing a file needs no permission to write it, but whoever made it read-only wants it to stay.
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
