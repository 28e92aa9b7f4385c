"""Many files in one run: each is read, linted, held against the settings that hold for it, and fixed if asked for.

A file that cannot be read, or whose settings cannot be used, is told and hides no other; nothing is kept of a file
without findings.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_config.config.expansion import Variables
from genesis_config.diagnostics.finding import Diagnostic, in_order
from genesis_config.files.reading import NamedFile, read_below, read_found, read_named
from genesis_config.lint.discovery import STDIN, Found, collect, is_pattern
from genesis_config.lint.settings import Settings, SettingsError, for_folder
from genesis_config.pipeline import Session, check_config
from genesis_config.report.model import Report
from genesis_config.resolve.lock import lock_path
from genesis_config.resolve.lock import read as read_lock
from genesis_config.syntax import take

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from genesis_config.config.includes import Reader
    from genesis_config.diagnostics.finding import Severity
    from genesis_config.lint.fixes import Fixed

__all__ = ["Checked", "Choices", "Outcome", "check", "check_text"]


# What findings in standard input are shown with, if nothing says which file it stands for.
NO_FILE: Final = "<stdin>"


class Choices(NamedTuple):
    """What a run is told beside its files; of rules it goes before what the settings say.

    Attributes:
        variables: What references may be resolved with.
        select: Only these rules; None is what the settings say.
        ignore: Not these, nor those of the settings.
        severity: Severities by rule.
        stdin_name: The path that standard input stands for: in findings, and for the settings that hold.
        fix: Whether fixes are made.
        write: Whether fixed files are written; else the changes are shown.
    """

    variables: Variables = Variables()
    select: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, Severity] = {}
    stdin_name: str | None = None
    fix: bool = False
    write: bool = True


class Checked(NamedTuple):
    """One file: what the stages made of it, the findings that count, and those that comments silence; both in order."""

    session: Session
    findings: list[Diagnostic]
    silenced: list[Diagnostic]


class Outcome(NamedTuple):
    """What a run gave.

    Attributes:
        report: The findings, and how many files were checked.
        files: The files that were named, found or included.
        unusable: Why files or settings could not be used.
        changes: Those that were not written.
    """

    report: Report
    files: tuple[str, ...]
    unusable: tuple[str, ...]
    changes: str


def check(
    paths: Sequence[str],
    choices: Choices = Choices(),  # noqa: B008 - immutable
    on_file: Callable[[int, int], None] = lambda _done, _all: None,
) -> Outcome:
    """Check files.

    Args:
        paths: Files, folders, patterns, `-`; none is this folder.
        choices: What the run is told.
        on_file: Called after each file with how many are done, and how many there are.
    """
    findings: list[Diagnostic] = []
    silenced: list[Diagnostic] = []
    unusable = []
    pending = _Pending()
    checked = fixed = 0
    files = collect(paths or ["."])
    included: list[str] = []
    for number, file in enumerate(files, 1):
        path = file.name
        try:
            data, is_outside = _read(file)
        except OSError as error:
            unusable.append(f"nothing matches {path}" if is_pattern(path) else f"cannot read {path}: {error.strerror}")
            continue
        name = (choices.stdin_name or NO_FILE) if path == STDIN else path
        try:
            settings = _merged(for_folder(os.path.dirname(name) or ".", file.root), choices)
        except SettingsError as error:
            unusable += [str(error)] * (str(error) not in unusable)
            continue
        checked += 1
        one = _File(name, settings, choices, file.root)
        refused: Mapping[tuple[str, str, str], str] = {}
        if choices.fix and is_outside:
            unusable.append(f"{path} is behind a link that leaves the directory tree, so --fix does not change it")
        elif choices.fix:
            before = pending.get(name)
            (changed, made, refused), originals = one.fixed(data if before is None else before, pending)
            if not choices.write:
                pending.add(changed, originals)
            elif failure := _written(changed):
                unusable.append(failure)
            else:
                data = changed.get(name, data)
                fixed += made
        session, kept, dropped = one.checked(data)
        included += (each.source.name for each in session.files)
        if refused:
            from genesis_config.lint.fixes import marked

            kept = marked(kept, refused)
        if is_outside:
            from genesis_config.report.withheld import withheld

            kept, dropped = withheld(kept), withheld(dropped)
        findings += kept
        silenced += dropped
        on_file(number, len(files))
    report = Report(checked, tuple(in_order(findings)), tuple(in_order(silenced)), fixed)
    return Outcome(report, (*(file.name for file in files), *included), tuple(unusable), pending.changes())


def check_text(  # noqa: PLR0913 - what a check depends on
    name: str,
    data: bytes,
    settings: Settings,
    variables: Variables = Variables(),  # noqa: B008 - immutable
    read: Reader = read_below,
    root: str | None = None,
) -> Checked:
    """Check one text, and hold the lock that lies beside it against it.

    Args:
        name: The path that findings show, and that includes, the lock and the settings' patterns are relative to.
        data: The text's bytes.
        settings: What holds for it.
        variables: What references may be resolved with.
        read: Gives the bytes of an included file, or raises OSError.
        root: The directory that was searched when it was found, if one was.
    """
    lock = read_lock(lock_path(name), root) if name != NO_FILE else None
    session = check_config(name, data, variables, read, lock)
    found = session.diagnostics
    silenced: list[Diagnostic] = []
    sources = session.context.document.sources
    if any("enesis:" in source.text for source in sources):
        from genesis_config.lint.ignores import apply
        from genesis_config.rules.catalogue import (  # most files silence nothing
            AS_WRITTEN,
            CATALOGUE,
            COMPILE_ONLY,
            TOLD,
        )

        found, silenced = apply(found, sources, CATALOGUE, COMPILE_ONLY | TOLD, AS_WRITTEN)
    return Checked(session, settings.apply(found, name), settings.apply(silenced, name))


class _File(NamedTuple):
    """One file's name, and what holds for it."""

    name: str
    settings: Settings
    choices: Choices
    root: str | None

    def checked(self, data: bytes) -> Checked:
        """Check the file as it is now."""
        return check_text(self.name, data, self.settings, self.choices.variables, root=self.root)

    def fixed(self, data: bytes, pending: _Pending) -> tuple[Fixed, Mapping[str, bytes]]:
        """Fix the file and those that it includes, from what they would hold by now, which is returned as well."""
        from genesis_config.lint.fixes import fix  # for those who ask for it

        def checked(files: Mapping[str, bytes]) -> Checked:
            def read(path: str, tree: str) -> bytes:
                known = files[path] if path in files else pending.get(path)
                return read_below(path, tree) if known is None else known

            return check_text(self.name, files[self.name], self.settings, self.choices.variables, read, self.root)

        files = {file.source.name: file.data for file in checked({self.name: data}).session.files}
        files[self.name] = data
        return fix(files, lambda files: checked(files).findings), files


