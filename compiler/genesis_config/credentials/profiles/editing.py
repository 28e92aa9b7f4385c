"""Changing the store of auth profiles: one process at a time, the file whole or as it was, nothing else in it lost."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from errno import EACCES, EPERM
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from genesis_config.credentials.patterns import key_spans
from genesis_config.credentials.profiles.store import ProfilesError, check_folder, damaged, decode, load
from genesis_config.diagnostics.suggestions import listed, nearest
from genesis_config.files.writing import locked, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LONGEST_KEY", "check_key", "check_target", "put", "remove"]

LONGEST_KEY: Final = 64 * 1024  # characters
_PATIENCE: Final = 10.0  # seconds to wait for others, who need milliseconds


def put(path: str, provider: str, profile: str, key: str, now: datetime) -> bool:
    """Put a key into the store at `path`, which is made where it is missing, and tell whether it replaced another one.

    Args:
        path: The store.
        provider: The id of the provider that the key is for.
        profile: The id of the profile that holds it.
        key: The key, as `check_key` takes it.
        now: The time, which the profile keeps.

    Raises:
        ProfilesError: The names or the key cannot be used, or the store cannot be read or written. It is as it was.
    """
    check_target(path, provider, profile)
    check_key(key)
    try:
        os.makedirs(os.path.dirname(os.path.realpath(path)), mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    created = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with _edited(path) as profiles:
        replaced = profile in profiles
        _check_owner(profiles, provider, profile)
        profiles[profile] = {"provider": provider, "kind": "api_key", "key": key, "created": created}
    return replaced


def remove(path: str, name: str) -> str:
    """Remove one profile from the store at `path` and give its id.

    Args:
        path: The store.
        name: The profile's id, or a provider that has one profile alone.

    Raises:
        ProfilesError: There is no such profile, or the store cannot be read or written. It is as it was.
    """
    if load(path) is None:
        _find({}, name)
    with _edited(path) as profiles:
        profile = _find(profiles, name)
        del profiles[profile]
    return profile


def check_target(path: str, provider: str, profile: str) -> None:
    """Check, before a key is asked for, that the store at `path` can be used and takes one under these names.

    Raises:
        ProfilesError: It cannot, or does not.
    """
    for what, name in (("provider", provider), ("profile", profile)):
        # A name is shown, and what looks like a key must not be.
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
    check_folder(path)
    _check_owner(_parsed(path)["profiles"], provider, profile)


def check_key(key: str) -> None:
    """Check that a key is one that a request can carry.

    Raises:
        ProfilesError: It is not. The message does not repeat it.
    """
    if not key.strip():
        raise ProfilesError("the key is empty or only whitespace")
    if len(key) > LONGEST_KEY:
        raise ProfilesError(f"the key is longer than {LONGEST_KEY} characters", help="is this the right file?")
    # What `genesis_config.manifest.secret_value` would refuse at every request.
    if not key.isprintable():
        raise ProfilesError(
            "the key contains a line break, or a control or an invisible character", help="pass it as a single line"
        )
    if key != key.strip():
        raise ProfilesError("the key starts or ends with whitespace, which requests would drop", help="remove it")


def _check_owner(profiles: Mapping[str, Any], provider: str, profile: str) -> None:
    owner = profiles[profile]["provider"] if profile in profiles else provider
    if owner != provider:
        raise ProfilesError(
            f"the auth profile `{profile}` belongs to the provider `{owner}`",
            help=f"choose another id with --profile, or remove it first: `genesis auth remove {quote(profile)}`",
        )


def _find(profiles: Mapping[str, Any], name: str) -> str:
    """Give the id of the one profile that `name` means: its id, or its provider."""
    if name in profiles:
        return name
    own = sorted(profile for profile, entry in profiles.items() if entry["provider"] == name)
    if len(own) == 1:
        return own[0]
    if own:
        raise ProfilesError(f"the provider `{name}` has {len(own)} auth profiles", help=f"name one of {listed(own)}")
    if any(key_spans(name)):
        raise ProfilesError(
            "no such auth profile",
            help="the name looks like a key: if you typed a key, it is now in your shell history",
        )
    near = nearest(name, [*profiles, *(entry["provider"] for entry in profiles.values())])
    hint = f"there are {listed(sorted(profiles))}" if profiles else "there are none"
    if near is not None:
        hint = f"did you mean `{near}`?"
    raise ProfilesError(f"no auth profile or provider `{name}`", help=hint)


@contextlib.contextmanager
def _edited(path: str) -> Iterator[dict[str, object]]:
    """Give the store's profiles as JSON has them, to nobody else meanwhile, and write them back if all goes well."""
    target = os.path.realpath(path)  # one lock, whichever link leads to the store
    try:
        with locked(f"{target}.lock", patience=_PATIENCE):
            store = _parsed(path)
            _check_writable(path)
            yield store["profiles"]
            write_atomic(target, (json.dumps(store, indent=2) + "\n").encode(), mode=0o600)
    except OSError as error:
        raise _unwritable(path, error) from None


def _parsed(path: str) -> dict[str, Any]:
    """Give the whole store, with whatever in it is unknown here: another version of Genesis may know it."""
    data = load(path)
    if data is None:
        return {"version": 1, "profiles": {}}
    decode(data, path)
    try:
        store: dict[str, object] = json.loads(data)
    except (ValueError, RecursionError):  # in what msgspec skips
        raise damaged(path, "JSON is malformed or too deep") from None
    return store


def _check_writable(path: str) -> None:
    """Respect a file that its owner made read-only: to replace it needs the folder's permission alone."""
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
        folder = os.path.dirname(os.fspath(error.filename or path))
        help_ = f"you need to own {folder} and have write permission there: `ls -ld {quote(folder)}` shows both"
    message = f"cannot write the auth profiles in {path}: {error.strerror}; nothing was changed"
    return ProfilesError(message, help=help_)
