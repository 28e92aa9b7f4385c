"""Replacing files whole: an interrupted write leaves the old one as it was."""

from __future__ import annotations

import os
import tempfile

__all__ = ["write_atomic"]

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


def _umask() -> int:
    """Read the process's umask, which POSIX lets one read only by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