class _Pending:
    """What files would hold if fixes were written: a file is one however its name is spelt, and shown by the first."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, bytes, bytes]] = {}

    def get(self, name: str) -> bytes | None:
        """Give what a file would hold; None where nothing would change."""
        known = self._files.get(os.path.realpath(name))
        return known and known[2]

    def add(self, files: Mapping[str, bytes], originals: Mapping[str, bytes]) -> None:
        """Note what would be written, and what it was made of."""
        for name, data in files.items():
            real = os.path.realpath(name)
            first, original, _ = self._files.get(real, (name, originals[name], data))
            self._files[real] = (first, original, data)

    def changes(self) -> str:
        """Show what would be written."""
        if not self._files:
            return ""
        from genesis_config.lint.fixes import diff

        return "".join(diff(*change) for change in sorted(self._files.values()))


def _written(files: Mapping[str, bytes]) -> str | None:
    """Write fixed files, each in one step; say what went wrong, if anything did."""
    if not files:
        return None
    from genesis_config.files.writing import write_atomic

    for name in files:
        # To replace a file takes no right to write it, and whoever took that from everybody wants it as it is.
        if os.path.exists(name) and not os.stat(name).st_mode & 0o222:
            return f"cannot write {name}: it is read-only"
    for name, data in files.items():
        try:
            write_atomic(name, data)
        except OSError as error:
            return f"cannot write {name}: {error.strerror}"
    return None


def _merged(settings: Settings, choices: Choices) -> Settings:
    if choices.select is None and not choices.ignore and not choices.severity:
        return settings
    return settings._replace(
        select=settings.select if choices.select is None else choices.select,
        ignore=settings.ignore | choices.ignore,
        severity={**settings.severity, **choices.severity},
    )


def _read(file: Found) -> NamedFile:
    if file.refusal is not None:
        raise file.refusal
    if file.name == STDIN:
        return NamedFile(take(sys.stdin.buffer), is_outside=False)
    return read_named(file.name) if file.root is None else NamedFile(read_found(file.name, file.root), is_outside=False)
