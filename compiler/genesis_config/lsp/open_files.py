"""The texts that are open in an editor, and their check results.

A configuration in several files is checked as one: an included file is not a configuration of its own, whether the file
that includes it is open or is in the same directory or above. Open texts take precedence over the saved ones.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_config.files.reading import read_below, read_found
from genesis_config.lint.discovery import NAMES
from genesis_config.lint.linter import CheckResult, check_text
from genesis_config.lint.settings import NO_SETTINGS, SettingsError, forget_settings, settings_for
from genesis_config.lsp.places import path_around
from genesis_config.lsp.positions import BOM
from genesis_config.lsp.uris import from_path, to_path
from genesis_config.syntax import decode, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.includes import IncludedFile
    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.diagnostics.source import Source
    from genesis_config.lint.settings import Settings
    from genesis_config.syntax import Document

__all__ = ["Buffer", "OpenFiles", "View"]

_MAX_PARENTS: Final = 10  # directories in which to look for a configuration that includes a file


class Buffer(NamedTuple):
    """An open text: its URI, the name that findings use (its path, or else its URI), its content and version."""

    uri: str
    name: str
    text: str
    version: int

    @property
    def data(self) -> bytes:
        """The text as bytes of a file. Lone surrogates, which UTF-8 cannot represent, are replaced."""
        return self.text.encode("utf-8", "replace")


class View(NamedTuple):
    """An open text with everything needed to look up an offset in it.

    Attributes:
        buffer: The text.
        document: The document parsed from this text alone.
        prefix: The path in the configuration at which the document is included.
        result: The check result of the configuration that it is, or is part of.
    """

    buffer: Buffer
    document: Document
    prefix: Path
    result: CheckResult


class OpenFiles:
    """The files that one client has open.

    Attributes:
        complaints: Errors in settings that are still to be shown, each of them once.
        bugs: Unexpected errors of checks that are still to be reported. The texts in question have no result.
    """

    def __init__(self) -> None:
        """Start without open files."""
        self.complaints: list[str] = []
        self.bugs: list[Exception] = []
        self._buffers: dict[str, Buffer] = {}
        self._results: dict[str, CheckResult] = {}
        self._roots: dict[str, CheckResult] | None = None

    def open(self, uri: str, text: str, version: int) -> None:
        """Add a text that was opened."""
        self._store(uri, text, version)
        self.reread()

    def change(self, uri: str, text: str, version: int) -> None:
        """Replace a text that was changed. Check results of configurations without it are kept."""
        buffer = self._store(uri, text, version)
        key = _key(buffer.name)
        self._roots = None
        for name, result in list(self._results.items()):
            if _key(name) == key or key in _included_keys(result):
                del self._results[name]

    def close(self, uri: str) -> None:
        """Remove a text that was closed; the saved file is used again."""
        self._buffers.pop(_key(_name(uri)), None)
        self.reread()

    def reread(self) -> None:
        """Discard all results, because files outside of the open texts may have changed."""
        forget_settings()
        self._results.clear()
        self._roots = None

    def buffers(self) -> list[Buffer]:
        """Return the open texts."""
        return list(self._buffers.values())

    def buffer(self, uri: str) -> Buffer | None:
        """Return an open text; None if it is not open."""
        return self._buffers.get(_key(_name(uri)))

    def uri(self, source: Source) -> str:
        """Return the URI of a source's file."""
        buffer = self._buffers.get(_key(source.name))
        return buffer.uri if buffer is not None else from_path(source.name)

    def text(self, source: Source) -> str:
        """Return a source's text as it is in the editor, including a byte order mark if the editor keeps it."""
        buffer = self._buffers.get(_key(source.name))
        return BOM + source.text if buffer is not None and buffer.text.startswith(BOM) else source.text

    def findings(self) -> dict[str, list[Diagnostic]]:
        """Return the findings of all open configurations, by the URI of the file that contains them.

        Every open text has an entry, as has every included file with findings.
        """
        findings: dict[str, list[Diagnostic]] = {buffer.uri: [] for buffer in self._buffers.values()}
        seen = set()
        for result in self.roots().values():
            for finding in result.findings:
                source = finding.span.source if finding.span else result.session.config.document.source
                uri = self.uri(source)
                offsets = finding.span and (finding.span.start, finding.span.end)
                identity = (uri, finding.rule, finding.message, offsets)
                # A file included by two configurations is checked with each of them.
                if identity not in seen:
                    seen.add(identity)
                    findings.setdefault(uri, []).append(finding)
        return findings

    def view(self, uri: str) -> View | None:
        """Return the view of an open text; None if it is not open."""
        buffer = self.buffer(uri)
        if buffer is None:
            return None
        document = parse(decode(buffer.name, buffer.data)[0])
        key = _key(buffer.name)
        for name, result in self.roots().items():
            if _key(name) == key:
                return View(buffer, document, (), result)
        for result in self.roots().values():
            for file in result.session.files:
                if _key(file.source.name) == key:
                    return View(buffer, document, _include_path(file, result), result)
        return View(buffer, document, (), self._check(buffer.name))

    def check_with(self, view: View, data: bytes) -> CheckResult:
        """Check the configuration of an open text as if the text were `data`."""
        key = _key(view.buffer.name)

        def read(path: str, tree: str) -> bytes:
            return data if _key(path) == key else self._read(path, tree)

        name = view.result.session.config.document.source.name
        text = data if _key(name) == key else self._root(name)
        return check_text(name, text, self._settings(name), read=read)

    def roots(self) -> dict[str, CheckResult]:
        """Return the check results of all configurations that open texts are, or are part of, by name."""
        if self._roots is None:
            self._roots = self._check_roots()
        return self._roots

    def _check_roots(self) -> dict[str, CheckResult]:
        roots: dict[str, CheckResult] = {}
        for buffer in sorted(self._buffers.values(), key=lambda buffer: (not _is_config(buffer.name), buffer.name)):
            key = _key(buffer.name)
            name = buffer.name
            try:
                if not _is_config(name):
                    if any(key in _included_keys(result) for result in roots.values()):
                        continue
                    name = next((above for above in _configs_above(name) if self._includes(above, key)), name)
                roots[name] = self._check(name)
            except Exception as error:  # noqa: BLE001 - the other files are still checked
                self.bugs.append(error)
        for name in sorted(name for name in roots if not _is_config(name)):
            if any(_key(name) in _included_keys(result) for other, result in roots.items() if other != name):
                del roots[name]
        return roots

    def _includes(self, name: str, key: str) -> bool:
        try:
            return key in _included_keys(self._check(name))
        except OSError:
            return False

    def _check(self, name: str) -> CheckResult:
        """Check a configuration, unless nothing has changed since the last check.

        Raises:
            OSError: The file is not open and cannot be read.
        """
        if name not in self._results:
            self._results[name] = check_text(name, self._root(name), self._settings(name), read=self._read)
        return self._results[name]

    def _settings(self, name: str) -> Settings:
        try:
            return settings_for(os.path.dirname(name) or ".")
        except SettingsError as error:
            complaint = f"{error}; {error.help}" if error.help else str(error)
            if complaint not in self.complaints:
                self.complaints.append(complaint)
            return NO_SETTINGS

    def _root(self, name: str) -> bytes:
        """Return the text of a configuration: the open one, or that of a file that was found."""
        buffer = self._buffers.get(_key(name))
        return read_found(name) if buffer is None else buffer.data

    def _read(self, path: str, tree: str) -> bytes:
        """Return the text of an included file."""
        buffer = self._buffers.get(_key(path))
        return read_below(path, tree) if buffer is None else buffer.data

    def _store(self, uri: str, text: str, version: int) -> Buffer:
        buffer = Buffer(uri, _name(uri), text, version)
        self._buffers[_key(buffer.name)] = buffer
        return buffer


