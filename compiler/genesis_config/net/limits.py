"""How long requests may take, and how large responses may be."""

from typing import Final

__all__ = [
    "COMPLETION_CONNECT_SECONDS",
    "CONNECT_SECONDS",
    "MAX_BYTES",
    "MAX_MESSAGE",
    "TOTAL_SECONDS",
    "VERSION_SECONDS",
]

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 15.0  # for a list of models
VERSION_SECONDS: Final = 2.0  # after the list of models, or after its failure
MAX_BYTES: Final = 16 * 1024 * 1024  # of a list of models
MAX_MESSAGE: Final = 600  # characters of an error message, which may quote a server
COMPLETION_CONNECT_SECONDS: Final = 10.0  # or the provider's `timeoutSeconds`, if that is less
