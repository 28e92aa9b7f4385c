"""Request fields and headers that a configuration cannot set."""

from __future__ import annotations

from typing import Final

__all__ = [
    "FRAMING_HEADERS",
    "HEADER_NAME",
    "NATIVE_ONLY",
    "OWN_FIELDS",
]

# Request fields of the native OpenAI endpoint. vLLM 0.32 accepts and ignores them.
NATIVE_ONLY: Final = frozenset({"service_tier", "store", "prompt_cache_key", "prompt_cache_retention"})
# Request fields that params cannot set, because the runtime does.
OWN_FIELDS: Final = frozenset({"model", "messages", "stream"})
# Headers that describe how the body is sent, so a declared one would be wrong (RFC 9112, §6).
FRAMING_HEADERS: Final = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "trailer", "te"})

# A header's name is a token: RFC 9110, §5.6.2.
HEADER_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