def _name(uri: str) -> str:
    return to_path(uri) or uri


def _key(name: str) -> str:
    """Return a key that is the same for all names of a file."""
    return os.path.realpath(name)


def _is_config(name: str) -> bool:
    return os.path.basename(name) in NAMES


def _included_keys(result: CheckResult) -> frozenset[str]:
    """Return the keys of the files that a configuration includes."""
    return frozenset(_key(file.source.name) for file in result.session.files)


def _configs_above(name: str) -> Iterator[str]:
    """Yield configurations in a file's directory and those above it, up to the root of its repository."""
    directory = os.path.dirname(name)
    for _ in range(_MAX_PARENTS if os.path.isabs(name) else 0):
        for config in NAMES:
            path = os.path.join(directory, config)
            if os.path.isfile(path):
                yield path
        if os.path.exists(os.path.join(directory, ".git")) or os.path.dirname(directory) == directory:
            return
        directory = os.path.dirname(directory)


def _include_path(file: IncludedFile, result: CheckResult) -> Path:
    """Return the path of the object in which a file is included."""
    prefix: Path = ()
    while True:
        source = file.span.source
        here = path_around(parse(source), file.span.start)
        # The file name is the value of `$include`, or one of its items.
        prefix = (*(here[: here.index("$include")] if "$include" in here else ()), *prefix)
        outer = next((other for other in result.session.files if other.source is source), None)
        if outer is None or outer is file:
            return prefix
        file = outer
