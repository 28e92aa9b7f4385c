"""The types of the manifest.

Their field order is the key order of the file. `schema/manifest.schema.json` describes the same structure.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from genesis_config import __version__
from genesis_config.credentials.lookup import SecretRef

__all__ = [
    "Compat",
    "Cost",
    "Generator",
    "Include",
    "Manifest",
    "Model",
    "Provider",
    "RequestPolicy",
    "SecretRef",
    "Selection",
    "SourceInfo",
    "Streaming",
    "WindowFrom",
]

WindowFrom = Literal["config", "server", "parent", "default"]


# The kinds of input in a message, and the request field that limits output tokens.
InputKind = Literal["text", "image", "audio", "video"]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]


class _Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Base of all parts of a manifest."""


class Generator(_Part, frozen=True):
    """The program that wrote the manifest."""

    name: str = "genesis"
    version: str = __version__


class Include(_Part, frozen=True):
    """An included file: its path relative to the root file's directory, and its digest (hex)."""

    path: str
    sha256: str


class SourceInfo(_Part, frozen=True):
    """The source of the manifest: the root file's name without its directory, its digest (hex), and its includes."""

    path: str
    sha256: str
    includes: tuple[Include, ...] = ()


class Cost(_Part, frozen=True):
    """Prices per million tokens, in the user's currency."""

    input: int | float = 0
    output: int | float = 0
    cache_read: int | float = 0
    cache_write: int | float = 0


class Compat(_Part, frozen=True):
    """Differences of this model's server: the request field that limits the output tokens."""

    max_tokens_field: MaxTokensField = "max_tokens"


class Model(_Part, frozen=True):
    """One model of a provider.

    Attributes:
        context_window: The maximum number of input and output tokens together.
        context_window_from: Whether the window was set by the configuration, reported by the server (for a LoRA
            adapter, possibly for its base model), or assumed.
        max_tokens: The maximum number of output tokens.
        max_tokens_from: Whether the limit was set by the configuration or assumed. An assumed limit is not sent.
        params: The request fields of the provider, the model and the selection, merged.
        headers: The model's own headers, which override the provider's.
        parent: The base model's id, if the server reports that this model is an adapter.
    """

    id: str
    name: str
    reasoning: bool
    input: tuple[InputKind, ...]
    cost: Cost
    context_window: int
    context_window_from: WindowFrom
    max_tokens: int
    max_tokens_from: Literal["config", "default"]
    params: dict[str, Any]
    headers: dict[str, SecretRef]
    compat: Compat
    parent: str | None


class Streaming(_Part, frozen=True):
    """Options of a stream."""

    include_usage: bool = True


class RequestPolicy(_Part, frozen=True):
    """Fields and headers that are never sent to a proxy-style backend, even if params set them."""

    style: Literal["proxy"] = "proxy"
    service_tier: bool = False
    store: bool = False
    prompt_cache_hints: bool = False
    reasoning_compat: bool = False
    attribution_headers: bool = False


class Provider(_Part, frozen=True):
    """One resolved provider.

    Attributes:
        decision: Whether the provider was declared or discovered.
        reason: The reason for the decision.
        base_url: The base URL with its path, without a trailing slash.
        credential: The source of the key; None means that no Authorization header is sent.
        timeout_seconds: The maximum time without data on a stream, and for connecting (at most 10 seconds).
        max_connections: The maximum number of concurrent connections of a runtime.
        models: The models, ordered by id.
    """

    decision: Literal["explicit", "implicit"]
    reason: str
    api: Literal["openai-completions"]
    base_url: str
    credential: SecretRef | None
    headers: dict[str, SecretRef]
    timeout_seconds: int
    max_connections: int
    streaming: Streaming
    request_policy: RequestPolicy
    models: tuple[Model, ...]


class Selection(_Part, frozen=True):
    """The default models, as `provider/model` references."""

    primary: str | None = None
    fallbacks: tuple[str, ...] = ()
    aliases: dict[str, str] = {}


class Manifest(_Part, frozen=True):
    """The resolved provider manifest."""

    manifest_version: Literal[1]
    generator: Generator
    source: SourceInfo
    providers: dict[str, Provider]
    selection: Selection
