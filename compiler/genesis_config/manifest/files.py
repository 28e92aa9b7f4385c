"""Reading and writing manifests."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from genesis_config import __version__
from genesis_config.diagnostics.errors import GenesisError
from genesis_config.files.writing import write_atomic
from genesis_config.manifest.model import Manifest

__all__ = ["MANIFEST_VERSION", "ManifestError", "digest", "dumps", "load", "loads", "write"]

MANIFEST_VERSION: Final = 1


class ManifestError(GenesisError):
    """A manifest that cannot be read or is not valid."""


class _Version(msgspec.Struct, rename="camel"):
    """The version, which is checked before the other fields are decoded."""

    manifest_version: object


def dumps(manifest: Manifest) -> bytes:
    """Encode a manifest as JSON: UTF-8, 2-space indent, fixed key order, one trailing newline."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def loads(data: bytes | str) -> Manifest:
    """Decode a manifest.

    Raises:
        ManifestError: The text is not valid JSON, has an unsupported version, or does not match the schema.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).manifest_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"not a Genesis manifest: {error}", help="create one with `genesis compile`") from None
    if version != MANIFEST_VERSION:
        raise ManifestError(
            f"manifest version {version!r} is not supported: this Genesis ({__version__}) reads version "
            f"{MANIFEST_VERSION}",
            help="compile the configuration again with this Genesis, or install the one that wrote the manifest",
        )
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"the manifest is damaged: {error}", help="compile the configuration again") from None


def _decode(data: bytes | str) -> Manifest:
    """Decode a manifest, accepting `60.0` where an integer is expected.

    JSON Schema considers `60.0` an integer, and a program with only one number type may write 60 that way.
    """
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.ValidationError:
        return msgspec.convert(_NUMBERS.decode(data), type=Manifest)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


_NUMBERS: Final = msgspec.json.Decoder(float_hook=_number)


def load(path: str) -> Manifest:
    """Read the manifest file at `path`.

    Raises:
        ManifestError: The file cannot be read, or its content is not valid.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise ManifestError(f"cannot read the manifest {path}: {error.strerror}") from None
    try:
        return loads(data)
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}", help=error.help) from None


def write(manifest: Manifest, path: str, *, private: bool = False) -> None:
    """Replace the file at `path` with the manifest atomically. If `private`, the file gets mode 0600.

    Raises:
        OSError: The file cannot be written. The old file is unchanged.
    """
    write_atomic(path, dumps(manifest), mode=0o600 if private else None)


def digest(data: bytes) -> str:
    """Return the SHA-256 of a source file's bytes in hex."""
    return hashlib.sha256(data).hexdigest()
