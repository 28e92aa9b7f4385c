"""The store of auth profiles.

One JSON file, `auth-profiles.json` in the platform's user config folder:

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
    "check_folder",
    "damaged",
    "decode",
    "load",
    "read",
    "store_path",
]


class ProfilesError(GenesisError):
    """A store that cannot be used, or changed as asked. The message says why and what to do, and holds no key."""


class Profile(msgspec.Struct, frozen=True):
    """One API key and the provider that it is for.

    Attributes:
        provider: The provider's id.
        kind: How the key is used.
        key: The key itself.
        created: When it was put here, RFC 3339 in UTC; None in stores from before that was kept.
    """

    provider: str
    kind: Literal["api_key"]
    key: str
    created: str | None = None

    def __repr__(self) -> str:
        """Leave the key out: a repr ends up in logs and tracebacks."""
        return f"Profile(provider={self.provider!r}, kind={self.kind!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Leave it out of rich's tracebacks as well, which look at no repr."""
        return [("provider", self.provider), ("kind", self.kind)]


_VERSION: Final = 1


class _Version(msgspec.Struct):
    """The one field that is read before the others are believed."""

    version: object = None


class _Store(msgspec.Struct, frozen=True):
    version: Literal[1]
    profiles: dict[str, Profile]


def store_path() -> str:
    """Give the path of this user's store, whether or not it is there."""
    return os.path.join(platformdirs.user_config_dir("genesis", appauthor=False), "auth-profiles.json")


def read(path: str) -> dict[str, Profile]:
    """Read the store at `path`: profiles by id. A store that is not there holds none.

    Raises:
        ProfilesError: It cannot be read, others than its owner may read it, or it is damaged.
    """
    data = load(path)
    return {} if data is None else decode(data, path)


def load(path: str) -> bytes | None:
    """Read the bytes of the store at `path`; None where it is not there.

    Raises:
        ProfilesError: It cannot be read, or others than its owner may read or replace it.
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
            f"others may read the auth profiles in {path} (mode {mode:04o})",
            help=f"run `chmod 600 {quote(path)}`, and rotate the keys if anyone could have read them",
        )
    check_folder(path)
    return data


def check_folder(path: str) -> None:
    """Check the folder of the store at `path`, if it is there: who may write to it may put another store there.

    Raises:
        ProfilesError: Others than its owner may write to it.
    """
    folder = os.path.dirname(os.path.realpath(path))
    try:
        mode = os.stat(folder).st_mode & 0o777
    except OSError:
        return  # there is none, or the store itself tells what is wrong
    if mode & 0o022:
        from shlex import quote  # as in `load`

        raise ProfilesError(
            f"others may replace the auth profiles in {path}, since they may write to its directory (mode {mode:04o})",
            help=f"run `chmod go-w {quote(folder)}`",
        )


def decode(data: bytes, path: str) -> dict[str, Profile]:
    """Give the profiles in the bytes of the store at `path`.

    Raises:
        ProfilesError: They are damaged, or of another version.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).version
        # A text may be a misplaced key, and is damage.
        if type(version) is int and version != _VERSION:
            raise ProfilesError(
                f"the auth profiles in {path} have version {version}, but this Genesis supports version {_VERSION}",
                help="use the Genesis that wrote them, or move the file away and add the keys again with "
                "`genesis auth set`",
            )
        return msgspec.json.decode(data, type=_Store).profiles
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec quotes a text that stands where a word of a list is expected, and that may be a misplaced key.
        what = str(error)
        if what.startswith("Invalid enum value"):
            what = f"Invalid enum value - at {what.rpartition(' - at ')[2]}"
        raise damaged(path, what) from None


def damaged(path: str, what: str) -> ProfilesError:
    """Say that the store at `path` is damaged, and what to do about it."""
    return ProfilesError(
        f"the auth profiles in {path} are damaged: {what}",
        help="the file was left untouched: repair it, or move it away and add the keys again with `genesis auth set`",
    )


class StoredProfiles(Mapping[str, Profile]):
    """The user's auth profiles, read when a provider needs one: most have a key that is stated, or a variable.

    A look-up raises a `ProfilesError` if the store cannot be read.
    """

    def __init__(self) -> None:
        self._found: Mapping[str, Profile] | None = None

    def _profiles(self) -> Mapping[str, Profile]:
        if self._found is None:
            self._found = read(store_path())
        return self._found

    def __getitem__(self, name: str) -> Profile:
        return self._profiles()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._profiles())

    def __len__(self) -> int:
        return len(self._profiles())
