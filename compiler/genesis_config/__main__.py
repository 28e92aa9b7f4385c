"""The entrance of the command line."""

from __future__ import annotations

import errno
import gc
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]

# What writing fails with where there is no more room: on the device, in the quota, in the file; where it breaks, and
# where standard output is closed (see `_open_streams`).
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def main() -> None:
    """Run `genesis` with the process's arguments and exit with its code."""
    # A number keeps its digits however many they are, and messages may name it: CPython refuses more than 4,300.
    sys.set_int_max_str_digits(0)
    _open_streams()
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # Whoever read the output has seen enough.
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
    """Open all three streams, whatever the process was started with, with UTF-8 whatever the locale says.

    Python has none for what is closed (`>&-`), and would write the manifest of the same configuration in the bytes of
    each machine's locale, or not at all. What a command prints to a closed standard output must not be lost silently:
    writing there fails with EBADF, since the stream can only be read.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            handle = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            setattr(sys, name, open(handle, mode, encoding="utf-8"))  # noqa: SIM115 - to the end of the process
        elif mode == "w":
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _report(error: Exception) -> int:
    """Report what ended the program, unwritable output or a bug, and return the exit code."""
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        try:
            # Whether it is the output that is full. A buffer has what it could not write, and fails with it again; an
            # unbuffered stream (PYTHONUNBUFFERED, as in many images) has nothing left, so that one more line is asked.
            sys.stdout.write("\n")
            sys.stdout.flush()
        except OSError as unwritable:
            _drop_output()
            closed = unwritable.errno == errno.EBADF
            reason = "standard output is closed" if closed else unwritable.strerror
            sys.stderr.write(f"error: cannot write the output: {reason}\n")
            return 2
    from genesis_config.cli.crash import report

    report(error)
    return 3


def _drop_output() -> None:
    """Let what is left of the output go nowhere: Python would complain once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["check"]:
        # What it makes lives to the end of the process, with hardly a cycle in it. The collector walked a document of
        # 3 MB again and again: 60 of 350 ms (CPython 3.11).
        gc.disable()
    if (
        len(arguments) > 1
        and arguments[0] == "check"
        and not any(word.startswith("-") for word in arguments)
        and not (os.environ.get("GENESIS_FORMAT") or os.environ.get("GENESIS_OUTPUT"))
    ):
        # `genesis check FILES…` is what a pre-commit hook runs, many times a day: it has no option to parse, and to
        # import click for that took 20 of 60 ms (CPython 3.11).
        from genesis_config.cli.checking import run

        return run(arguments[1:])
    from genesis_config.cli.group import run_command

    return run_command(arguments)


if __name__ == "__main__":
    main()
