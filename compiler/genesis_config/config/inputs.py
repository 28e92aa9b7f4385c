"""Files named on the command line, and the variables read from them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from genesis_config.config.expansion import Layer, Variables
from genesis_config.diagnostics.errors import GenesisError, file_error
from genesis_config.files.reading import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["load_variables", "read_input"]


def load_variables(env_files: Sequence[str], *, environment: bool) -> Variables:
    """Return the variables of `--env-file` files and, with `environment`, of the process environment.

    Raises:
        GenesisError: A file cannot be read.
    """
    layers = [Layer("the environment", dict(os.environ))] if environment else []
    layers += [Layer(path, _read_env_file(path)) for path in env_files]
    return Variables(tuple(layers), complete=environment)


def _read_env_file(path: str) -> dict[str, str]:
    """Return the variables in an `--env-file`. Values are literal: a `$` in them is not expanded.

    Raises:
        GenesisError: The file cannot be read, or a line is not an assignment, whose variable would be missing.
    """
    import io

    from dotenv.parser import parse_stream  # imported on demand; `dotenv_values` only logs invalid lines

    data = read_input(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise GenesisError(f"{path} is larger than {MAX_BYTES // (1024 * 1024)} MiB", help="is this the right file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise GenesisError(f"{path} is not valid UTF-8") from None
    values = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            # The message does not repeat the line, which may contain a key. The text starts with preceding empty lines.
            text = binding.original.string
            line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            raise GenesisError(f"{path}:{line}: not an assignment", help="use the form NAME=value")
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def read_input(path: str, most: int = -1) -> bytes:
    """Return the contents of a file named on the command line, at most `most` bytes; `-` is standard input.

    Raises:
        GenesisError: The file cannot be read.
    """
    if path == "-":
        return sys.stdin.buffer.read(most)
    try:
        with open(path, "rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise file_error("read", path, error) from None
