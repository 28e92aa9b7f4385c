"""Discovery of the files to check, from files, directories and patterns; in a fixed order, each file once."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.files.reading import RefusedError, read_found, resolve_parents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pathspec

__all__ = ["NAMES", "STDIN", "FoundFile", "find_files", "is_pattern"]

NAMES: Final = ("genesis.json5", "genesis.json")
STDIN: Final = "-"
_LARGEST: Final = 1024 * 1024  # bytes, of a .gitignore
_NEVER: Final = frozenset({"node_modules", "__pycache__"})


class FoundFile(NamedTuple):
    """A file to check.

    Attributes:
        name: The path of the file.
        root: The searched directory that it was found in; None if it was named explicitly.
        refusal: Why this `.gitignore` was not read, so that its exclusions are unknown; None for a file to check.
    """

    name: str
    root: str | None = None
    refusal: RefusedError | None = None


def find_files(paths: Sequence[str]) -> list[FoundFile]:
    """List the files to check.

    A file is checked whatever its name is, and so is `-` (standard input). A directory is searched for configurations,
    except in hidden directories, package directories and what `.gitignore` excludes. A pattern (`conf/**/*.json5`)
    stands for its matches, with the same exceptions; a pattern without matches is returned unchanged. Exclusions do not
    apply to files and directories that are named explicitly.
    """
    files: dict[str, FoundFile] = {}
    for path in map(resolve_parents, paths):
        if path == STDIN:
            files.setdefault(path, FoundFile(path))
            continue
        for file in (
            _in_directory(path) if os.path.isdir(path) else _matches(path) if is_pattern(path) else [FoundFile(path)]
        ):
            files.setdefault(os.path.abspath(file.name), file)
    return list(files.values())


def is_pattern(path: str) -> bool:
    """Return whether a path is a pattern: it has a wildcard, and no file has that name."""
    return any(char in path for char in "*?[") and not os.path.lexists(path)


def _matches(pattern: str) -> Iterator[FoundFile]:
    """Yield the matches of a pattern."""
    # The leading parts without wildcards name a directory; everything below it is found.
    parts = pattern.split("/")
    stem = next(index for index in range(len(parts)) if is_pattern("/".join(parts[: index + 1])))
    base = "/".join(parts[:stem]) or ("/" if parts[0] == "" else ".")
    matches = _expand(base if stem else "", parts[stem:])
    if not matches:
        yield FoundFile(pattern)
    exclusions = _Exclusions(base, base)
    for match in sorted(matches):
        if exclusions.hides(base, match):
            continue
        if matches[match]:
            yield from _in_directory(match, base)
        else:
            yield FoundFile(match, base)
    yield from exclusions.refused


def _expand(base: str, parts: Sequence[str]) -> dict[str, bool]:
    """Return the paths below a directory that match the parts of a pattern, and whether each is a directory.

    Links to directories are not followed, so that the walk ends.
    """
    import fnmatch  # most shells expand patterns themselves

    def entries(directory: str, pattern: str) -> Iterator[tuple[str, bool]]:
        try:
            with os.scandir(directory or ".") as scan:
                every = list(scan)
        except OSError:
            return
        for entry in every:
            name = entry.name
            hidden = name.startswith(".") and not pattern.startswith(".")
            is_link_to_directory = entry.is_symlink() and entry.is_dir()
            if not hidden and name not in _NEVER and not is_link_to_directory and fnmatch.fnmatchcase(name, pattern):
                yield os.path.join(directory, name), entry.is_dir(follow_symlinks=False)

    matches = {base: True}
    for index, part in enumerate(parts):
        directories = [path for path, is_directory in matches.items() if is_directory]
        last = index == len(parts) - 1
        if part == "":
            matches = dict.fromkeys(directories, True)
        elif part in {os.curdir, os.pardir}:
            matches = {os.path.join(directory, part): True for directory in directories}
        elif part == "**":
            matches = dict.fromkeys(directories, True)
            for directory in directories:  # grows during the loop
                below = {path: is_directory for path, is_directory in entries(directory, "*") if is_directory or last}
                directories += [path for path, is_directory in below.items() if is_directory and path not in matches]
                matches |= below
        else:
            matches = dict(entry for directory in directories for entry in entries(directory, part))
    return {resolve_parents(path) or os.curdir: is_directory for path, is_directory in matches.items()}


def _in_directory(top: str, root: str | None = None) -> Iterator[FoundFile]:
    """Yield the configurations in a directory; `root` is the searched directory that it is in, if not itself."""
    root = root or top
    exclusions = _Exclusions(top, root)
    unreadable: list[str] = []
    for directory, directories, names in os.walk(top, onerror=lambda error: unreadable.append(error.filename)):
        exclusions.enter(directory)
        directories[:] = sorted(
            name
            for name in directories
            if not name.startswith(".")
            and name not in _NEVER
            and not exclusions.excludes_directory(os.path.join(directory, name))
        )
        for name in NAMES:
            path = os.path.join(directory, name)
            if name in names and not exclusions.excludes_file(path):
                yield FoundFile(os.path.normpath(path), root)
        # Reading such a file later reports why it cannot be read.
        yield from (FoundFile(name, root) for name in unreadable)
        unreadable.clear()
    yield from (FoundFile(name, root) for name in unreadable)
    yield from exclusions.refused


class _Exclusions:
    """The exclusions of `.gitignore` files; of those with a pattern for a path, the deepest one wins."""

    def __init__(self, top: str, root: str) -> None:
        """Read the files above `top`, up to the root of its repository; `root` is the searched directory."""
        self.refused: list[FoundFile] = []
        self._root = root
        self._specs: dict[str, pathspec.GitIgnoreSpec] = {}
        directory = absolute = os.path.abspath(top)
        above = []
        while not os.path.exists(os.path.join(directory, ".git")) and os.path.dirname(directory) != directory:
            directory = os.path.dirname(directory)
            above.append(directory)
        if os.path.dirname(directory) == directory:
            return  # not in a repository: files above the directory do not apply
        for directory in reversed(above):
            self._read(directory)
        if any(self.excludes_directory(part) for part in [absolute, *above[:-1]]):
            self._specs.clear()  # a directory that is named explicitly is searched even if it is excluded

    def enter(self, directory: str) -> None:
        """Read the `.gitignore` of a directory during the walk."""
        if os.path.abspath(directory) not in self._specs:
            self._read(os.path.abspath(directory))

    def hides(self, base: str, path: str) -> bool:
        """Return whether a path below `base` is excluded, itself or through one of its parent directories."""
        directory = base
        *directories, name = os.path.relpath(path, base).split(os.sep)
        for part in directories:
            self.enter(directory)
            directory = os.path.join(directory, part)
            if part in _NEVER or self.excludes_directory(directory):
                return True
        self.enter(directory)
        path = os.path.join(directory, name)
        return name in _NEVER or (self.excludes_directory(path) if os.path.isdir(path) else self.excludes_file(path))

    def excludes_directory(self, path: str) -> bool:
        """Return whether a directory is excluded, if none of its parent directories is."""
        return self._excludes(path, _DIRECTORY)

    def excludes_file(self, path: str) -> bool:
        """Return whether a file is excluded, if none of its parent directories is."""
        return self._excludes(path, _FILE)

    def _excludes(self, path: str, kind: str) -> bool:
        if not self._specs:
            return False
        absolute = directory = os.path.abspath(path)
        while (above := os.path.dirname(directory)) != directory:
            directory = above
            if (spec := self._specs.get(directory)) is not None:
                relative = os.path.relpath(absolute, directory).replace(os.sep, "/")
                included = spec.check_file(relative + kind).include
                if included is not None:
                    return included
        return False

    def _read(self, directory: str) -> None:
        path = os.path.join(directory, ".gitignore")
        try:
            data = read_found(path, self._root, most=_LARGEST)
        except RefusedError as error:
            self.refused.append(FoundFile(os.path.relpath(path), self._root, error))
            return
        except OSError:
            return
        self._specs[directory] = _spec(data.decode("utf-8-sig", "replace"))


# Marks for the ends of paths, and of patterns for a directory or for anything. No path contains NUL.
_DIRECTORY: Final = "\0d"
_FILE: Final = "\0f"
_EITHER: Final = "\0?"


def _spec(text: str) -> pathspec.GitIgnoreSpec:
    """Compile the patterns of a `.gitignore`.

    For a pattern that names a directory, pathspec also matches the paths below it and ranks such matches by its own
    rules, whereas git(1) matches each path by itself, from the top down. So every pattern gets a mark at its end that
    matches only the end of a path.
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
            continue  # git(1) ignores invalid patterns, too
        patterns.append(pattern)
    return pathspec.GitIgnoreSpec.from_lines(patterns)


def _whole_path_pattern(line: str) -> str | None:
    """Return a pattern that matches what a line names, but nothing below it; None if the line has no pattern."""
    pattern = line.rstrip(" ")
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        if pattern == line:
            return None  # a trailing backslash that escapes nothing
        pattern += " "
    if not pattern or pattern.startswith("#"):
        return None
    end = _EITHER
    if pattern.endswith("/"):
        pattern, end = pattern[:-1], _DIRECTORY
    if pattern.endswith("/**"):
        pattern += "/*"  # still at any depth, despite the mark at its end
    return pattern + end
