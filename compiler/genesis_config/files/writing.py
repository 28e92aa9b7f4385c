"""Replacing files whole: an interrupted write leaves the old one as it was. And one process at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["is_one_of", "locked", "write_atomic"]

_PAUSE: Final = 0.01  # seconds between two attempts at a lock

# Names of streams that are open already. Where one is a file, there is more in it than what is written here.
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")


def write_atomic(path: str, data: bytes, *, mode: int | None = None) -> None:
    """Replace the file at `path` with `data` in one step.

    The bytes go to a new file in the same folder, are synced, and take the old name by rename(2). A link is followed,
    so that the file it points at is replaced and the link stays.

    Args:
        path: Where to write. Its folder must exist.
        data: The whole new content.
        mode: The permission bits of the result. None keeps those of the file that is there, else 0666 less the umask.

    Raises:
        OSError: The folder is missing or not writable, the disk is full. The old file is then untouched.
    """
    if path.startswith(_STREAMS) or (os.path.exists(path) and not os.path.isfile(path)):
        # A device or a pipe (`-o /dev/stdout`) has no old content to keep and must not be replaced by a file.
        with open(path, "ab") as stream:
            stream.write(data)
        return
    target = os.path.realpath(path)
    if mode is None:
        mode = os.stat(target).st_mode & 0o777 if os.path.exists(target) else 0o666 & ~_umask()
    folder, name = os.path.split(target)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name[:50]}.", suffix=".tmp")
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
    """Tell whether a file is one of others, under whatever name: what was read is not to be written over."""
    return os.path.isfile(path) and any(os.path.isfile(other) and os.path.samefile(path, other) for other in others)


@contextlib.contextmanager
def locked(path: str, *, patience: float) -> Iterator[None]:
    """Keep every other process that asks for the same lock out, for as long as the block takes.

    The lock is flock(2)'s on the file at `path`, which stays there, empty: a process that died holds none, and to
    delete the file would let two in, each with a file of its own.

    Args:
        path: The file of the lock, made with mode 0600 where it is missing. Its folder must exist.
        patience: How long to wait for it, in seconds.

    Raises:
        TimeoutError: Somebody else has it for longer than that.
        OSError: The file cannot be opened or locked.
    """
    import fcntl  # `genesis check` locks nothing
    import time

    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        end = time.monotonic() + patience
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
    """Read the process's umask, which POSIX lets one read only by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
