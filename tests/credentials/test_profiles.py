"""The auth profile store: reading it, rejecting it, and choosing a provider's profile."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from rich.pretty import pretty_repr

from genesis_config.credentials.profiles import Profile, ProfilesError, choose_profile, read_profiles, store_path
from genesis_config.credentials.profiles.editing import store_key

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = {"provider": "vllm", "kind": "api_key", "key": "sk-canary"}


def store(folder: Path, content: Any, mode: int = 0o600) -> str:
    """Write a store from a JSON value or from bytes."""
    path = folder / "auth-profiles.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(mode)
    return str(path)


def refused(path: str) -> str:
    with pytest.raises(ProfilesError) as caught:
        read_profiles(path)
    assert "canary" not in str(caught.value)
    return f"{caught.value}; {caught.value.help}" if caught.value.help else str(caught.value)


def test_store_contains_profiles_by_id(tmp_path: Path) -> None:
    other = {"provider": "pool", "kind": "api_key", "key": "k2"}
    path = store(tmp_path, {"version": 1, "profiles": {"vllm:default": ENTRY, "pool:mine": other}})
    assert read_profiles(path) == {
        "vllm:default": Profile("vllm", "api_key", "sk-canary"),
        "pool:mine": Profile("pool", "api_key", "k2"),
    }


def test_missing_store_is_empty(tmp_path: Path) -> None:
    assert read_profiles(str(tmp_path / "auth-profiles.json")) == {}
    assert read_profiles(str(tmp_path / "no" / "folder" / "auth-profiles.json")) == {}


def test_store_is_in_the_user_configuration_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    path = store_path()
    assert path.startswith(str(tmp_path))
    assert path.endswith(os.path.join("genesis", "auth-profiles.json"))
    # Asking for the path creates nothing.
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o666, 0o777, 0o601])
def test_store_readable_by_others_is_rejected_with_help(mode: int, tmp_path: Path) -> None:
    path = store(tmp_path, {"version": 1, "profiles": {"vllm:default": ENTRY}}, mode)
    assert refused(path) == (
        f"other users can read the auth profiles in {path} (mode 0{mode:03o}); run `chmod 600 {path}`, "
        "and rotate the keys if anyone could have read them"
    )


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_store_readable_only_by_its_owner_is_accepted(mode: int, tmp_path: Path) -> None:
    assert read_profiles(store(tmp_path, {"version": 1, "profiles": {}}, mode)) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"sk-canary",
        b'{"version": 1, "profiles": {"a": "sk-canary"}}',
        b'{"version": 1, "profiles": {"\xff": 1}}',
        b"\xef\xbb\xbf\x00",
        b"[" * 100_000,
        b'{"version": 1, "profiles": {}, "more": ' + b"[" * 100_000,
        [],
        {"version": 1},
        {"profiles": {}},
        {"version": True, "profiles": {}},
        {"version": "1", "profiles": {}},
        {"version": 1, "profiles": [ENTRY]},
        {"version": 1, "profiles": {"a": {**ENTRY, "kind": "oauth"}}},
        # A key in the wrong place is still a secret.
        {"version": 1, "profiles": {"a": {**ENTRY, "kind": "sk-'canary' "}}},
        {"version": 1, "profiles": {"a": {**ENTRY, "created": ["sk-canary"]}}},
        {"version": "sk-canary", "profiles": {}},
        {"version": 1, "profiles": {"a": {**ENTRY, "key": ["sk-canary"]}}},
        {"version": 1, "profiles": {"a": {**ENTRY, "key": None}}},
        {"version": 1, "profiles": {"a": {"provider": "vllm", "kind": "api_key"}}},
        {"version": 1, "profiles": {"a": {"kind": "api_key", "key": "sk-canary"}}},
    ],
)
def test_damaged_store_is_rejected_without_showing_it(content: Any, tmp_path: Path) -> None:
    path = store(tmp_path, content)
    message = refused(path)
    assert message.startswith(f"the auth profiles in {path} are damaged: ")
    assert message.endswith("or move it away and add the keys again with `genesis auth set`")


def test_store_of_an_unsupported_version(tmp_path: Path) -> None:
    path = store(tmp_path, {"version": 2, "profiles": {"a": {"key": "sk-canary"}}})
    assert refused(path) == (
        f"the auth profiles in {path} have version 2, but this Genesis supports version 1; use the Genesis that wrote "
        "them, or move the file away and add the keys again with `genesis auth set`"
    )


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_store_in_a_directory_writable_by_others_is_rejected(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "genesis"
    folder.mkdir()
    folder.chmod(mode)
    path = folder / "auth-profiles.json"
    assert read_profiles(str(path)) == {}  # users without profiles are not affected
    message = (
        f"other users can replace the auth profiles in {path}: they can write to its directory (mode 0{mode:03o}); "
        f"run `chmod go-w {folder}`"
    )
    with pytest.raises(ProfilesError) as caught:
        store_key(str(path), "vllm", "vllm:default", "sk-canary", datetime.now(UTC))
    assert f"{caught.value}; {caught.value.help}" == message
    assert not path.exists()
    store(folder, {"version": 1, "profiles": {"vllm:default": ENTRY}})
    assert refused(str(path)) == message
    folder.chmod(0o755)
    assert read_profiles(str(path)).keys() == {"vllm:default"}


def test_unreadable_store_is_rejected(tmp_path: Path) -> None:
    assert refused(str(tmp_path)) == f"cannot read the auth profiles in {tmp_path}: Is a directory"
    path = store(tmp_path, {"version": 1, "profiles": {}})
    assert refused(f"{path}/x") == f"cannot read the auth profiles in {path}/x: Not a directory"


def test_profile_repr_does_not_contain_the_key(tmp_path: Path) -> None:
    profiles = read_profiles(store(tmp_path, {"version": 1, "profiles": {"vllm:default": ENTRY}}))
    assert repr(profiles) == "{'vllm:default': Profile(provider='vllm', kind='api_key')}"
    assert "canary" not in f"{profiles['vllm:default']}"
    assert "canary" not in pretty_repr(profiles)
    assert profiles["vllm:default"].key == "sk-canary"


@pytest.mark.parametrize(
    ("ids", "used"),
    [
        ({}, None),
        ({"vllm:default": "vllm"}, "vllm:default"),
        ({"vllm:b": "vllm", "vllm:a": "vllm"}, "vllm:a"),
        ({"vllm:a": "vllm", "vllm:default": "vllm"}, "vllm:default"),
        ({"pool:default": "pool"}, None),
        # The profile's `provider` counts, not its id.
        ({"vllm:default": "pool"}, None),
        ({"vllm:default": "pool", "mine": "vllm"}, "mine"),
        ({"vllm:default": "VLLM"}, None),
    ],
)
def test_default_profile_is_preferred(ids: dict[str, str], used: str | None) -> None:
    profiles = {name: Profile(provider, "api_key", "k") for name, provider in ids.items()}
    assert choose_profile(profiles, "vllm") == used
    assert choose_profile(dict(reversed(profiles.items())), "vllm") == used
