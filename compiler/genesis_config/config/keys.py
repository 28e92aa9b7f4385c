"""The keys of a configuration as they are written in a file. Other packages use these constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Path

__all__ = [
    "ALIAS",
    "API",
    "API_KEY",
    "BASE_URL",
    "COMPAT",
    "CONTEXT_WINDOW",
    "COST",
    "ENV_VARS",
    "FALLBACKS",
    "HEADERS",
    "ID",
    "INCLUDE",
    "INPUT",
    "MAX_CONNECTIONS",
    "MAX_TOKENS",
    "MAX_TOKENS_FIELD",
    "MODEL",
    "MODELS",
    "NAME",
    "ORDER",
    "PARAMS",
    "PATH",
    "PRIMARY",
    "PROFILES",
    "PROVIDER",
    "PROVIDERS",
    "REASONING",
    "SCHEMA",
    "SELECTED",
    "SELECTION",
    "SOURCE",
    "TIMEOUT_SECONDS",
    "is_extension",
]

SCHEMA: Final = "$schema"
INCLUDE: Final = "$include"

# Sections.
PROVIDERS: Final[Path] = ("models", "providers")
SELECTION: Final[Path] = ("agents", "defaults", "model")
SELECTED: Final[Path] = ("agents", "defaults", "models")
PROFILES: Final[Path] = ("auth", "profiles")
ORDER: Final[Path] = ("auth", "order")
ENV_VARS: Final[Path] = ("env", "vars")

# Keys of a provider, a model or a selected model.
API: Final = "api"
API_KEY: Final = "apiKey"
BASE_URL: Final = "baseUrl"
HEADERS: Final = "headers"
MAX_CONNECTIONS: Final = "maxConnections"
MODELS: Final = "models"
PARAMS: Final = "params"
TIMEOUT_SECONDS: Final = "timeoutSeconds"
ALIAS: Final = "alias"
COMPAT: Final = "compat"
CONTEXT_WINDOW: Final = "contextWindow"
COST: Final = "cost"
ID: Final = "id"
INPUT: Final = "input"
MAX_TOKENS: Final = "maxTokens"
MAX_TOKENS_FIELD: Final = "maxTokensField"
NAME: Final = "name"
REASONING: Final = "reasoning"

# Keys of an `apiKey` that is an object, and of an auth profile.
SOURCE: Final = "source"
PATH: Final = "path"
PROVIDER: Final = "provider"

# Keys of the selection.
FALLBACKS: Final = "fallbacks"
MODEL: Final = "model"
PRIMARY: Final = "primary"


def is_extension(key: str) -> bool:
    """Return whether a key is allowed anywhere and ignored by Genesis."""
    return key.startswith("x-") or key in {SCHEMA, INCLUDE}
