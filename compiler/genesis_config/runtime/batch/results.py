"""The results of a batch, appended line by line and flushed to disk, so that a killed run resumes where it stopped."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Results"]


# The start of every line.
_PREFIX: Final = b'{"id":"batch_req_'


class _Line(msgspec.Struct):
    custom_id: str
    response: dict[str, object] | None
    error: dict[str, object] | None


class Results:
    """A results file, which is also the record of what is done.

    Attributes:
        done: The ids of the requests that have a result.
        failed: The ids of the requests whose result is an error.
    """

    def __init__(self, path: str) -> None:
        """Open the file, and remove a partial last line left by a killed run.

        Raises:
            OSError: The file cannot be read or written, or another run has it open.
            ValueError: The file contains something other than results.
        """
        import fcntl  # two concurrent runs would write every line twice

        self.done: set[str] = set()
        self.failed: set[str] = set()
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BaseException:
            os.close(self._handle)
            raise

    def _read(self) -> None:
        if not stat.S_ISREG(os.fstat(self._handle).st_mode):
            raise ValueError("not a regular file, so results could not be read back")
        size = 0
        with open(self._handle, "rb", closefd=False) as stream:
            for number, line in enumerate(stream, 1):
                # The partial line removed below must be the start of a result, never somebody's other data.
                length = min(len(line), len(_PREFIX))
                if line[:length] != _PREFIX[:length]:
                    raise ValueError(f"line {number} is not a batch result")
                if not line.endswith(b"\n"):
                    break
                try:
                    result = msgspec.json.decode(line, type=_Line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise ValueError(f"line {number} is not a batch result: {error}") from None
                self._count(result.custom_id, failed=result.error is not None)
                size += len(line)
        os.ftruncate(self._handle, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def write(self, results: list[dict[str, Any]]) -> None:
        """Append results, and return once they are on disk.

        Raises:
            OSError: Writing failed, for example because the disk is full.
        """
        data = b"".join(msgspec.json.encode(result) + b"\n" for result in results)
        while data:
            data = data[os.write(self._handle, data) :]
        os.fsync(self._handle)
        for result in results:
            self._count(result["custom_id"], failed=result["error"] is not None)

    def _count(self, custom_id: str, *, failed: bool) -> None:
        self.done.add(custom_id)
        if failed:
            self.failed.add(custom_id)
