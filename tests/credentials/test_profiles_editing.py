"""Edits of the auth profile store: nothing is lost through concurrent writes or errors."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.credentials.profiles import Profile, ProfilesError, editing, read_profiles
from genesis_config.credentials.profiles.editing import LONGEST_KEY, check_key, check_target, remove_profile, store_key
from genesis_config.files import writing as files

NOW = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
STAMP = "2026-03-04T05:06:07Z"
ENTRY = {"provider": "vllm", "kind": "api_key", "key": "sk-canary"}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return the path of a store that does not exist yet, in a directory that does not exist either."""
    return str(tmp_path / "config" / "genesis" / "auth-profiles.json")


def store(path: str, content: Any, mode: int = 0o600) -> bytes:
    """Write a store, and return its bytes."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    file.chmod(mode)
    return data


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(ProfilesError) as caught:
        call(*arguments)
    assert "canary" not in f"{caught.value} {caught.value!r}"
    # No chained exception may show more in a traceback.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return f"{caught.value}; {caught.value.help}" if caught.value.help else str(caught.value)


def mode(path: str) -> int:
    return os.stat(path).st_mode & 0o777


def test_first_key_creates_a_private_directory_and_store(path: str) -> None:
    old = os.umask(0)
    try:
        assert store_key(path, "vllm", "vllm:default", "sk-canary", NOW) is False
    finally:
        os.umask(old)
    assert read_profiles(path) == {"vllm:default": Profile("vllm", "api_key", "sk-canary", STAMP)}
    assert (mode(path), mode(os.path.dirname(path))) == (0o600, 0o700)
    assert sorted(os.listdir(os.path.dirname(path))) == ["auth-profiles.json", "auth-profiles.json.lock"]
    assert mode(f"{path}.lock") == 0o600
    assert Path(f"{path}.lock").read_bytes() == b""


def test_store_is_human_readable(path: str) -> None:
    store_key(path, "vllm", "vllm:default", "sk-canary", NOW.astimezone(timezone(timedelta(hours=9))))
    assert Path(path).read_text(encoding="utf-8") == (
        '{\n  "version": 1,\n  "profiles": {\n    "vllm:default": {\n      "provider": "vllm",\n'
        f'      "kind": "api_key",\n      "key": "sk-canary",\n      "created": "{STAMP}"\n    }}\n  }}\n}}\n'
    )


def test_replaced_key_has_a_new_time(path: str) -> None:
    store_key(path, "vllm", "vllm:default", "first", NOW - timedelta(days=9))
    store_key(path, "pool", "pool:default", "other", NOW - timedelta(days=3))
    assert store_key(path, "vllm", "vllm:default", "second", NOW) is True
    assert read_profiles(path) == {
        "vllm:default": Profile("vllm", "api_key", "second", STAMP),
        "pool:default": Profile("pool", "api_key", "other", "2026-03-01T05:06:07Z"),
    }


def test_unknown_fields_are_preserved(path: str) -> None:
    more = {"big": 12345678901234567890123, "text": "é😀", "list": [1.5, None]}
    old = {"note": more, "version": 1, "profiles": {"a": {**ENTRY, "expires": more}, "b": ENTRY}}
    store(path, old)
    store_key(path, "pool", "pool:default", "k", NOW)
    assert remove_profile(path, "b") == "b"
    written = json.loads(Path(path).read_bytes())
    assert written.pop("profiles") == {
        "a": {**ENTRY, "expires": more},
        "pool:default": {"provider": "pool", "kind": "api_key", "key": "k", "created": STAMP},
    }
    assert written == {"note": more, "version": 1}


def test_store_behind_a_link_is_changed_in_place(path: str, tmp_path: Path) -> None:
    real = str(tmp_path / "dotfiles" / "profiles")
    store(real, {"version": 1, "profiles": {"a": ENTRY}})
    os.makedirs(os.path.dirname(path))
    os.symlink(real, path)
    store_key(path, "pool", "pool:default", "k", NOW)
    assert os.path.islink(path)
    assert set(read_profiles(real)) == {"a", "pool:default"}
    # All links share one lock.
    assert os.path.exists(f"{real}.lock")


@given(st.dictionaries(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9), st.uuids()))
def test_stored_keys_are_read_and_removed(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Any]) -> None:
    path = str(tmp_path_factory.mktemp("law") / "auth-profiles.json")
    for name, key in keys.items():
        store_key(path, name, f"{name}:default", str(key), NOW)
    assert (read_profiles(path) if keys else {}) == {
        f"{name}:default": Profile(name, "api_key", str(key), STAMP) for name, key in keys.items()
    }
    for name in keys:
        remove_profile(path, name)
    assert read_profiles(path) == {}


WRITER = """
import sys
import tempfile
from datetime import datetime, UTC
from genesis_config.credentials.profiles.editing import store_key, remove_profile
path, me = sys.argv[1:]
sys.stdin.readline()
for turn in range(10):
    store_key(path, me, f"{me}:{turn}", f"key-of-{me}-{turn}", datetime.now(UTC))
    store_key(path, me, f"{me}:gone", "x", datetime.now(UTC))
    remove_profile(path, f"{me}:gone")
