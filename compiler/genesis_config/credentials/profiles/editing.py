"""Edits of the auth profile store: atomic, one process at a time, and preserving unknown content."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from errno import EACCES, EPERM
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from genesis_config.credentials.patterns import key_spans
from genesis_config.credentials.profiles.store import (
    ProfilesError,
    check_directory,
    damaged_error,
    decode_store,
    read_store,
)
from genesis_config.diagnostics.suggestions import listed, nearest
from genesis_config.files.writing import lock_file, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LONGEST_KEY", "check_key", "check_target", "remove_profile", "store_key"]

LONGEST_KEY: Final = 64 * 1024  # characters
_LOCK_TIMEOUT: Final = 10.0  # seconds to wait for other processes, which need milliseconds


def store_key(path: str, provider: str, profile: str, key: str, now: datetime) -> bool:
    """Store a key, creating the store if needed, and return whether it replaced another key.

    Args:
        path: The path of the store.
        provider: The id of the key's provider.
        profile: The id of the profile.
        key: The key; `check_key` describes its limits.
        now: The current time, which is stored with the key.

    Raises:
        ProfilesError: An id or the key is not valid, or the store cannot be read or written. The store is unchanged.
    """
    check_target(path, provider, profile)
    check_key(key)
    try:
        os.makedirs(os.path.dirname(os.path.realpath(path)), mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    created = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with _edit_profiles(path) as profiles:
        replaced = profile in profiles
        _check_owner(profiles, provider, profile)
        profiles[profile] = {"provider": provider, "kind": "api_key", "key": key, "created": created}
    return replaced


def remove_profile(path: str, name: str) -> str:
    """Remove one profile, and return its id.

    Args:
        path: The path of the store.
        name: The profile's id, or a provider that has only one profile.

    Raises:
        ProfilesError: The profile does not exist, or the store cannot be read or written. The store is unchanged.
    """
    if read_store(path) is None:
        _find_profile({}, name)
    with _edit_profiles(path) as profiles:
        profile = _find_profile(profiles, name)
        del profiles[profile]
    return profile


def check_target(path: str, provider: str, profile: str) -> None:
    """Check, before prompting for a key, that the store is usable and that these ids are valid.

    Raises:
        ProfilesError: The store is not usable, or an id is not valid.
    """
    for what, name in (("provider", provider), ("profile", profile)):
        # Ids are shown, so they must not look like a key.
        if any(key_spans(name)):
            raise ProfilesError(
                f"the {what} looks like a key, which is never passed as an argument",
                help="run the command without it: the key is prompted for, or read from standard input; "
                "if you typed a key, it is now in your shell history",
            )
        if not name.strip() or name != name.strip() or not name.isprintable():
            raise ProfilesError(
                f"the {what} id {name!r} is empty, starts or ends with whitespace, or contains control characters"
            )
    check_directory(path)
    _check_owner(_load_json(path)["profiles"], provider, profile)


def check_key(key: str) -> None:
    """Check that a key can be sent in a request.

    Raises:
        ProfilesError: It cannot. The message does not contain the key.
    """
    if not key.strip():
        raise ProfilesError("the key is empty or only whitespace")
    if len(key) > LONGEST_KEY:
        raise ProfilesError(f"the key is longer than {LONGEST_KEY} characters", help="is this the right file?")
    # `credentials.lookup.secret_value` would reject it at every request.
    if not key.isprintable():
        raise ProfilesError(
            "the key contains a line break, control character or invisible character", help="pass it as a single line"
        )
    if key != key.strip():
        raise ProfilesError("the key starts or ends with whitespace, which HTTP would strip", help="remove it")


def _check_owner(profiles: Mapping[str, Any], provider: str, profile: str) -> None:
    owner = profiles[profile]["provider"] if profile in profiles else provider
    if owner != provider:
        raise ProfilesError(
            f"the auth profile `{profile}` belongs to the provider `{owner}`",
            help=f"choose another id with --profile, or remove it first: `genesis auth remove {quote(profile)}`",
        )


def _find_profile(profiles: Mapping[str, Any], name: str) -> str:
    """Return the id of the profile with this id, or of the only profile of this provider."""
    if name in profiles:
        return name
    own = sorted(profile for profile, entry in profiles.items() if entry["provider"] == name)
    if len(own) == 1:
        return own[0]
    if own:
        raise ProfilesError(f"the provider `{name}` has {len(own)} auth profiles", help=f"choose one of {listed(own)}")
    if any(key_spans(name)):
        raise ProfilesError(
            "no such auth profile",
            help="the name looks like a key: if you typed a key, it is now in your shell history",
        )
    near = nearest(name, [*profiles, *(entry["provider"] for entry in profiles.values())])
    hint = f"available profiles: {listed(sorted(profiles))}" if profiles else "there are no auth profiles"
    if near is not None:
        hint = f"did you mean `{near}`?"
    raise ProfilesError(f"no auth profile or provider `{name}`", help=hint)


@contextlib.contextmanager
def _edit_profiles(path: str) -> Iterator[dict[str, object]]:
    """Yield the store's profiles as JSON values under a lock, and write them back unless the block raises."""
    target = os.path.realpath(path)  # the same lock for every link to the store
    try:
        with lock_file(f"{target}.lock", timeout=_LOCK_TIMEOUT):
            store = _load_json(path)
            _check_writable(path)
            yield store["profiles"]
            write_atomic(target, (json.dumps(store, indent=2) + "\n").encode(), mode=0o600)
    except OSError as error:
        raise _unwritable(path, error) from None


def _load_json(path: str) -> dict[str, Any]:
    """Return the whole store, including unknown fields, which another version of Genesis may use."""
    data = read_store(path)
    if data is None:
        return {"version": 1, "profiles": {}}
    decode_store(data, path)
    try:
        store: dict[str, object] = json.loads(data)
    except (ValueError, RecursionError):  # in fields that msgspec skips
        raise damaged_error(path, "the JSON is malformed or nested too deeply") from None
    return store


def _check_writable(path: str) -> None:
    """Check that the owner has not made the file read-only: replacing it only needs write access to its directory."""
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o600
    if not mode & 0o200:
        raise ProfilesError(
            f"the auth profiles in {path} are read-only (mode {mode:04o})",
            help=f"run `chmod 600 {quote(path)}` to change them",
        )


def _unwritable(path: str, error: OSError) -> ProfilesError:
    if isinstance(error, TimeoutError):
        return ProfilesError(
            f"another process is changing the auth profiles in {path}; nothing was changed", help="try again"
        )
    help_ = None
    if error.errno in {EACCES, EPERM}:
        directory = os.path.dirname(os.fspath(error.filename or path))
        help_ = f"you must own {directory} and have write permission for it: check with `ls -ld {quote(directory)}`"
    message = f"cannot write the auth profiles in {path}: {error.strerror}; nothing was changed"
    return ProfilesError(message, help=help_)
