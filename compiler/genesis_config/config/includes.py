"""`$include`: one configuration in several files, merged into one document whose spans keep their file.

`{ $include: "./a.json5" }` stands for that file's object. An array of files is merged in order, the later one wins, and
the keys beside `$include` win over both; objects merge deep, everything else is replaced.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.positions import config_path
from genesis_config.credentials.patterns import without_keys
from genesis_config.diagnostics.finding import Diagnostic, Path, Related
from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.files.reading import RefusedError, read_below
from genesis_config.syntax import decode, parse
from genesis_config.syntax.document import Container, Document, Entry, Foreign, value_offsets
from genesis_config.syntax.state import MAX_DEPTH as NESTING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from genesis_config.diagnostics.source import Source, Span

__all__ = ["KEY", "MAX_DEPTH", "Included", "Inclusion", "Reader", "include", "with_origin"]

KEY: Final = "$include"
MAX_DEPTH: Final = 10
# Ten files that each include the next one ten times would be read ten billion times.
MAX_FILES: Final = 1000


# Gives the bytes of the file at a path, where links may lead to what is below a real path; raises OSError.
Reader = Callable[[str, str], bytes]


class Included(NamedTuple):
    """One included file: its path relative to the root's folder, its bytes, its text, the `$include` that named it."""

    path: str
    data: bytes
    source: Source
    span: Span


class Inclusion(NamedTuple):
    """A document with its includes merged in, the files that went into it in order, and what went wrong."""

    document: Document
    files: tuple[Included, ...]
    diagnostics: list[Diagnostic]


class _Node(NamedTuple):
    """A value, and where it is: the source of its entry, and the entry."""

    value: Any
    source: Source
    entry: Entry


class _Problem(Exception):  # noqa: N818 - it becomes a diagnostic
    """Why a file cannot be included, and what to do; nothing where a finding in the file says so."""


def include(document: Document, read: Reader = read_below) -> Inclusion:
    """Merge a document's includes, those of the included files too. Without any the document itself is given back.

    Paths are relative to the including file, and stay under the folder of the root document once links are resolved.
    `read` gives what stands in them, or raises as `read_below` does: an editor holds texts that no file has yet.
    """
    text = document.source.text
    # An escape can hide the key from a look at the text.
    if (KEY not in text and "\\" not in text) or not isinstance(document.value, dict):
        return Inclusion(document, (), [])
    loader = _Loader(document, read)
    root = loader.expand(_Node(document.value, document.source, document.root), (), (document.source.name,))
    if root.value is document.value:
        return Inclusion(document, (), [])
    merged = Document(document.source, root.value, root.entry, document.diagnostics, frozenset(loader.damaged))
    merged.sources = (document.source, *(file.source for file in loader.files))
    return Inclusion(merged, tuple(loader.files), loader.diagnostics)


