"""From what a person names to the files that are checked: files, folders, patterns; in a fixed order, each once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pathspec

__all__ = ["NAMES", "STDIN", "collect"]

NAMES: Final = ("genesis.json5", "genesis.json")
STDIN: Final = "-"
_NEVER: Final = frozenset({"node_modules", "__pycache__"})


def collect(paths: Sequence[str]) -> list[str]:
    """List the files to check.

    A file is taken as it is, whatever its name, and so is `-`. A folder is searched for configurations, without what
    `.gitignore` leaves out, hidden folders and those of packages. A pattern (`conf/**/*.json5`) stands for its matches.
    """
    found: dict[str, None] = {}
    for path in paths:
        if path == STDIN or os.path.lexists(path) or not any(char in path for char in "*?["):
            found.update(dict.fromkeys(_in_folder(path) if path != STDIN and os.path.isdir(path) else [path]))
        else:
            import glob  # patterns are for shells that do not expand them

            for match in sorted(glob.glob(path, recursive=True)):
                found.update(dict.fromkeys(_in_folder(match) if os.path.isdir(match) else [match]))
    return list(found)


def _in_folder(top: str) -> Iterator[str]:
    """Find the configurations in a folder."""
    specs = _Ignored(top)
    for folder, folders, names in os.walk(top):
        specs.enter(folder, names)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in _NEVER and not specs.match(os.path.join(folder, name) + "/")
        )
        for name in NAMES:
            path = os.path.join(folder, name)
            if name in names and not specs.match(path):
                yield os.path.normpath(path)


class _Ignored:
    """What `.gitignore` files leave out: of those that say something of a path the deepest counts."""

    def __init__(self, top: str) -> None:
        """Read the files above `top`, up to the root of its repository."""
        self._specs: dict[str, pathspec.GitIgnoreSpec] = {}
        folder = os.path.abspath(top)
        while not os.path.exists(os.path.join(folder, ".git")) and os.path.dirname(folder) != folder:
            folder = os.path.dirname(folder)
            self._read(folder)
        if os.path.dirname(folder) == folder:
            self._specs.clear()  # no repository, and what lies about above the folder says nothing of it

    def enter(self, folder: str, names: Sequence[str]) -> None:
        """Read the file of a folder that is walked."""
        if ".gitignore" in names:
            self._read(os.path.abspath(folder))

    def match(self, path: str) -> bool:
        """Tell whether a path is left out; that of a folder ends in a slash."""
        if not self._specs:
            return False
        slash = "/" if path.endswith("/") else ""
        whole = os.path.abspath(path)
        folder = os.path.dirname(whole)
        while True:
            spec = self._specs.get(folder)
            verdict = (
                spec.check_file(os.path.relpath(whole, folder).replace(os.sep, "/") + slash).include if spec else None
            )
            if verdict is not None:
                return verdict
            if os.path.dirname(folder) == folder:
                return False
            folder = os.path.dirname(folder)

    def _read(self, folder: str) -> None:
        try:
            with open(os.path.join(folder, ".gitignore"), encoding="utf-8", errors="replace") as stream:
                lines = stream.read().splitlines()
        except OSError:
            return
        import pathspec  # 10 ms, for folders with a .gitignore

        self._specs[folder] = pathspec.GitIgnoreSpec.from_lines(lines)
