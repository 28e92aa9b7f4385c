"""The entrance of the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `genesis` with the process's arguments and exit with its code."""
    arguments = sys.argv[1:]
    if len(arguments) > 1 and arguments[0] == "check" and not any(word.startswith("-") for word in arguments):
        # `genesis check FILES…` is what a pre-commit hook runs, many times a day: it has nothing to parse, and importing
        # click to do so took 20 of 60 ms (CPython 3.11).
        from genesis.cli.checking import run  # noqa: PLC0415

        sys.exit(run(arguments[1:]))
    from genesis.cli.group import genesis  # noqa: PLC0415

    genesis(prog_name="genesis")


if __name__ == "__main__":
    main()
