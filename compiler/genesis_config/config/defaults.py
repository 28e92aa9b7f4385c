"""Default values, and the names that some values must be one of."""

from __future__ import annotations

from typing import Final

__all__ = [
    "APIS",
    "DEFAULT_API",
    "DEFAULT_BASE_URL",
    "DEFAULT_CONTEXT_WINDOW",
    "DEFAULT_INPUT",
    "DEFAULT_MAX_CONNECTIONS",
    "DEFAULT_MAX_TOKENS",
    "DEFAULT_MAX_TOKENS_FIELD",
    "DEFAULT_TIMEOUT_SECONDS",
    "IMPLICIT_PROVIDERS",
    "INPUTS",
    "MAX_TOKENS_FIELDS",
]

# Providers that are discovered without being declared, and their base URLs.
DEFAULT_BASE_URL: Final = "http://127.0.0.1:8000/v1"
IMPLICIT_PROVIDERS: Final[dict[str, str]] = {"vllm": DEFAULT_BASE_URL}

DEFAULT_TIMEOUT_SECONDS: Final = 120
DEFAULT_MAX_CONNECTIONS: Final = 100
# In tokens.
DEFAULT_CONTEXT_WINDOW: Final = 128000
DEFAULT_MAX_TOKENS: Final = 8192

DEFAULT_API: Final = "openai-completions"
APIS: Final = (DEFAULT_API,)
DEFAULT_INPUT: Final = ("text",)
INPUTS: Final = (*DEFAULT_INPUT, "image", "audio", "video")
DEFAULT_MAX_TOKENS_FIELD: Final = "max_tokens"
MAX_TOKENS_FIELDS: Final = (DEFAULT_MAX_TOKENS_FIELD, "max_completion_tokens")