"""


def test_concurrent_writers_lose_nothing(path: str) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, f"p{number}"], stdin=subprocess.PIPE)
        for number in range(8)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0] * 8
    assert {name: profile.key for name, profile in read_profiles(path).items()} == {
        f"p{number}:{turn}": f"key-of-p{number}-{turn}" for number in range(8) for turn in range(10)
    }
    assert sorted(os.listdir(os.path.dirname(path))) == ["auth-profiles.json", "auth-profiles.json.lock"]


def test_lock_timeout(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store(path, {"version": 1, "profiles": {"a": ENTRY}})
    monkeypatch.setattr(editing, "_LOCK_TIMEOUT", 0.03)
    with files.lock_file(f"{path}.lock", timeout=0):
        for call in ((store_key, path, "vllm", "vllm:default", "k", NOW), (remove_profile, path, "a")):
            assert refused(*call) == (
                f"another process is changing the auth profiles in {path}; nothing was changed; try again"
            )
    assert Path(path).read_bytes() == before
    remove_profile(path, "a")


def test_lock_is_released_after_an_error(tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    with pytest.raises(KeyboardInterrupt), files.lock_file(lock, timeout=0):
        raise KeyboardInterrupt
    with files.lock_file(lock, timeout=0), pytest.raises(TimeoutError), files.lock_file(lock, timeout=0):
        pass
    with files.lock_file(lock, timeout=0):
        pass


def test_lock_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic") as caught, files.lock_file(str(tmp_path / "lock"), timeout=0):
        pass
    assert caught.value.errno == errno.ELOOP
    assert os.listdir(tmp_path) == ["lock"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"sk-canary",
        {"version": 2, "profiles": {}},
        {"version": 1, "profiles": {"a": {**ENTRY, "kind": "sk-canary"}}},
        b'{"version": 1, "profiles": {}, "x": "\xff"}',
        b'{"version": 1, "profiles": {}, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
    ids=str,
)
def test_unusable_store_is_never_overwritten(content: Any, path: str) -> None:
    before = store(path, content)
    for call in ((store_key, path, "vllm", "vllm:default", "k", NOW), (remove_profile, path, "a")):
        message = refused(*call)
        other = isinstance(content, dict) and content["version"] == 2
        assert message.startswith(f"the auth profiles in {path} {'have version 2, ' if other else 'are damaged: '}")
        assert message.endswith("away and add the keys again with `genesis auth set`")
    assert Path(path).read_bytes() == before


def test_store_readable_by_others_is_not_changed(path: str) -> None:
    before = store(path, {"version": 1, "profiles": {"a": ENTRY}}, 0o644)
    for call in ((store_key, path, "vllm", "vllm:default", "k", NOW), (remove_profile, path, "a")):
        assert f"(mode 0644); run `chmod 600 {path}`" in refused(*call)
    assert (Path(path).read_bytes(), mode(path)) == (before, 0o644)


def test_suggested_chmod_works(tmp_path: Path) -> None:
    path = str(tmp_path / "Application Support" / "auth-profiles.json")
    store(path, {"version": 1, "profiles": {}}, 0o640)
    command = re.search("`(chmod .*?)`", refused(read_profiles, path))
    assert command is not None
    subprocess.run(command[1], shell=True, check=True)
    assert read_profiles(path) == {}


def test_read_only_store_is_not_changed(path: str) -> None:
    before = store(path, {"version": 1, "profiles": {"a": ENTRY}}, 0o400)
    for call in ((store_key, path, "vllm", "vllm:default", "k", NOW), (remove_profile, path, "a")):
        assert refused(*call) == (
            f"the auth profiles in {path} are read-only (mode 0400); run `chmod 600 {path}` to change them"
        )
    assert (Path(path).read_bytes(), mode(path)) == (before, 0o400)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EPERM])
def test_failed_write_leaves_the_store_unchanged(code: int, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store(path, {"version": 1, "profiles": {"a": ENTRY}})

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code), f"{path}.tmp")

    monkeypatch.setattr(editing, "write_atomic", fail)
    for call in ((store_key, path, "vllm", "vllm:default", "k", NOW), (remove_profile, path, "a")):
        message = refused(*call)
        assert message.startswith(f"cannot write the auth profiles in {path}: {os.strerror(code)}; nothing was changed")
        advice = f"you must own {os.path.dirname(path)} and have write permission for it"
        assert (advice in message) == (code in {errno.EACCES, errno.EPERM})
    assert Path(path).read_bytes() == before


def test_read_only_directory_leaves_the_store_unchanged() -> None:
    # Not in pytest's directories, which other users cannot enter; and not as root, who can write everywhere.
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "genesis"
        path = str(folder / "auth-profiles.json")
        if user == 0:
            os.chown(name, 65534, -1)
            os.seteuid(65534)
        try:
            store_key(path, "vllm", "vllm:default", "sk-canary", NOW)
            before = Path(path).read_bytes()
            folder.chmod(0o500)
            for call in ((store_key, path, "vllm", "vllm:b", "k", NOW), (remove_profile, path, "vllm")):
                message = refused(*call)
                assert message.startswith(
                    f"cannot write the auth profiles in {path}: Permission denied; nothing was changed"
                )
                assert message.endswith(
                    f"you must own {folder} and have write permission for it: check with `ls -ld {folder}`"
                )
            assert Path(path).read_bytes() == before
            folder.chmod(0o700)
            Path(name).chmod(0o500)
            assert "cannot write" in refused(store_key, f"{name}/more/auth-profiles.json", "vllm", "vllm:b", "k", NOW)
            Path(name).chmod(0o700)
        finally:
            os.seteuid(user)


def test_file_in_place_of_the_directory_is_reported(path: str, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "genesis").write_text("mine", encoding="utf-8")
    assert "Not a directory" in refused(store_key, path, "vllm", "vllm:default", "k", NOW)
    assert (tmp_path / "config" / "genesis").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("name", "removed"), [("vllm:default", "vllm:default"), ("pool", "pool:x"), ("odd", "odd"), ("pool:x", "pool:x")]
)
def test_profile_is_removed_by_id_or_provider(name: str, removed: str, path: str) -> None:
    profiles = {
        "vllm:default": ENTRY,
        "vllm:b": ENTRY,
        "pool:x": {**ENTRY, "provider": "pool"},
        # If a name is both an id and a provider, the id counts.
        "odd": ENTRY,
        "odd:default": {**ENTRY, "provider": "odd"},
    }
    store(path, {"version": 1, "profiles": profiles})
    assert remove_profile(path, name) == removed
    assert json.loads(Path(path).read_bytes())["profiles"] == {
        name: entry for name, entry in profiles.items() if name != removed
    }


@pytest.mark.parametrize(
    ("profiles", "name", "message"),
    [
        ({}, "vllm", "no auth profile or provider `vllm`; there are no auth profiles"),
        (
            {"vllm:default": "vllm"},
            "vlm",
            "no auth profile or provider `vlm`; did you mean `vllm`?",
        ),
        (
            {"vllm:default": "vllm", "pool:a": "pool"},
            "vllm:defualt",
            "no auth profile or provider `vllm:defualt`; did you mean `vllm:default`?",
        ),
        (
            {"vllm:default": "vllm", "pool:a": "pool"},
            "qqq",
            "no auth profile or provider `qqq`; available profiles: `pool:a`, `vllm:default`",
        ),
        (
            {"vllm:default": "vllm", "vllm:a": "vllm"},
            "vllm",
            "the provider `vllm` has 2 auth profiles; choose one of `vllm:a`, `vllm:default`",
        ),
        (
            {"vllm:default": "vllm"},
            "sk-canary0123456789abcdef",
            "no such auth profile; the name looks like a key: if you typed a key, it is now in your shell history",
        ),
    ],
)
def test_removing_an_unknown_profile(profiles: dict[str, str], name: str, message: str, path: str) -> None:
    before = store(path, {"version": 1, "profiles": {key: {**ENTRY, "provider": of} for key, of in profiles.items()}})
    assert refused(remove_profile, path, name) == message
    assert Path(path).read_bytes() == before


def test_removing_from_a_missing_store_creates_none(path: str) -> None:
    assert refused(remove_profile, path, "vllm").endswith("there are no auth profiles")
    assert not os.path.exists(os.path.dirname(path))


UNUSABLE = [
    "",
    " ",
    "\t \n",
    "a\nb",
    "a\rb",
    "a\x00b",
    "a\x1b[31m",
    "a\x7f",
    "a\u2028b",
    "a\u200b",
    "\ud800",
    " a",
    "a ",
]


@pytest.mark.parametrize("key", [*UNUSABLE, "a\n", "k" * (LONGEST_KEY + 1)], ids=ascii)
def test_invalid_key_is_rejected(key: str, path: str) -> None:
    refused(check_key, key)
    refused(store_key, path, "vllm", "vllm:default", key, NOW)
    assert not os.path.exists(os.path.dirname(path))


@pytest.mark.parametrize("key", ["x", "sk-canary", "a b", "${VLLM_API_KEY}", "ключ", "k" * LONGEST_KEY], ids=ascii)
def test_valid_key_is_stored_unchanged(key: str, path: str) -> None:
    store_key(path, "vllm", "vllm:default", key, NOW)
    assert read_profiles(path)["vllm:default"].key == key


@pytest.mark.parametrize(
    "name", ["", " ", "a ", "\ta", "a\nb", "\x1b[31m", "\udcff", "sk-canary0123456789abcdef"], ids=ascii
)
def test_invalid_id_is_rejected(name: str, path: str) -> None:
    assert "provider" in refused(check_target, path, name, "vllm:default")
    assert "profile" in refused(check_target, path, "vllm", name)
    refused(store_key, path, "vllm", name, "k", NOW)
    assert not os.path.exists(os.path.dirname(path))


@pytest.mark.parametrize("name", ["vllm", "foo.bar/baz", "x" * 300, "ключ", "a b", "01.ai", "-"])
def test_any_provider_is_accepted(name: str, path: str) -> None:
    check_target(path, name, f"{name}:default")
    store_key(path, name, f"{name}:default", "k", NOW)
    assert set(read_profiles(path)) == {f"{name}:default"}


def test_profile_of_another_provider_is_not_replaced(path: str) -> None:
    before = store(path, {"version": 1, "profiles": {"vllm:default": ENTRY}})
    message = (
        "the auth profile `vllm:default` belongs to the provider `vllm`; choose another id with --profile, "
        "or remove it first: `genesis auth remove vllm:default`"
    )
    assert refused(check_target, path, "pool", "vllm:default") == message
    assert refused(store_key, path, "pool", "vllm:default", "k", NOW) == message
    assert Path(path).read_bytes() == before


def test_reading_does_not_import_editing() -> None:
    script = (
        "import sys, genesis_config.credentials.profiles, genesis_config.resolve.credentials\n"
        "package = 'genesis_config.credentials.profiles'\n"
        "print(sorted({'fcntl', f'{package}.editing', f'{package}.listing'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
