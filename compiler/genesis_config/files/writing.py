"""Atomic replacement of files, and locks between processes."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["is_one_of", "lock_file", "write_atomic"]

_PAUSE: Final = 0.01  # seconds between attempts to acquire a lock

# Names of streams that are already open. If one is a file, it may have other content, so it is appended to.
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")


def write_atomic(path: str, data: bytes, *, mode: int | None = None) -> None:
    """Replace the file at `path` with `data` atomically.

    The data is written to a new file in the same directory, synced, and moved over the old file by rename(2). If the
    path is a link, its target is replaced and the link stays.

    Args:
        path: The path to write to. Its directory must exist.
        data: The complete new content.
        mode: The permission bits of the new file. None keeps the old file's, or uses 0666 minus the umask.

    Raises:
        OSError: The file cannot be written, for example because the disk is full. The old file is unchanged.
    """
    if path.startswith(_STREAMS) or (os.path.exists(path) and not os.path.isfile(path)):
        # A device or pipe (`-o /dev/stdout`) has no content to preserve and must not be replaced with a file.
        with open(path, "ab") as stream:
            stream.write(data)
        return
    target = os.path.realpath(path)
    if mode is None:
        mode = os.stat(target).st_mode & 0o777 if os.path.exists(target) else 0o666 & ~_umask()
    directory, name = os.path.split(target)
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=f".{name[:50]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def is_one_of(path: str, others: Iterable[str]) -> bool:
    """Return whether a file is the same as one of the others, even under a different name."""
    return os.path.isfile(path) and any(os.path.isfile(other) and os.path.samefile(path, other) for other in others)


@contextlib.contextmanager
def lock_file(path: str, *, timeout: float) -> Iterator[None]:
    """Hold an exclusive lock while the block runs.

    The lock is flock(2) on an empty file, so it is released if the process dies. The file is never deleted: otherwise
    two processes could each lock a file of their own.

    Args:
        path: The path of the lock file, created with mode 0600 if needed. Its directory must exist.
        timeout: The number of seconds to wait for the lock.

    Raises:
        TimeoutError: Another process holds the lock for longer.
        OSError: The file cannot be opened or locked.
    """
    import fcntl  # `genesis check` does not lock files
    import time

    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        end = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock", path) from None
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(handle)


def _umask() -> int:
    """Return the process's umask, which POSIX only returns when setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
