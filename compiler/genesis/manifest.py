"""The resolved provider manifest: its types, reading and writing.

The field order of the types is the key order of the file; `schema/manifest.schema.json` describes the same.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from genesis import __version__, profiles
from genesis.files import write_atomic
from genesis.policy import NATIVE_ONLY
from genesis.reference import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "MANIFEST_VERSION",
    "NATIVE_ONLY",
    "Compat",
    "Cost",
    "Generator",
    "Include",
    "Manifest",
    "ManifestError",
    "MissingSecretError",
    "Model",
    "Provider",
    "RequestPolicy",
    "SecretRef",
    "Selection",
    "SourceInfo",
    "Streaming",
    "WindowFrom",
    "digest",
    "dumps",
    "load",
    "loads",
    "scrub",
    "secret_value",
    "write",
]

MANIFEST_VERSION: Final = 1

_LONGEST_SECRET: Final = 64 * 1024  # characters

WindowFrom = Literal["config", "server", "parent", "default"]


class ManifestError(Exception):
    """A manifest that cannot be used. The message says what is wrong with it and what to do."""


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


class SecretRef(_Part, frozen=True, omit_defaults=True):
    """Where the value of a secret position comes from; exactly one field is set.

    Attributes:
        template: Text with `${NAME}` references, resolved when a request is made.
        value: The text itself: a plain header, a placeholder key, or a secret written by `--secrets inline`.
        file: The path of a file that holds the value; one trailing newline is not part of it.
        profile: The id of an auth profile, such as `vllm:default`.
    """

    template: str | None = None
    value: str | None = None
    file: str | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        if sum(field is not None for field in (self.template, self.value, self.file, self.profile)) != 1:
            raise ValueError("expected exactly one of `template`, `value`, `file`, `profile`")


class MissingSecretError(Exception):
    """A secret position that has no value. The message says what is missing, `help` what to do."""

    def __init__(self, message: str, help_: str) -> None:
        """Hold both texts; neither repeats a value."""
        super().__init__(message)
        self.help = help_


def secret_value(ref: SecretRef, lookup: Callable[[str], str | None], what: str) -> str:
    """Give the value of a secret position.

    Args:
        ref: Where it comes from.
        lookup: Gives a variable's value, None where it is unset. One of white space only is as good as unset.
        what: What needs it, for messages.

    Raises:
        MissingSecretError: A variable, file or profile is not there, or empty, or no header can hold its value.
    """
    value = _looked_up(ref, lookup, what)
    if not value.isprintable():
        message = f"{what} holds a line break or a control character, which no header can"
        raise MissingSecretError(message, "remove it where the value is set")
    return value


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of what a server said: some echo the key that they refuse, as it is or as JSON has it.

    One of less than 6 characters is taken out where it is a whole word, and not out of the middle of others.
    """
    forms = {form for secret in secrets if secret for form in (secret, msgspec.json.encode(secret).decode()[1:-1])}
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        whole = len(form) < 6  # noqa: PLR2004 - as the docstring says
        text = re.sub(rf"\b{re.escape(form)}\b", "***", text) if whole else text.replace(form, "***")
    return text


def _looked_up(ref: SecretRef, lookup: Callable[[str], str | None], what: str) -> str:
    if ref.value is not None:
        return ref.value
    if ref.file is not None:
        return _from_file(ref.file, what)
    if ref.profile is not None:
        return _from_profile(ref.profile, what)
    resolved = resolve(ref.template or "", lambda name: lookup(name) if (lookup(name) or "").strip() else None)
    if resolved.value is not None:
        return resolved.value
    reference = resolved.problems[0].reference
    state = "is not set" if lookup(reference.name) is None else "is empty"
    reason = "" if reference.message is None else f": {reference.message}"
    message = f"the variable `{reference.name}` {state}, and {what} needs it{reason}"
    raise MissingSecretError(message, f"export {reference.name}, or put it into an --env-file")


def _from_file(path: str, what: str) -> str:
    """Read a secret that is mounted as a file; one line end after it is not part of it."""
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            text = stream.read(_LONGEST_SECRET)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        message = f"{what} needs the file {path}, which cannot be read: {reason}"
        raise MissingSecretError(message, "mount or create it") from None
    value = text.removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise MissingSecretError(f"{what} needs the file {path}, which is empty", "write the key into it")
    return value


def _from_profile(name: str, what: str) -> str:
    try:
        profile = profiles.read(profiles.store_path()).get(name)
    except profiles.ProfilesError as error:
        raise MissingSecretError(f"{what} needs an auth profile: {error}", "put the store right") from None
    if profile is None:
        raise MissingSecretError(
            f"{what} needs the auth profile {name}, which is not there", "`genesis auth set` adds it"
        )
    return profile.key


class Cost(_Part, frozen=True):
    """Prices per million tokens, in whatever currency the user counts."""

    input: int | float = 0
    output: int | float = 0
    cache_read: int | float = 0
    cache_write: int | float = 0


class Compat(_Part, frozen=True):
    """How this model's server differs: the name of the request field that limits the output tokens."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


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
    input: tuple[Literal["text", "image", "audio", "video"], ...]
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


class _Version(msgspec.Struct, rename="camel"):
    """The one field that is read before the others are believed."""

    manifest_version: Any


def dumps(manifest: Manifest) -> bytes:
    """Write a manifest as JSON: UTF-8, 2-space indent, fixed key order, one trailing newline."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def loads(data: bytes | str) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestError: The text is no JSON, of another version, or breaks the schema; the message names the path.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).manifest_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"this is not a Genesis manifest: {error}; make one with `genesis compile`") from None
    if version != MANIFEST_VERSION:
        raise ManifestError(
            f"manifest version {version!r} is not supported: this Genesis ({__version__}) reads version "
            f"{MANIFEST_VERSION}; compile the configuration again with this Genesis, or install the one that wrote it"
        )
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"the manifest is damaged: {error}; compile the configuration again") from None


def load(path: str) -> Manifest:
    """Read the manifest file at `path`.

    Raises:
        ManifestError: It cannot be read, or what it holds cannot be used.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise ManifestError(f"cannot read the manifest {path}: {error.strerror}") from None
    try:
        return loads(data)
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}") from None


def write(manifest: Manifest, path: str, *, private: bool = False) -> None:
    """Replace the file at `path` with the manifest, atomically; `private` gives it mode 0600.

    Raises:
        OSError: It cannot be written; what was there is untouched.
    """
    write_atomic(path, dumps(manifest), mode=0o600 if private else None)


def digest(data: bytes) -> str:
    """Give the SHA-256 of a source file's bytes, in hex, as the manifest states it."""
    return hashlib.sha256(data).hexdigest()
