"""The store of auth profiles: API keys that a user keeps outside every configuration.

One JSON file, `auth-profiles.json` in the platform's user config folder:

    {"version": 1, "profiles": {"vllm:default": {"provider": "vllm", "kind": "api_key", "key": "…"}}}
"""

from __future__ import annotations

import os
from typing import Literal

import msgspec
import platformdirs

__all__ = ["Profile", "ProfilesError", "for_provider", "read", "store_path"]


class ProfilesError(Exception):
    """A store that cannot be used. The message says why and what to do, and holds no key."""


class Profile(msgspec.Struct, frozen=True):
    """One API key and the provider that it is for."""

    provider: str
    kind: Literal["api_key"]
    key: str

    def __repr__(self) -> str:
        """Leave the key out: a repr ends up in logs and tracebacks."""
        return f"Profile(provider={self.provider!r}, kind={self.kind!r})"


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
    try:
        with open(path, "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode & 0o777
            data = stream.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ProfilesError(f"cannot read the auth profiles in {path}: {error.strerror}") from None
    if mode & 0o077:
        raise ProfilesError(
            f"others may read the auth profiles in {path} (mode {mode:04o}); run `chmod 600 {path}`, "
            "and replace the keys if anyone could have seen them"
        )
    try:
        return msgspec.json.decode(data, type=_Store).profiles
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProfilesError(f"the auth profiles in {path} are damaged: {error}") from None


def for_provider(profiles: dict[str, Profile], provider: str) -> str | None:
    """Give the id of the profile that `provider` uses: `<provider>:default`, else its first by id; None without any."""
    own = sorted(name for name, profile in profiles.items() if profile.provider == provider)
    default = f"{provider}:default"
    return default if default in own else next(iter(own), None)