def with_origin(files: Sequence[Included], diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Add to each finding in an included file the place that included it."""
    origins = {file.source: file.span for file in reversed(files)}
    return [
        finding._replace(related=(*finding.related, Related("included here", origins[finding.span.source])))
        if finding.span is not None and finding.span.source in origins
        else finding
        for finding in diagnostics
    ]


class _Loader:
    def __init__(self, document: Document, read: Reader) -> None:
        self.read_file = read
        self.folder = os.path.realpath(os.path.dirname(document.source.name) or ".")
        self.files: list[Included] = []
        self.diagnostics: list[Diagnostic] = []
        self.damaged = set(document.damaged)
        self.read: set[str] = set()

    def expand(self, node: _Node, path: Path, chain: tuple[str, ...]) -> _Node:
        """Give a node with every `$include` in it replaced; `chain` are the files that led here, the root first."""
        value, entry = node.value, node.entry
        if not isinstance(entry, Container):
            return node
        if len(path) >= NESTING:
            raise _Problem(
                f"objects are nested more than {NESTING} deep with what it includes", "include it further up"
            )
        items = value.items() if isinstance(value, dict) else enumerate(value)
        children = {}
        for key, item in items:
            if isinstance(item, dict | list) and key != KEY:
                child = entry.items[key]
                source, child = (child.source, child.entry) if isinstance(child, Foreign) else (entry.source, child)
                done = self.expand(_Node(item, source, child), (*path, key), chain)
                if done.value is not item:
                    children[key] = done
        if children:
            value, entry = value.copy(), entry.copy()
            for key, child_node in children.items():
                value[key] = child_node.value
                entry.items[key] = Foreign(child_node.source, child_node.entry)
        node = _Node(value, node.source, entry)
        return self.replace(node, path, chain) if isinstance(value, dict) and KEY in value else node

    def replace(self, node: _Node, path: Path, chain: tuple[str, ...]) -> _Node:
        """Merge the files that an object includes, and the object's own keys over them."""
        stated = node.value[KEY]
        names = stated if isinstance(stated, list) else [stated]
        if not names or not all(isinstance(name, str) for name in names):
            # The schema says so: a string, or an array of strings.
            return node
        merged: _Node | None = None
        whole = True
        for index, name in enumerate(names):
            span = _span(node, (KEY, index) if isinstance(stated, list) else (KEY,))
            try:
                part = self.load(name, path, span, chain)
            except _Problem as problem:
                whole = False
                if not problem.args:
                    continue
                message, help_ = problem.args
                where = config_path((*path, KEY))
                self.diagnostics.append(
                    Diagnostic("include", f"`{where}` cannot include `{without_keys(name)}`: {message}", span, help_)
                )
            else:
                merged = part if merged is None else self.merge(merged, part)
        if not whole:
            self.damaged.add((node.source, value_offsets(node.entry)[0]))
        own = _Node({key: item for key, item in node.value.items() if not whole or key != KEY}, node.source, node.entry)
        return own if merged is None else self.merge(merged, own)

    def merge(self, base: _Node, over: _Node) -> _Node:
        """Merge two objects, deep; where both have a key and not both an object, `over` wins."""
        if not isinstance(base.entry, Container) or not isinstance(over.entry, Container):
            return over
        if (base.source, base.entry.start) in self.damaged:
            self.damaged.add((over.source, over.entry.start))
        value = dict(base.value)
        items = {key: _foreign(base.entry, key) for key in base.value}
        for key, item in over.value.items():
            child = _foreign(over.entry, key)
            if isinstance(item, dict) and isinstance(value.get(key), dict):
                old = items[key]
                merged = self.merge(_Node(value[key], old.source, old.entry), _Node(item, child.source, child.entry))
                value[key], items[key] = merged.value, Foreign(merged.source, merged.entry)
            else:
                value[key], items[key] = item, child
        container = over.entry.copy()
        container.items = items
        return _Node(value, over.source, container)

    def load(self, name: str, path: Path, span: Span, chain: tuple[str, ...]) -> _Node:
        """Read one file and what it includes.

        Raises:
            _Problem: It cannot be included.
        """
        if len(self.files) == MAX_FILES:
            raise _Problem(f"more than {MAX_FILES} files are included", "include fewer")
        if len(chain) > MAX_DEPTH:
            raise _Problem(f"files include each other more than {MAX_DEPTH} deep", "include it further up")
        # No path holds a NUL, and the functions of `os.path` raise for one.
        shown = os.path.normpath(os.path.join(os.path.dirname(chain[-1]), name.replace("\0", "")))
        real = os.path.realpath(shown)
        if "\0" in name or os.path.isabs(name) or os.path.commonpath((self.folder, real)) != self.folder:
            raise _Problem(
                "it is not below the folder of the configuration", "move it there, and write a relative path"
            )
        if any(os.path.realpath(earlier) == real for earlier in chain):
            raise _Problem("that closes a circle of files that include each other", "remove one of the includes")
        try:
            data = self.read_file(shown, self.folder)
        except RefusedError as error:
            raise _Problem(error.strerror, "write the path of a file") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise _Problem(reason[:1].lower() + reason[1:], f"the path is relative to {chain[-1]}") from None
        source, wrong = decode(shown, data, path)
        document = parse(source)
        # As it is written, not as links resolve: those of a ConfigMap lead somewhere else after each change.
        path_in_folder = os.path.relpath(shown, os.path.dirname(chain[0]) or os.curdir).replace(os.sep, "/")
        self.files.append(Included(path_in_folder, data, source, span))
        self.damaged |= document.damaged
        if shown not in self.read:
            # What is wrong with a text is said once, however often it is included.
            self.read.add(shown)
            self.diagnostics += [*wrong, *(document.diagnostics if source.text or not wrong else ())]
        if not isinstance(document.value, dict):
            raise _Problem
        return self.expand(_Node(document.value, source, document.root), path, (*chain, shown))


def _span(node: _Node, path: Path) -> Span:
    """Place a value in an object."""
    return Document(node.source, node.value, node.entry, [], frozenset()).value_span(path)


def _foreign(container: Container, key: str) -> Foreign:
    """Give an item with the source that it comes from."""
    entry = container.items[key]
    return entry if isinstance(entry, Foreign) else Foreign(container.source, entry)
