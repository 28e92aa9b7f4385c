"""The entry point of the command line."""

from __future__ import annotations

import errno
import gc
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]

# Errors of writing the output: no space on the device, in the quota or in the file; a broken device; and a closed
# standard output (see `_open_streams`).
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def main() -> None:
    """Run `genesis` with the process's arguments and exit with its code."""
    # Messages may contain numbers of any length, but by default CPython does not format more than 4,300 digits.
    sys.set_int_max_str_digits(0)
    _open_streams()
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader of the output has closed it.
        _drop_output()
        code = 1
    except Exception as error:  # noqa: BLE001 - it is reported
        code = _report(error)
    if code == 130:  # noqa: PLR2004 - the shell's 128 + SIGINT
        sys.stderr.write("error: interrupted\n")
    if sys.argv[1:2] == ["check"]:
        _exit_without_cleanup(code)
    sys.exit(code)


def _exit_without_cleanup(code: int) -> NoReturn:
    """End the process without freeing its objects.

    Freeing a document of 3 MB with its spans took 19 % of the instructions of `genesis check`, freeing what a small one
    needs 8 % (CPython 3.11). All files are closed and standard output is flushed by now.
    """
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)


def _open_streams() -> None:
    """Open the three standard streams if they are closed, and use UTF-8 regardless of the locale.

    For a closed stream (`>&-`), Python has no stream object. With the locale's encoding, the same configuration would
    give different bytes on different machines, or fail. Output to a closed standard output must not be lost silently,
    so it is opened read-only and writing fails with EBADF.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            handle = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            setattr(sys, name, open(handle, mode, encoding="utf-8"))  # noqa: SIM115 - to the end of the process
        elif mode == "w":
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _report(error: Exception) -> int:
    """Report the error that ended the program, unwritable output or a bug, and return the exit code."""
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        try:
            # Find out whether standard output caused the error. A buffer still has its data and fails again. An
            # unbuffered stream (PYTHONUNBUFFERED, as in many images) has none left, so write one more line.
            sys.stdout.write("\n")
            sys.stdout.flush()
        except OSError as unwritable:
            _drop_output()
            closed = unwritable.errno == errno.EBADF
            reason = "standard output is closed" if closed else unwritable.strerror
            sys.stderr.write(f"error: cannot write the output: {reason}\n")
            return 2
    from genesis_config.cli.crash import print_crash_report

    print_crash_report(error)
    return 3


def _drop_output() -> None:
    """Redirect the remaining output to the null device, so that Python's flush at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["check"]:
        # The objects live until the process ends and contain hardly any cycles, but the collector walked a 3 MB
        # document again and again: 60 of 350 ms (CPython 3.11).
        gc.disable()
    if (
        len(arguments) > 1
        and arguments[0] == "check"
        and not any(word.startswith("-") for word in arguments)
        and not (os.environ.get("GENESIS_FORMAT") or os.environ.get("GENESIS_OUTPUT"))
    ):
        # `genesis check FILES…` is what a pre-commit hook runs, many times a day. It has no options to parse, and
        # importing click would take 20 of 60 ms (CPython 3.11).
        from genesis_config.cli.checking import run_check

        return run_check(arguments[1:])
    from genesis_config.cli.group import run_command

    return run_command(arguments)


if __name__ == "__main__":
    main()
