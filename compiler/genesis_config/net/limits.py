"""How long, and how much, an answer may be."""

from typing import Final

__all__ = ["CONNECT_SECONDS", "MAX_BYTES", "TOTAL_SECONDS", "VERSION_SECONDS"]

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 15.0
VERSION_SECONDS: Final = 2.0  # after the list of models, or why there is none
MAX_BYTES: Final = 16 * 1024 * 1024
