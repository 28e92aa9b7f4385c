"""The results: appended a line at a time, on disk before they count, so that a killed run goes on where it was."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Results"]


# How every line begins.
_BEGINNING: Final = b'{"id":"batch_req_'


class _Line(msgspec.Struct):
    custom_id: str
    response: dict[str, object] | None
    error: dict[str, object] | None


class Results:
    """A file of results, which is its own journal.

    Attributes:
        done: The ids of the requests that have a result already.
        failed: Those of them whose result is an error.
    """

    def __init__(self, path: str) -> None:
        """Open the file, and cut off a line that a killed run left half written.

        Raises:
            OSError: It cannot be read or written, or another run has it open.
            ValueError: The file contains anything other than results.
        """
        import fcntl  # two runs at once would write every line twice

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
            raise ValueError("not a regular file, so the run could not be resumed")
        whole = 0
        with open(self._handle, "rb", closefd=False) as stream:
            for number, line in enumerate(stream, 1):
                # What is cut off below has to be the beginning of a result, and nobody's only copy of something else.
                shorter = min(len(line), len(_BEGINNING))
                if line[:shorter] != _BEGINNING[:shorter]:
                    raise ValueError(f"line {number} is not a batch result")
                if not line.endswith(b"\n"):
                    break
                try:
                    result = msgspec.json.decode(line, type=_Line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise ValueError(f"line {number} is not a batch result: {error}") from None
                self._count(result.custom_id, failed=result.error is not None)
                whole += len(line)
        os.ftruncate(self._handle, whole)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def write(self, results: list[dict[str, Any]]) -> None:
        """Append results, and return when they are on disk.

        Raises:
            OSError: The disk is full, or gone.
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
