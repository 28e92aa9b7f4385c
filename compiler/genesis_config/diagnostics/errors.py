"""The common base of all errors that a user can cause.

GenesisError               a file cannot be read or written, a key is missing, an extra is not installed …
├── SettingsError          pyproject.toml or genesis.toml has settings that cannot be used       lint.settings
├── ProfilesError          the auth profiles cannot be used, or changed as requested            credentials.profiles
├── MissingSecretError     a secret position has no value                                       credentials.lookup
├── ManifestError          a manifest is not valid, or has an unsupported version               manifest.files
├── BatchError             a line of a batch file is not a valid request                        runtime.batch.requests
├── TransportError         a request to a server failed                                         net.causes
└── CompletionError        a completion failed; its own tree                                    runtime.errors

Any other exception is a bug. Commands print these errors as `error: MESSAGE`, followed by `= help: HELP`.
"""

from __future__ import annotations

__all__ = ["GenesisError", "file_error"]


class GenesisError(Exception):
    """An error that a user can cause and fix. Neither its message nor its help contains a secret.

    Attributes:
        help: How to fix it; None if the message is enough.
    """

    def __init__(self, message: str, *, help: str | None = None) -> None:  # noqa: A002 - the name of the field
        super().__init__(message)
        self.help = help


def file_error(action: str, path: str, error: OSError) -> GenesisError:
    """Return the error for a file on which an action, such as `read`, failed."""
    return GenesisError(f"cannot {action} {path}: {error.strerror}")
