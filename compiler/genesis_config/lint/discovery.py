"""The files to check: from the files, directories and patterns that a person names; in a fixed order, each once."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.files.reading import RefusedError, read_found

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pathspec

__all__ = ["NAMES", "STDIN", "FoundFile", "find_files", "is_pattern"]

NAMES: Final = ("genesis.json5", "genesis.json")
STDIN: Final = "-"
_LARGEST: Final = 1024 * 1024  # bytes of a .gitignore
_NEVER: Final = frozenset({"node_modules", "__pycache__"})


class FoundFile(NamedTuple):
    """A file to check.

    Attributes:
        name: Its path.
        root: The directory that was searched when it was found; None if a person named it.
        refusal: Why a `.gitignore` was not read, so that what it excludes is not known; None for a file to check.
    """

    name: str
    root: str | None = None
    refusal: RefusedError | None = None


def find_files(paths: Sequence[str]) -> list[FoundFile]:
    """List the files to check.

    A file is checked whatever its name, and so is `-`. A directory is searched for configurations, except what
    `.gitignore` excludes, hidden directories and those of packages. A pattern (`conf/**/*.json5`) stands for its
    matches, with the same exceptions; one without matches is returned as it is. What is named is checked even if it is
    excluded.
    """
    found: dict[str, FoundFile] = {}
    for path in paths:
        if path == STDIN:
            found.setdefault(path, FoundFile(path))
            continue
        for file in (
            _in_folder(path) if os.path.isdir(path) else _matches(path) if is_pattern(path) else [FoundFile(path)]
        ):
            found.setdefault(os.path.abspath(file.name), file)
    return list(found.values())


def is_pattern(path: str) -> bool:
    """Return whether a path is a pattern: no file has that name."""
    return any(char in path for char in "*?[") and not os.path.lexists(path)


def _matches(pattern: str) -> Iterator[FoundFile]:
    """Yield the matches of a pattern."""
    # The directory that is named; what is below it is found.
    parts = pattern.split("/")
    stem = next(index for index in range(len(parts)) if is_pattern("/".join(parts[: index + 1])))
    base = "/".join(parts[:stem]) or ("/" if parts[0] == "" else ".")
    matches = _expanded(base if stem else "", parts[stem:])
    if not matches:
        yield FoundFile(pattern)
    specs = _Ignored(base, base)
    for match in sorted(matches):
        if specs.hides(base, match):
            continue
        if matches[match]:
            yield from _in_folder(match, base)
        else:
            yield FoundFile(match, base)
    yield from specs.refused


def _expanded(base: str, parts: Sequence[str]) -> dict[str, bool]:
    """List what is below a directory and matches the parts of a pattern, and whether each is a directory.

    Links to directories are not followed, so that the walk ends; the first of several ways to one path is enough.
    """
    import fnmatch  # patterns are for shells that do not expand them

    def entries(folder: str, pattern: str) -> Iterator[tuple[str, bool]]:
        try:
            with os.scandir(folder or ".") as found:
                every = list(found)
        except OSError:
            return
        for entry in every:
            name = entry.name
            hidden = name.startswith(".") and not pattern.startswith(".")
            is_link_to_directory = entry.is_symlink() and entry.is_dir()
            if not hidden and name not in _NEVER and not is_link_to_directory and fnmatch.fnmatchcase(name, pattern):
                yield os.path.join(folder, name), entry.is_dir(follow_symlinks=False)

    matches = {base: True}
    for index, part in enumerate(parts):
        folders = [path for path, is_folder in matches.items() if is_folder]
        last = index == len(parts) - 1
        if part == "":
            matches = dict.fromkeys(folders, True)
        elif part in {os.curdir, os.pardir}:
            matches = {os.path.join(folder, part): True for folder in folders}
        elif part == "**":
            matches = dict.fromkeys(folders, True)
            for folder in folders:  # grows
                below = {path: is_folder for path, is_folder in entries(folder, "*") if is_folder or last}
                folders += [path for path, is_folder in below.items() if is_folder and path not in matches]
                matches |= below
        else:
            matches = dict(entry for folder in folders for entry in entries(folder, part))
    return {path or os.curdir: is_folder for path, is_folder in matches.items()}


def _in_folder(top: str, root: str | None = None) -> Iterator[FoundFile]:
    """Yield the configurations in a directory, which may be below the one that is searched."""
    root = root or top
    specs = _Ignored(top, root)
    unreadable: list[str] = []
    for folder, folders, names in os.walk(top, onerror=lambda error: unreadable.append(error.filename)):
        specs.enter(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _NEVER
            and not specs.excludes_directory(os.path.join(folder, name))
        )
        for name in NAMES:
            path = os.path.join(folder, name)
            if name in names and not specs.excludes_file(path):
                yield FoundFile(os.path.normpath(path), root)
        # Reading one reports why it cannot be read.
        yield from (FoundFile(name, root) for name in unreadable)
        unreadable.clear()
    yield from (FoundFile(name, root) for name in unreadable)
    yield from specs.refused


class _Ignored:
    """What `.gitignore` files exclude: of those with a pattern for a path the deepest one counts."""

    def __init__(self, top: str, root: str) -> None:
        """Read the files above `top`, up to the root of its repository; `root` is the directory that is searched."""
        self.refused: list[FoundFile] = []
        self._root = root
        self._specs: dict[str, pathspec.GitIgnoreSpec] = {}
        folder = whole = os.path.abspath(top)
        above = []
        while not os.path.exists(os.path.join(folder, ".git")) and os.path.dirname(folder) != folder:
            folder = os.path.dirname(folder)
            above.append(folder)
        if os.path.dirname(folder) == folder:
            return  # not in a repository: what is above the directory does not apply to it
        for folder in reversed(above):
            self._read(folder)
        if any(self.excludes_directory(part) for part in [whole, *above[:-1]]):
            self._specs.clear()  # what is named is wanted, even if it is excluded

    def enter(self, folder: str) -> None:
        """Read the file of a directory that is walked."""
        if os.path.abspath(folder) not in self._specs:
            self._read(os.path.abspath(folder))

    def hides(self, base: str, path: str) -> bool:
        """Return whether a path below `base` is excluded, by itself or by a directory on the way."""
        folder = base
        *folders, name = os.path.relpath(path, base).split(os.sep)
        for part in folders:
            self.enter(folder)
            folder = os.path.join(folder, part)
            if part in _NEVER or self.excludes_directory(folder):
                return True
        self.enter(folder)
        path = os.path.join(folder, name)
        return name in _NEVER or (self.excludes_directory(path) if os.path.isdir(path) else self.excludes_file(path))

    def excludes_directory(self, path: str) -> bool:
        """Return whether a directory is excluded by itself, in directories that are not."""
        return self._excludes(path, _DIRECTORY)

    def excludes_file(self, path: str) -> bool:
        """Return whether a file is excluded by itself, in directories that are not."""
        return self._excludes(path, _FILE)

    def _excludes(self, path: str, kind: str) -> bool:
        if not self._specs:
            return False
        whole = folder = os.path.abspath(path)
        while (above := os.path.dirname(folder)) != folder:
            folder = above
            if (spec := self._specs.get(folder)) is not None:
                relative = os.path.relpath(whole, folder).replace(os.sep, "/")
                included = spec.check_file(relative + kind).include
                if included is not None:
                    return included
        return False

    def _read(self, folder: str) -> None:
        path = os.path.join(folder, ".gitignore")
        try:
            data = read_found(path, self._root, most=_LARGEST)
        except RefusedError as error:
            self.refused.append(FoundFile(os.path.relpath(path), self._root, error))
            return
        except OSError:
            return
        self._specs[folder] = _spec(data.decode("utf-8-sig", "replace"))


# What a pattern for a directory or for anything ends in, and what paths end in. No path contains NUL.
_DIRECTORY: Final = "\0d"
_FILE: Final = "\0f"
_EITHER: Final = "\0?"


def _spec(text: str) -> pathspec.GitIgnoreSpec:
    """Compile the patterns of a `.gitignore`.

    pathspec also matches what is below a path that a pattern names, and ranks such matches by rules of its own, whereas
    git(1) matches each path by itself, from the top down. So every pattern gets an end that only a path's end matches.
    """
    import pathspec  # 10 ms, for directories with a .gitignore

    patterns: list[str] = []
    for line in text.split("\n"):
        pattern = _whole_path_pattern(line.removesuffix("\r"))
        if pattern is None:
            continue
        try:
            pathspec.GitIgnoreSpec.from_lines([pattern])
        except (ValueError, re.error):
            continue  # git(1) ignores what is not a pattern, too
        patterns.append(pattern)
    return pathspec.GitIgnoreSpec.from_lines(patterns)


def _whole_path_pattern(line: str) -> str | None:
    """Return a pattern that matches what the pattern in a line names, but nothing below; None if there is none."""
    pattern = line.rstrip(" ")
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        if pattern == line:
            return None  # a backslash that escapes nothing
        pattern += " "
    if not pattern or pattern.startswith("#"):
        return None
    end = _EITHER
    if pattern.endswith("/"):
        pattern, end = pattern[:-1], _DIRECTORY
    if pattern.endswith("/**"):
        pattern += "/*"  # at any depth, as before it had an end
    return pattern + end
