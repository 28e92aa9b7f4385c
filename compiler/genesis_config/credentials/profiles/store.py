"""The auth profile store.

It is one JSON file, `auth-profiles.json`, in the platform's user configuration directory:

    {"version": 1, "profiles": {"vllm:default": {"provider": "vllm", "kind": "api_key", "key": "…", "created": "…"}}}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import platformdirs

from genesis_config.diagnostics.errors import GenesisError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Profile",
    "ProfilesError",
    "StoredProfiles",
    "check_directory",
    "damaged_error",
    "decode_store",
    "read_profiles",
    "read_store",
    "store_path",
]


class ProfilesError(GenesisError):
    """A store that cannot be used, or not changed as requested. The message contains no key."""


class Profile(msgspec.Struct, frozen=True):
    """One API key and its provider.

    Attributes:
        provider: The provider's id.
        kind: How the key is used.
        key: The key itself.
        created: When the key was stored, in RFC 3339 and UTC; None if an older Genesis stored it.
    """

    provider: str
    kind: Literal["api_key"]
    key: str
    created: str | None = None

    def __repr__(self) -> str:
        """Return a representation without the key, because it may end up in logs and tracebacks."""
        return f"Profile(provider={self.provider!r}, kind={self.kind!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Return the fields for rich, which does not use `__repr__`, without the key."""
        return [("provider", self.provider), ("kind", self.kind)]


_VERSION: Final = 1


class _Version(msgspec.Struct):
    """The version, which is checked before the other fields are decoded."""

    version: object = None


class _Store(msgspec.Struct, frozen=True):
    version: Literal[1]
    profiles: dict[str, Profile]


def store_path() -> str:
    """Return the path of this user's store, whether or not it exists."""
    return os.path.join(platformdirs.user_config_dir("genesis", appauthor=False), "auth-profiles.json")


def read_profiles(path: str) -> dict[str, Profile]:
    """Return the profiles in the store at `path`, by id; none if the store does not exist.

    Raises:
        ProfilesError: The store cannot be read, is damaged, or other users have access to it.
    """
    data = read_store(path)
    return {} if data is None else decode_store(data, path)


def read_store(path: str) -> bytes | None:
    """Return the bytes of the store at `path`; None if it does not exist.

    Raises:
        ProfilesError: The store cannot be read, or other users can read or replace it.
    """
    try:
        with open(path, "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode & 0o777
            data = stream.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ProfilesError(f"cannot read the auth profiles in {path}: {error.strerror}") from None
    if mode & 0o077:
        from shlex import quote  # for a path with spaces, as on a Mac

        raise ProfilesError(
            f"other users can read the auth profiles in {path} (mode {mode:04o})",
            help=f"run `chmod 600 {quote(path)}`, and rotate the keys if anyone could have read them",
        )
    check_directory(path)
    return data


def check_directory(path: str) -> None:
    """Check that only the owner can write to the store's directory, if it exists: others could replace the store.

    Raises:
        ProfilesError: Other users can write to it.
    """
    directory = os.path.dirname(os.path.realpath(path))
    try:
        mode = os.stat(directory).st_mode & 0o777
    except OSError:
        return  # it does not exist, or opening the store reports the problem
    if mode & 0o022:
        from shlex import quote  # as in `read_store`

        raise ProfilesError(
            f"other users can replace the auth profiles in {path}: they can write to its directory (mode {mode:04o})",
            help=f"run `chmod go-w {quote(directory)}`",
        )


def decode_store(data: bytes, path: str) -> dict[str, Profile]:
    """Return the profiles in the bytes of the store at `path`.

    Raises:
        ProfilesError: The data is damaged, or has an unsupported version.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).version
        # A string may be a misplaced key, so it counts as damage and is not shown.
        if type(version) is int and version != _VERSION:
            raise ProfilesError(
                f"the auth profiles in {path} have version {version}, but this Genesis supports version {_VERSION}",
                help="use the Genesis that wrote them, or move the file away and add the keys again with "
                "`genesis auth set`",
            )
        return msgspec.json.decode(data, type=_Store).profiles
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec quotes an invalid enum value, which may be a misplaced key.
        reason = str(error)
        if reason.startswith("Invalid enum value"):
            reason = f"Invalid enum value - at {reason.rpartition(' - at ')[2]}"
        raise damaged_error(path, reason) from None


def damaged_error(path: str, reason: str) -> ProfilesError:
    """Return the error for a damaged store."""
    return ProfilesError(
        f"the auth profiles in {path} are damaged: {reason}",
        help="the file was left untouched: repair it, or move it away and add the keys again with `genesis auth set`",
    )


class StoredProfiles(Mapping[str, Profile]):
    """The user's auth profiles, read on first access: most providers have a declared key or a variable.

    Access raises a `ProfilesError` if the store cannot be read.
    """

    def __init__(self) -> None:
        self._cache: Mapping[str, Profile] | None = None

    def _profiles(self) -> Mapping[str, Profile]:
        if self._cache is None:
            self._cache = read_profiles(store_path())
        return self._cache

    def __getitem__(self, name: str) -> Profile:
        return self._profiles()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._profiles())

    def __len__(self) -> int:
        return len(self._profiles())
