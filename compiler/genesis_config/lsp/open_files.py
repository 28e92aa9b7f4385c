"""The texts that are open in an editor, and what checking makes of them.

A configuration in several files is checked as one: a file that another includes is no configuration of its own, whether
that other one is open or lies above it in the file system. What is open counts, not what was saved.
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

_FOLDERS: Final = 10  # above a file, in which a configuration that includes it is looked for


class Buffer(NamedTuple):
    """An open text: its address, the path (else the address again) that findings name it by, its version."""

    uri: str
    name: str
    text: str
    version: int

    @property
    def data(self) -> bytes:
        """The text as a file would hold it; half a surrogate pair, which none can hold, is replaced."""
        return self.text.encode("utf-8", "replace")


class View(NamedTuple):
    """An open text as what an offset in it is looked up in.

    Attributes:
        buffer: The text.
        document: The text by itself, as it was read.
        prefix: Where the document stands in the configuration: the path at which it is included.
        checked: What the checks made of the configuration that it is, or is part of.
    """

    buffer: Buffer
    document: Document
    prefix: Path
    checked: CheckResult


class OpenFiles:
    """What one client has open.

    Attributes:
        complaints: Why settings could not be used: each is to be told once.
    """

    def __init__(self) -> None:
        """Begin with nothing open."""
        self.complaints: list[str] = []
        self._buffers: dict[str, Buffer] = {}
        self._checked: dict[str, CheckResult] = {}
        self._roots: dict[str, CheckResult] | None = None

    def open(self, uri: str, text: str, version: int) -> None:
        """Take a text that was opened."""
        self._take(uri, text, version)
        self.reread()

    def change(self, uri: str, text: str, version: int) -> None:
        """Take a text that was changed. Configurations that it is no part of stay as they were checked."""
        buffer = self._take(uri, text, version)
        key = _key(buffer.name)
        self._roots = None
        for name, checked in list(self._checked.items()):
            if _key(name) == key or key in _covered(checked):
                del self._checked[name]

    def close(self, uri: str) -> None:
        """Let go of a text: what was saved of it counts again."""
        self._buffers.pop(_key(_name(uri)), None)
        self.reread()

    def reread(self) -> None:
        """Look at files anew: something outside of the open texts may have changed."""
        forget_settings()
        self._checked.clear()
        self._roots = None

    def buffers(self) -> list[Buffer]:
        """List the open texts."""
        return list(self._buffers.values())

    def buffer(self, uri: str) -> Buffer | None:
        """Give an open text; None where it is not."""
        return self._buffers.get(_key(_name(uri)))

    def uri(self, source: Source) -> str:
        """Give the address of a source's file."""
        buffer = self._buffers.get(_key(source.name))
        return buffer.uri if buffer is not None else from_path(source.name)

    def text(self, source: Source) -> str:
        """Give a source's text as the editor has it: with its byte order mark, if it keeps that."""
        buffer = self._buffers.get(_key(source.name))
        return BOM + source.text if buffer is not None and buffer.text.startswith(BOM) else source.text

    def findings(self) -> dict[str, list[Diagnostic]]:
        """Give the findings of everything that is open, by the address of the file that they are in.

        Every open text has an entry, and every file that is included and has findings.
        """
        found: dict[str, list[Diagnostic]] = {buffer.uri: [] for buffer in self._buffers.values()}
        seen = set()
        for checked in self.roots().values():
            for finding in checked.findings:
                source = finding.span.source if finding.span else checked.session.config.document.source
                uri = self.uri(source)
                offsets = finding.span and (finding.span.start, finding.span.end)
                same = (uri, finding.rule, finding.message, offsets)
                # A file that two configurations include is checked with each.
                if same not in seen:
                    seen.add(same)
                    found.setdefault(uri, []).append(finding)
        return found

    def view(self, uri: str) -> View | None:
        """Give an open text with what is known of it; None where it is not open."""
        buffer = self.buffer(uri)
        if buffer is None:
            return None
        document = parse(decode(buffer.name, buffer.data)[0])
        key = _key(buffer.name)
        for name, checked in self.roots().items():
            if _key(name) == key:
                return View(buffer, document, (), checked)
        for checked in self.roots().values():
            for file in checked.session.files:
                if _key(file.source.name) == key:
                    return View(buffer, document, _mounted(file, checked), checked)
        return View(buffer, document, (), self._check(buffer.name))

    def check_with(self, view: View, data: bytes) -> CheckResult:
        """Check the configuration of an open text as if the text were `data`."""
        key = _key(view.buffer.name)

        def read(path: str, tree: str) -> bytes:
            return data if _key(path) == key else self._read(path, tree)

        name = view.checked.session.config.document.source.name
        text = data if _key(name) == key else self._root(name)
        return check_text(name, text, self._settings(name), read=read)

    def roots(self) -> dict[str, CheckResult]:
        """Give the configurations that open texts are, or are parts of, by name."""
        if self._roots is None:
            self._roots = self._found_roots()
        return self._roots

    def _found_roots(self) -> dict[str, CheckResult]:
        roots: dict[str, CheckResult] = {}
        for buffer in sorted(self._buffers.values(), key=lambda buffer: (not _is_config(buffer.name), buffer.name)):
            key = _key(buffer.name)
            name = buffer.name
            if not _is_config(name):
                if any(key in _covered(checked) for checked in roots.values()):
                    continue
                name = next((above for above in _above(name) if self._includes(above, key)), name)
            roots[name] = self._check(name)
        for name in sorted(name for name in roots if not _is_config(name)):
            if any(_key(name) in _covered(checked) for other, checked in roots.items() if other != name):
                del roots[name]
        return roots

    def _includes(self, name: str, key: str) -> bool:
        try:
            return key in _covered(self._check(name))
        except OSError:
            return False

    def _check(self, name: str) -> CheckResult:
        """Check a configuration, unless nothing changed since it was.

        Raises:
            OSError: It is not open, and cannot be read.
        """
        if name not in self._checked:
            self._checked[name] = check_text(name, self._root(name), self._settings(name), read=self._read)
        return self._checked[name]

    def _settings(self, name: str) -> Settings:
        try:
            return settings_for(os.path.dirname(name) or ".")
        except SettingsError as error:
            complaint = f"{error}; {error.help}" if error.help else str(error)
            if complaint not in self.complaints:
                self.complaints.append(complaint)
            return NO_SETTINGS

    def _root(self, name: str) -> bytes:
        """Return a configuration's text: an open one, or a file that nobody named."""
        buffer = self._buffers.get(_key(name))
        return read_found(name) if buffer is None else buffer.data

    def _read(self, path: str, tree: str) -> bytes:
        """Return the text of a file that is included."""
        buffer = self._buffers.get(_key(path))
        return read_below(path, tree) if buffer is None else buffer.data

    def _take(self, uri: str, text: str, version: int) -> Buffer:
        buffer = Buffer(uri, _name(uri), text, version)
        self._buffers[_key(buffer.name)] = buffer
        return buffer


