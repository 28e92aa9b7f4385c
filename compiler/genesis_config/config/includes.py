"""`$include`: several files merged into one document, in which each span still refers to its own file.

`{ $include: "./a.json5" }` is replaced by the object in that file. An array of files is merged in order, later files
win over earlier ones, and keys next to `$include` win over all files. Objects merge deeply; other values are replaced.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.paths import config_path
from genesis_config.credentials.patterns import without_keys
from genesis_config.diagnostics.finding import Diagnostic, Path, Related
from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.files.reading import RefusedError, normalize, read_below
from genesis_config.syntax import decode, parse
from genesis_config.syntax.document import Container, Document, Entry, Foreign, value_offsets
from genesis_config.syntax.state import MAX_DEPTH as NESTING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from genesis_config.diagnostics.source import Source, Span

__all__ = ["KEY", "MAX_DEPTH", "IncludeResult", "IncludedFile", "Reader", "complete_findings", "resolve_includes"]

KEY: Final = "$include"
MAX_DEPTH: Final = 10
# Ten files that each include the next one ten times would otherwise cause ten billion reads.
MAX_FILES: Final = 1000


Reader = Callable[[str, str], bytes]
"""Returns the bytes of the file at a path, or raises OSError. Links must not leave the directory given second."""


class IncludedFile(NamedTuple):
    """One included file.

    Attributes:
        path: Its path relative to the directory of the root file.
        data: Its bytes.
        source: Its text.
        span: The `$include` that names it.
    """

    path: str
    data: bytes
    source: Source
    span: Span


class IncludeResult(NamedTuple):
    """A document with its includes merged in, the included files in order, and the problems."""

    document: Document
    files: tuple[IncludedFile, ...]
    diagnostics: list[Diagnostic]


class _Node(NamedTuple):
    """A value with its entry in a document, and the source of that entry."""

    value: Any
    source: Source
    entry: Entry


class _Problem(Exception):  # noqa: N818 - it becomes a diagnostic
    """Why a file cannot be included, and how to fix it; without arguments if a finding in the file reports it."""


def resolve_includes(document: Document, read: Reader = read_below) -> IncludeResult:
    """Merge a document's includes, and theirs; a document without includes is returned unchanged.

    Paths are relative to the including file and, once links are resolved, must stay inside the directory of the root
    document. `read` returns the contents of a file or raises as `read_below` does; an editor passes its own, because
    open files may not have been saved yet.
    """
    text = document.source.text
    # The key may be written with escapes.
    if (KEY not in text and "\\" not in text) or not isinstance(document.value, dict):
        return IncludeResult(document, (), [])
    loader = _Loader(document, read)
    root = loader.expand(_Node(document.value, document.source, document.root), (), (document.source.name,))
    if root.value is document.value:
        return IncludeResult(document, (), [])
    merged = Document(document.source, root.value, root.entry, document.diagnostics, frozenset(loader.damaged))
    merged.sources = (document.source, *(file.source for file in loader.files))
    return IncludeResult(merged, tuple(loader.files), loader.diagnostics)


def complete_findings(files: Sequence[IncludedFile], diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the findings without keys in their words, each in an included file with the place that includes it.

    Ids, references and the names of keys enter messages as they are, and each could be a key in the wrong place.
    """
    origins = {file.source: file.span for file in reversed(files)}
    return [_complete(finding, origins) for finding in diagnostics]


def _complete(finding: Diagnostic, origins: Mapping[Source, Span]) -> Diagnostic:
    related = [item._replace(message=without_keys(item.message)) for item in finding.related]
    if finding.span is not None and finding.span.source in origins:
        related.append(Related("included here", origins[finding.span.source]))
    return finding._replace(
        message=without_keys(finding.message),
        help=finding.help and without_keys(finding.help),
        related=tuple(related),
        fix=finding.fix and finding.fix._replace(title=without_keys(finding.fix.title)),
    )


