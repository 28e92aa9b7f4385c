"""Location of the configuration for commands that work on one."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from genesis_config.config.inputs import load_variables
from genesis_config.diagnostics.errors import GenesisError, file_error
from genesis_config.files.reading import MAX_BYTES, read_found, read_named, resolve_parents
from genesis_config.lint.discovery import NAMES

__all__ = ["LocatedConfig", "find_named_providers", "load_config"]


class LocatedConfig(NamedTuple):
    """A configuration that was found and read.

    Attributes:
        path: The path of the configuration; `-` for standard input.
        data: The bytes of the file, truncated after the size limit.
        root: The searched directory that it was found in; None if it was named explicitly.
        is_outside: Whether it was reached through a link that leaves the directory tree, so that its text must not be
            shown.
    """

    path: str
    data: bytes
    root: str | None = None
    is_outside: bool = False


def load_config(given: str | None) -> LocatedConfig:
    """Read the configuration: the given path, $GENESIS_CONFIG, this directory, or the user's configuration directory.

    In the user's configuration directory, links are followed as for a path that is named explicitly: it is common to
    keep such files elsewhere.

    Raises:
        GenesisError: There is no configuration, or it cannot be read.
    """
    return _load(*_find_config(given))


def _load(path: str, root: str | None) -> LocatedConfig:
    """Read the configuration at a path; `root` is the searched directory that it was found in, if any."""
    try:
        if path == "-":
            return LocatedConfig(path, sys.stdin.buffer.read(MAX_BYTES + 1))
        if root is not None:
            return LocatedConfig(path, read_found(path, root), root)
        file = read_named(path)
    except OSError as error:
        raise file_error("read", path, error) from None
    return LocatedConfig(path, file.data, is_outside=file.is_outside)


def _find_config(given: str | None) -> tuple[str, str | None]:
    """Return the path of the configuration, and the searched directory unless links may leave it."""
    path = resolve_parents(given or os.environ.get("GENESIS_CONFIG") or "")
    if path and not os.path.isdir(path):
        return path, None
    directories = {path or ".": path or "."}
    if not path:
        import platformdirs  # only if no configuration was named

        directories[platformdirs.user_config_dir("genesis", appauthor=False)] = ""
    for directory, root in directories.items():
        for name in NAMES:
            candidate = os.path.normpath(os.path.join(directory, name))
            if os.path.exists(candidate) and not os.path.isdir(candidate):
                return candidate, root or None
    raise GenesisError(
        f"no {' or '.join(NAMES)} in {' or '.join(directories)}", help="run `genesis init` to create one"
    )


def find_named_providers(given: str | None) -> tuple[str, list[str]] | None:
    """Return the path of the configuration and the IDs of the providers that it declares or refers to.

    Return None if there is no configuration, or if it cannot be parsed or shown: callers only want a hint.

    Raises:
        GenesisError: The given path cannot be read.
    """
    from genesis_config.diagnostics.rule_names import TEXT_RULES
    from genesis_config.pipeline import check_config  # `--help` does without

    try:
        path, root = _find_config(given)
        loaded = None if path == "-" else _load(path, root)
    except GenesisError:
        if given:
            raise
        return None
    if loaded is None or loaded.is_outside:
        return None
    session = check_config(path, loaded.data, load_variables((), environment=True))
    # The part that could not be parsed may contain further names.
    if any(finding.rule in TEXT_RULES for finding in session.diagnostics):
        return None
    return path, session.config.named_providers