def _name(uri: str) -> str:
    return to_path(uri) or uri


def _key(name: str) -> str:
    """Give what is the same for all names of a file."""
    return os.path.realpath(name)


def _is_config(name: str) -> bool:
    return os.path.basename(name) in NAMES


def _covered(checked: CheckResult) -> frozenset[str]:
    """Give the files that a configuration includes."""
    return frozenset(_key(file.source.name) for file in checked.session.files)


def _above(name: str) -> Iterator[str]:
    """List the configurations in a file's folder and those above it, up to the root of its repository."""
    folder = os.path.dirname(name)
    for _ in range(_FOLDERS if os.path.isabs(name) else 0):
        for config in NAMES:
            path = os.path.join(folder, config)
            if os.path.isfile(path):
                yield path
        if os.path.exists(os.path.join(folder, ".git")) or os.path.dirname(folder) == folder:
            return
        folder = os.path.dirname(folder)


def _mounted(file: IncludedFile, checked: CheckResult) -> Path:
    """Give the path of the object that a file is included for."""
    prefix: Path = ()
    while True:
        source = file.span.source
        here = path_around(parse(source), file.span.start)
        # What names the file is the value of `$include`, or an item of that.
        prefix = (*(here[: here.index("$include")] if "$include" in here else ()), *prefix)
        outer = next((other for other in checked.session.files if other.source is source), None)
        if outer is None or outer is file:
            return prefix
        file = outer
