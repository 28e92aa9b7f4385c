"""The store of auth profiles: what is read, what is refused, and which profile a provider uses."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from rich.pretty import pretty_repr

from genesis_config.credentials.profiles import Profile, ProfilesError, for_provider, read, store_path
from genesis_config.credentials.profiles.editing import put

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = {"provider": "vllm", "kind": "api_key", "key": "sk-canary"}


def store(folder: Path, content: Any, mode: int = 0o600) -> str:
    """Write a store: JSON of a value, or bytes as they are."""
    path = folder / "auth-profiles.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(mode)
    return str(path)


def refused(path: str) -> str:
    with pytest.raises(ProfilesError) as caught:
        read(path)
    assert "canary" not in str(caught.value)
    return f"{caught.value}; {caught.value.help}" if caught.value.help else str(caught.value)


def test_a_store_holds_profiles_by_id(tmp_path: Path) -> None:
    other = {"provider": "pool", "kind": "api_key", "key": "k2"}
    path = store(tmp_path, {"version": 1, "profiles": {"vllm:default": ENTRY, "pool:mine": other}})
    assert read(path) == {
        "vllm:default": Profile("vllm", "api_key", "sk-canary"),
        "pool:mine": Profile("pool", "api_key", "k2"),
    }


def test_a_store_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert read(str(tmp_path / "auth-profiles.json")) == {}
    assert read(str(tmp_path / "no" / "folder" / "auth-profiles.json")) == {}


def test_the_store_is_in_the_users_config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    path = store_path()
    assert path.startswith(str(tmp_path))
    assert path.endswith(os.path.join("genesis", "auth-profiles.json"))
    # Asking makes nothing.
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o666, 0o777, 0o601])
def test_a_store_that_others_may_read_is_refused_with_the_way_out(mode: int, tmp_path: Path) -> None:
    path = store(tmp_path, {"version": 1, "profiles": {"vllm:default": ENTRY}}, mode)
    assert refused(path) == (
        f"others may read the auth profiles in {path} (mode 0{mode:03o}); run `chmod 600 {path}`, "
        "and rotate the keys if anyone could have read them"
    )


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_store_that_its_owner_alone_may_read_is_taken(mode: int, tmp_path: Path) -> None:
    assert read(store(tmp_path, {"version": 1, "profiles": {}}, mode)) == {}


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
        # A key in the wrong place is still one.
        {"version": 1, "profiles": {"a": {**ENTRY, "kind": "sk-'canary' "}}},
        {"version": 1, "profiles": {"a": {**ENTRY, "created": ["sk-canary"]}}},
        {"version": "sk-canary", "profiles": {}},
        {"version": 1, "profiles": {"a": {**ENTRY, "key": ["sk-canary"]}}},
        {"version": 1, "profiles": {"a": {**ENTRY, "key": None}}},
        {"version": 1, "profiles": {"a": {"provider": "vllm", "kind": "api_key"}}},
        {"version": 1, "profiles": {"a": {"kind": "api_key", "key": "sk-canary"}}},
    ],
)
def test_a_damaged_store_is_refused_without_a_word_of_it(content: Any, tmp_path: Path) -> None:
    path = store(tmp_path, content)
    message = refused(path)
    assert message.startswith(f"the auth profiles in {path} are damaged: ")
    assert message.endswith("or move it away and add the keys again with `genesis auth set`")


def test_a_store_of_another_version_says_which_one_is_known(tmp_path: Path) -> None:
    path = store(tmp_path, {"version": 2, "profiles": {"a": {"key": "sk-canary"}}})
    assert refused(path) == (
        f"the auth profiles in {path} have version 2, but this Genesis supports version 1; use the Genesis that wrote "
        "them, or move the file away and add the keys again with `genesis auth set`"
    )


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_store_in_a_folder_that_others_may_write_to_is_refused(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "genesis"
    folder.mkdir()
    folder.chmod(mode)
    path = folder / "auth-profiles.json"
    assert read(str(path)) == {}  # who uses no profiles is left alone
    message = (
        f"others may replace the auth profiles in {path}, since they may write to its directory (mode 0{mode:03o}); "
        f"run `chmod go-w {folder}`"
    )
    with pytest.raises(ProfilesError) as caught:
        put(str(path), "vllm", "vllm:default", "sk-canary", datetime.now(UTC))
    assert f"{caught.value}; {caught.value.help}" == message
    assert not path.exists()
    store(folder, {"version": 1, "profiles": {"vllm:default": ENTRY}})
    assert refused(str(path)) == message
    folder.chmod(0o755)
    assert read(str(path)).keys() == {"vllm:default"}


def test_a_store_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert refused(str(tmp_path)) == f"cannot read the auth profiles in {tmp_path}: Is a directory"
    path = store(tmp_path, {"version": 1, "profiles": {}})
    assert refused(f"{path}/x") == f"cannot read the auth profiles in {path}/x: Not a directory"


def test_a_profiles_key_is_in_no_repr(tmp_path: Path) -> None:
    profiles = read(store(tmp_path, {"version": 1, "profiles": {"vllm:default": ENTRY}}))
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
        # What a profile is for is what it says, not what it is called.
        ({"vllm:default": "pool"}, None),
        ({"vllm:default": "pool", "mine": "vllm"}, "mine"),
        ({"vllm:default": "VLLM"}, None),
    ],
)
def test_a_provider_uses_its_default_profile_else_its_first(ids: dict[str, str], used: str | None) -> None:
    profiles = {name: Profile(provider, "api_key", "k") for name, provider in ids.items()}
    assert for_provider(profiles, "vllm") == used
    assert for_provider(dict(reversed(profiles.items())), "vllm") == used
