"""The types of the manifest.

Their field order is the key order of the file; `schema/manifest.schema.json` describes the same.
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


# What a message may contain, and the request field that limits output tokens.
InputKind = Literal["text", "image", "audio", "video"]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]


class _Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What all parts of a manifest share."""


class Generator(_Part, frozen=True):
    """What wrote the manifest."""

    name: str = "genesis"
    version: str = __version__


class Include(_Part, frozen=True):
    """A file that the configuration includes: its path relative to the root file's folder, and its digest (hex)."""

    path: str
    sha256: str


class SourceInfo(_Part, frozen=True):
    """What the manifest was compiled from: the root file's name without folders, its digest (hex), its includes."""

    path: str
    sha256: str
    includes: tuple[Include, ...] = ()


class Cost(_Part, frozen=True):
    """Prices per million tokens, in whatever currency the user counts."""

    input: int | float = 0
    output: int | float = 0
    cache_read: int | float = 0
    cache_write: int | float = 0


class Compat(_Part, frozen=True):
    """How this model's server differs: the name of the request field that limits the output tokens."""

    max_tokens_field: MaxTokensField = "max_tokens"


class Model(_Part, frozen=True):
    """One model of a provider.

    Attributes:
        context_window: Tokens of input and output together.
        context_window_from: Whether the window was stated, told by the server (for a LoRA adapter, by its base model's
            row), or assumed.
        max_tokens: Output tokens at most.
        max_tokens_from: Whether the limit was stated or assumed. An assumed one is not sent.
        params: Request body fields of the provider, the model and the selection, merged.
        headers: The model's own headers, sent after the provider's.
        parent: The base model's id where the server says that this one is an adapter of it.
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
    """What is asked of a stream."""

    include_usage: bool = True


class RequestPolicy(_Part, frozen=True):
    """What is never sent to a proxy-style backend, whatever params say."""

    style: Literal["proxy"] = "proxy"
    service_tier: bool = False
    store: bool = False
    prompt_cache_hints: bool = False
    reasoning_compat: bool = False
    attribution_headers: bool = False


class Provider(_Part, frozen=True):
    """One provider, decided.

    Attributes:
        decision: Whether its models were declared or come from its server.
        reason: Why, in words.
        base_url: With its path, without a trailing slash.
        credential: None sends no Authorization header.
        timeout_seconds: Longest silence on a stream; also the connect limit, up to 10.
        max_connections: At most this many connections at once for each runtime.
        models: Ordered by id.
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
    """Which models are used by default, as `provider/model` references."""

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
