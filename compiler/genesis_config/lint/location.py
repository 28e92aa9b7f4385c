"""The one configuration that a command works on: where it is, and its bytes."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from genesis_config.config.inputs import load_variables
from genesis_config.diagnostics.errors import GenesisError, file_error
from genesis_config.files.reading import MAX_BYTES, read_found, read_named
from genesis_config.lint.discovery import NAMES

__all__ = ["LocatedConfig", "find_named_providers", "load_config"]


class LocatedConfig(NamedTuple):
    """A configuration.

    Attributes:
        path: Its path; `-` is standard input.
        data: Its bytes, or the beginning of what is too large.
        root: The directory that was searched when it was found; None where a person named it.
        is_outside: Whether a link out of the directory tree led to it, so that nothing of its text may be shown.
    """

    path: str
    data: bytes
    root: str | None = None
    is_outside: bool = False


def load_config(stated: str | None) -> LocatedConfig:
    """Read the configuration: as stated, as the environment says, here, or in the user's config folder.

    What is in the user's own folder is taken as if it had been named: links to where people keep such files are common.

    Raises:
        GenesisError: There is none, or it cannot be read.
    """
    return _load(*_find_config(stated))


def _load(path: str, root: str | None) -> LocatedConfig:
    """Read the configuration at a path; `root` is the directory that was searched for it, if one was."""
    try:
        if path == "-":
            return LocatedConfig(path, sys.stdin.buffer.read(MAX_BYTES + 1))
        if root is not None:
            return LocatedConfig(path, read_found(path, root), root)
        file = read_named(path)
    except OSError as error:
        raise file_error("read", path, error) from None
    return LocatedConfig(path, file.data, is_outside=file.is_outside)


def _find_config(stated: str | None) -> tuple[str, str | None]:
    """Return the path of the configuration, and the directory that was searched unless it is the user's own."""
    path = stated or os.environ.get("GENESIS_CONFIG")
    if path and not os.path.isdir(path):
        return path, None
    folders = {path or ".": path or "."}
    if not path:
        import platformdirs  # only where the configuration is looked for

        folders[platformdirs.user_config_dir("genesis", appauthor=False)] = ""
    for folder, root in folders.items():
        for name in NAMES:
            candidate = os.path.normpath(os.path.join(folder, name))
            if os.path.exists(candidate) and not os.path.isdir(candidate):
                return candidate, root or None
    raise GenesisError(f"no {' or '.join(NAMES)} in {' or '.join(folders)}", help="run `genesis init` to create one")


def find_named_providers(stated: str | None) -> tuple[str, list[str]] | None:
    """Return the path of the configuration and the ids of the providers that it declares or refers to.

    None where there is no configuration, or none that can be read and shown: who only asks what it names has another
    errand.

    Raises:
        GenesisError: The configuration that was stated cannot be read.
    """
    from genesis_config.diagnostics.rule_names import TEXT_RULES
    from genesis_config.pipeline import check_config  # `--help` does without

    try:
        path, root = _find_config(stated)
        loaded = None if path == "-" else _load(path, root)
    except GenesisError:
        if stated:
            raise
        return None
    if loaded is None or loaded.is_outside:
        return None
    session = check_config(path, loaded.data, load_variables((), environment=True))
    # A name may stand in what could not be read.
    if any(finding.rule in TEXT_RULES for finding in session.diagnostics):
        return None
    return path, session.config.named_providers
