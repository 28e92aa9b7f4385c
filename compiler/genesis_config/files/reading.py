"""Reading files: those that a run finds by itself, and those that a person names.

A repository may contain links to anything that its user can read, pipes that nobody writes to, and devices without an
end. What a run finds by itself is therefore a regular file below its tree, and no larger than such a file ever is. The
tree is git's top level, else the directory that was searched, else the one that the file is in.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import cache
from typing import Final

from genesis_config.diagnostics.named_tuple import NamedTuple

__all__ = ["MAX_BYTES", "NamedFile", "RefusedError", "forget", "leaves_tree", "read_below", "read_found", "read_named"]

# Past this size a file is not read: a configuration's reader reports it, for the others see `read_found`.
MAX_BYTES: Final = 16 * 1024 * 1024
# Where Linux shows which file a handle has open, whatever became of the path that it was opened by.
_HANDLES: Final = "/proc/self/fd"
# Streams that the process was started with. They may be files anywhere, and it is the person who opened them.
_STREAMS: Final = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
# Files that the kernel makes up, the environment among them: part of no tree, even where that is the root directory.
_KERNEL: Final = ("/proc/", "/sys/")


class RefusedError(OSError):
    """A file that is not read because of what it is: not a regular file, behind a link out of the tree, too large."""


class NamedFile(NamedTuple):
    """A file that a person names.

    Attributes:
        data: Its bytes; of one that is larger than MAX_BYTES a byte more than that.
        is_outside: Whether a link out of the tree led to it, so that nothing of its text may be shown.
    """

    data: bytes
    is_outside: bool


def read_found(path: str, root: str | None = None, *, most: int | None = None) -> bytes:
    """Return the bytes of a file that nobody named.

    Args:
        path: The file.
        root: The directory that was searched, if one was.
        most: The size past which the file is refused. None returns a byte more than MAX_BYTES of one that is larger.

    Raises:
        RefusedError: It is not a regular file, a link out of the tree, or larger than `most`.
        OSError: It cannot be read.
    """
    return read_below(path, _tree(os.path.dirname(path), root), most=most)


def read_below(path: str, tree: str, *, most: int | None = None) -> bytes:
    """Return the bytes of a file as `read_found` does, where links may lead to what is below the real path `tree`."""
    # A pipe is opened without waiting for somebody to write to it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise RefusedError(errno.EINVAL, "it is not a regular file", path)
        if not _is_below(_real_path(handle, path), tree):
            message = "it is behind a link that leaves the directory tree; replace the link with the file"
            raise RefusedError(errno.EXDEV, message, path)
        with open(handle, "rb", closefd=False) as stream:
            data = stream.read((MAX_BYTES if most is None else most) + 1)
    finally:
        os.close(handle)
    if most is not None and len(data) > most:
        raise RefusedError(errno.EFBIG, f"it is larger than {most // (1024 * 1024)} MiB", path)
    return data


def read_named(path: str) -> NamedFile:
    """Return what is in a file that a person named, which may be a pipe or a link to anywhere.

    Raises:
        OSError: It cannot be read.
    """
    with open(path, "rb") as stream:
        real = _real_path(stream.fileno(), path)
        is_outside = not path.startswith(_STREAMS) and not _is_below(real, _tree(os.path.dirname(path)))
        return NamedFile(stream.read(MAX_BYTES + 1), is_outside)


def leaves_tree(path: str, root: str | None = None) -> bool:
    """Return whether a write to a path would end outside its tree; the file need not exist."""
    return not _is_below(os.path.realpath(path), _tree(os.path.dirname(path), root))


def forget() -> None:
    """Look for repositories again: a process that keeps running sees them come and go."""
    _repository.cache_clear()


def _real_path(handle: int, path: str) -> str:
    """Return the path of an open file without links; an empty one where it cannot be known."""
    try:
        return os.readlink(f"{_HANDLES}/{handle}")
    except OSError:
        real = os.path.realpath(path)
    try:
        # What the path leads to now may not be what was opened.
        return real if os.path.samestat(os.lstat(real), os.fstat(handle)) else ""
    except OSError:
        return ""


def _is_below(real: str, tree: str) -> bool:
    """Return whether a real path is part of a tree. git's own directory is not: its configuration may hold a token."""
    top = f"{tree.rstrip('/')}/"
    return real.startswith(top) and "/.git/" not in f"/{real[len(top) :]}/" and not real.startswith(_KERNEL)


def _tree(directory: str, root: str | None = None) -> str:
    """Return the real path of the tree that a directory is in."""
    directory = os.path.abspath(directory)
    top = _repository(directory)
    if top is None and root is not None and f"{directory}/".startswith(f"{os.path.abspath(root).rstrip('/')}/"):
        top = root
    return os.path.realpath(directory if top is None else top)


@cache
def _repository(directory: str) -> str | None:
    """Return the top level of the git repository that a directory is in; None where it is in none."""
    above = os.path.dirname(directory)
    if above == directory:
        return None  # what is in the root directory would make everything part of one tree
    return directory if os.path.exists(f"{directory}/.git") else _repository(above)
