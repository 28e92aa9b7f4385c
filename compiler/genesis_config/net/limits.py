"""Limits on the duration of requests and the size of responses."""

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
TOTAL_SECONDS: Final = 15.0  # for a model list
VERSION_SECONDS: Final = 2.0  # after the model list has arrived or failed
MAX_BYTES: Final = 16 * 1024 * 1024  # of a model list
MAX_MESSAGE: Final = 600  # characters of an error message, which may quote a server
COMPLETION_CONNECT_SECONDS: Final = 10.0  # or the provider's `timeoutSeconds`, whichever is less