class _Loader:
    def __init__(self, document: Document, read: Reader) -> None:
        self.read_file = read
        self.directory = os.path.realpath(os.path.dirname(document.source.name) or ".")
        self.files: list[IncludedFile] = []
        self.diagnostics: list[Diagnostic] = []
        self.damaged = set(document.damaged)
        self.read: set[str] = set()

    def expand(self, node: _Node, path: Path, chain: tuple[str, ...]) -> _Node:
        """Return a node with every `$include` in it replaced; `chain` is the chain of including files, root first."""
        value, entry = node.value, node.entry
        if not isinstance(entry, Container):
            return node
        if len(path) >= NESTING:
            raise _Problem(f"objects would be nested more than {NESTING} levels deep", "include the file further up")
        items = value.items() if isinstance(value, dict) else enumerate(value)
        children = {}
        for key, item in items:
            if isinstance(item, dict | list) and key != KEY:
                child = entry.items[key]
                source, child = (child.source, child.entry) if isinstance(child, Foreign) else (entry.source, child)
                expanded = self.expand(_Node(item, source, child), (*path, key), chain)
                if expanded.value is not item:
                    children[key] = expanded
        if children:
            value, entry = value.copy(), entry.copy()
            for key, child_node in children.items():
                value[key] = child_node.value
                entry.items[key] = Foreign(child_node.source, child_node.entry)
        node = _Node(value, node.source, entry)
        return self.replace(node, path, chain) if isinstance(value, dict) and KEY in value else node

    def replace(self, node: _Node, path: Path, chain: tuple[str, ...]) -> _Node:
        """Return an object merged with the files that it includes; its own keys win over theirs."""
        included = node.value[KEY]
        names = included if isinstance(included, list) else [included]
        if not names or not all(isinstance(name, str) for name in names):
            # Validation reports it: the schema requires a string or an array of strings.
            return node
        merged: _Node | None = None
        complete = True
        for index, name in enumerate(names):
            span = _span(node, (KEY, index) if isinstance(included, list) else (KEY,))
            try:
                part = self.load(name, path, span, chain)
            except _Problem as problem:
                complete = False
                if not problem.args:
                    continue
                message, help_ = problem.args
                where = config_path((*path, KEY))
                self.diagnostics.append(
                    Diagnostic("include", f"`{where}` cannot include `{without_keys(name)}`: {message}", span, help_)
                )
            else:
                merged = part if merged is None else self.merge(merged, part)
        if not complete:
            self.damaged.add((node.source, value_offsets(node.entry)[0]))
        own_value = {key: item for key, item in node.value.items() if not complete or key != KEY}
        own = _Node(own_value, node.source, node.entry)
        return own if merged is None else self.merge(merged, own)

    def merge(self, base: _Node, over: _Node) -> _Node:
        """Merge two objects deeply; `over` wins for a key in both, unless both values are objects."""
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
        """Read one file, and resolve its includes.

        Raises:
            _Problem: The file cannot be included.
        """
        if len(self.files) == MAX_FILES:
            raise _Problem(f"more than {MAX_FILES} files are included", "include fewer")
        if len(chain) > MAX_DEPTH:
            raise _Problem(f"includes are nested more than {MAX_DEPTH} levels deep", "include the file further up")
        try:
            os.fsencode(name)
        except UnicodeEncodeError:
            message = "the encoding of the locale cannot represent its name"
            raise _Problem(message, "use a UTF-8 locale, such as LC_ALL=C.UTF-8") from None
        # A path cannot contain a NUL, for which the functions of `os.path` raise.
        shown = normalize(os.path.join(os.path.dirname(chain[-1]), name.replace("\0", "")))
        real = os.path.realpath(shown)
        if "\0" in name or os.path.isabs(name) or os.path.commonpath((self.directory, real)) != self.directory:
            raise _Problem("it is outside the configuration's directory", "move it there, and use a relative path")
        if any(os.path.realpath(earlier) == real for earlier in chain):
            raise _Problem("circular include", "remove one of the includes")
        try:
            data = self.read_file(shown, self.directory)
        except RefusedError as error:
            raise _Problem(error.strerror, "use the path of a regular file") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise _Problem(reason[:1].lower() + reason[1:], f"the path is relative to {chain[-1]}") from None
        source, wrong = decode(shown, data, path)
        document = parse(source)
        # The path as written, with links unresolved: those in a ConfigMap have a new target after each change.
        relative_path = os.path.relpath(shown, os.path.dirname(chain[0]) or os.curdir).replace(os.sep, "/")
        self.files.append(IncludedFile(relative_path, data, source, span))
        self.damaged |= document.damaged
        if shown not in self.read:
            # A problem in a file is reported once, however often the file is included.
            self.read.add(shown)
            self.diagnostics += [*wrong, *(document.diagnostics if source.text or not wrong else ())]
        if not isinstance(document.value, dict):
            raise _Problem
        return self.expand(_Node(document.value, source, document.root), path, (*chain, shown))


def _span(node: _Node, path: Path) -> Span:
    """Return the span of the value at a path below a node."""
    return Document(node.source, node.value, node.entry, [], frozenset()).value_span(path)


def _foreign(container: Container, key: str) -> Foreign:
    """Return an item of a container, with its source."""
    entry = container.items[key]
    return entry if isinstance(entry, Foreign) else Foreign(container.source, entry)
