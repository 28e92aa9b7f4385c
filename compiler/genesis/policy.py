"""What is never sent to a proxy-style backend, and what is assumed of a model that nobody described."""

from __future__ import annotations

from typing import Final

__all__ = ["DEFAULT_CONTEXT_WINDOW", "DEFAULT_MAX_TOKENS", "NATIVE_ONLY"]

# Request fields of the native OpenAI endpoint. vLLM 0.32 takes them without complaint and does nothing with them.
NATIVE_ONLY: Final = frozenset({"service_tier", "store", "prompt_cache_key", "prompt_cache_retention"})

# Tokens.
DEFAULT_CONTEXT_WINDOW: Final = 128000
DEFAULT_MAX_TOKENS: Final = 8192
