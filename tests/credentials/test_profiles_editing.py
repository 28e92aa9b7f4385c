"""Changing the store of auth profiles: nothing is lost, whoever else writes, and whatever goes wrong."""

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

from genesis_config.credentials.profiles import Profile, ProfilesError, editing, read
from genesis_config.credentials.profiles.editing import LONGEST_KEY, check_key, check_target, put, remove
from genesis_config.files import writing as files

NOW = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
STAMP = "2026-03-04T05:06:07Z"
ENTRY = {"provider": "vllm", "kind": "api_key", "key": "sk-canary"}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Give the path of a store that is not there yet, nor is its folder."""
    return str(tmp_path / "config" / "genesis" / "auth-profiles.json")


def store(path: str, content: Any, mode: int = 0o600) -> bytes:
    """Write a store, and give its bytes."""
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
    # No exception that knows more rides along into a traceback.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return f"{caught.value}; {caught.value.help}" if caught.value.help else str(caught.value)


def mode(path: str) -> int:
    return os.stat(path).st_mode & 0o777


def test_a_first_key_makes_the_folder_and_the_store_for_the_owner_alone(path: str) -> None:
    old = os.umask(0)
    try:
        assert put(path, "vllm", "vllm:default", "sk-canary", NOW) is False
    finally:
        os.umask(old)
    assert read(path) == {"vllm:default": Profile("vllm", "api_key", "sk-canary", STAMP)}
    assert (mode(path), mode(os.path.dirname(path))) == (0o600, 0o700)
    assert sorted(os.listdir(os.path.dirname(path))) == ["auth-profiles.json", "auth-profiles.json.lock"]
    assert mode(f"{path}.lock") == 0o600
    assert Path(f"{path}.lock").read_bytes() == b""


def test_the_store_is_written_to_be_read_by_people(path: str) -> None:
    put(path, "vllm", "vllm:default", "sk-canary", NOW.astimezone(timezone(timedelta(hours=9))))
    assert Path(path).read_text(encoding="utf-8") == (
        '{\n  "version": 1,\n  "profiles": {\n    "vllm:default": {\n      "provider": "vllm",\n'
        f'      "kind": "api_key",\n      "key": "sk-canary",\n      "created": "{STAMP}"\n    }}\n  }}\n}}\n'
    )


def test_a_key_that_is_replaced_is_as_young_as_the_new_one_and_the_others_stay(path: str) -> None:
    put(path, "vllm", "vllm:default", "first", NOW - timedelta(days=9))
    put(path, "pool", "pool:default", "other", NOW - timedelta(days=3))
    assert put(path, "vllm", "vllm:default", "second", NOW) is True
    assert read(path) == {
        "vllm:default": Profile("vllm", "api_key", "second", STAMP),
        "pool:default": Profile("pool", "api_key", "other", "2026-03-01T05:06:07Z"),
    }


def test_what_another_version_keeps_in_the_store_stays_there(path: str) -> None:
    more = {"big": 12345678901234567890123, "text": "é😀", "list": [1.5, None]}
    old = {"note": more, "version": 1, "profiles": {"a": {**ENTRY, "expires": more}, "b": ENTRY}}
    store(path, old)
    put(path, "pool", "pool:default", "k", NOW)
    assert remove(path, "b") == "b"
    written = json.loads(Path(path).read_bytes())
    assert written.pop("profiles") == {
        "a": {**ENTRY, "expires": more},
        "pool:default": {"provider": "pool", "kind": "api_key", "key": "k", "created": STAMP},
    }
    assert written == {"note": more, "version": 1}


def test_a_store_that_is_reached_by_a_link_is_changed_where_it_is(path: str, tmp_path: Path) -> None:
    real = str(tmp_path / "dotfiles" / "profiles")
    store(real, {"version": 1, "profiles": {"a": ENTRY}})
    os.makedirs(os.path.dirname(path))
    os.symlink(real, path)
    put(path, "pool", "pool:default", "k", NOW)
    assert os.path.islink(path)
    assert set(read(real)) == {"a", "pool:default"}
    # One lock for all links.
    assert os.path.exists(f"{real}.lock")


@given(st.dictionaries(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9), st.uuids()))
def test_what_was_put_is_read_and_removing_all_leaves_an_empty_store(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Any]
) -> None:
    path = str(tmp_path_factory.mktemp("law") / "auth-profiles.json")
    for name, key in keys.items():
        put(path, name, f"{name}:default", str(key), NOW)
    assert (read(path) if keys else {}) == {
        f"{name}:default": Profile(name, "api_key", str(key), STAMP) for name, key in keys.items()
    }
    for name in keys:
        remove(path, name)
    assert read(path) == {}


WRITER = """
import sys
import tempfile
from datetime import datetime, UTC
from genesis_config.credentials.profiles.editing import put, remove
path, me = sys.argv[1:]
sys.stdin.readline()
for turn in range(10):
    put(path, me, f"{me}:{turn}", f"key-of-{me}-{turn}", datetime.now(UTC))
    put(path, me, f"{me}:gone", "x", datetime.now(UTC))
    remove(path, f"{me}:gone")
"""


def test_processes_that_write_at_once_lose_nothing(path: str) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, f"p{number}"], stdin=subprocess.PIPE)
        for number in range(8)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0] * 8
    assert {name: profile.key for name, profile in read(path).items()} == {
        f"p{number}:{turn}": f"key-of-p{number}-{turn}" for number in range(8) for turn in range(10)
    }
    assert sorted(os.listdir(os.path.dirname(path))) == ["auth-profiles.json", "auth-profiles.json.lock"]


def test_who_holds_the_lock_too_long_is_not_waited_for_for_ever(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store(path, {"version": 1, "profiles": {"a": ENTRY}})
    monkeypatch.setattr(editing, "_PATIENCE", 0.03)
    with files.locked(f"{path}.lock", patience=0):
        for call in ((put, path, "vllm", "vllm:default", "k", NOW), (remove, path, "a")):
            assert refused(*call) == (
                f"another process is changing the auth profiles in {path}; nothing was changed; try again"
            )
    assert Path(path).read_bytes() == before
    remove(path, "a")


def test_a_lock_is_free_again_whatever_happened_in_it(tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    with pytest.raises(KeyboardInterrupt), files.locked(lock, patience=0):
        raise KeyboardInterrupt
    with files.locked(lock, patience=0), pytest.raises(TimeoutError), files.locked(lock, patience=0):
        pass
    with files.locked(lock, patience=0):
        pass


def test_a_lock_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic") as caught, files.locked(str(tmp_path / "lock"), patience=0):
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
def test_a_store_that_is_damaged_or_of_another_version_is_never_overwritten(content: Any, path: str) -> None:
    before = store(path, content)
    for call in ((put, path, "vllm", "vllm:default", "k", NOW), (remove, path, "a")):
        message = refused(*call)
        other = isinstance(content, dict) and content["version"] == 2
        assert message.startswith(f"the auth profiles in {path} {'have version 2, ' if other else 'are damaged: '}")
        assert message.endswith("away and add the keys again with `genesis auth set`")
    assert Path(path).read_bytes() == before


def test_a_store_that_others_may_read_is_refused(path: str) -> None:
    before = store(path, {"version": 1, "profiles": {"a": ENTRY}}, 0o644)
    for call in ((put, path, "vllm", "vllm:default", "k", NOW), (remove, path, "a")):
        assert f"(mode 0644); run `chmod 600 {path}`" in refused(*call)
    assert (Path(path).read_bytes(), mode(path)) == (before, 0o644)


def test_the_chmod_that_is_told_can_be_pasted(tmp_path: Path) -> None:
    path = str(tmp_path / "Application Support" / "auth-profiles.json")
    store(path, {"version": 1, "profiles": {}}, 0o640)
    command = re.search("`(chmod .*?)`", refused(read, path))
    assert command is not None
    subprocess.run(command[1], shell=True, check=True)
    assert read(path) == {}


def test_a_store_that_its_owner_made_read_only_is_left_alone(path: str) -> None:
    before = store(path, {"version": 1, "profiles": {"a": ENTRY}}, 0o400)
    for call in ((put, path, "vllm", "vllm:default", "k", NOW), (remove, path, "a")):
        assert refused(*call) == (
            f"the auth profiles in {path} are read-only (mode 0400); run `chmod 600 {path}` to change them"
        )
    assert (Path(path).read_bytes(), mode(path)) == (before, 0o400)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EPERM])
def test_a_folder_that_cannot_be_written_leaves_the_store_as_it_was(
    code: int, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store(path, {"version": 1, "profiles": {"a": ENTRY}})

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code), f"{path}.tmp")

    monkeypatch.setattr(editing, "write_atomic", fail)
    for call in ((put, path, "vllm", "vllm:default", "k", NOW), (remove, path, "a")):
        message = refused(*call)
        assert message.startswith(f"cannot write the auth profiles in {path}: {os.strerror(code)}; nothing was changed")
        advice = f"you need to own {os.path.dirname(path)} and have write permission there"
        assert (advice in message) == (code in {errno.EACCES, errno.EPERM})
    assert Path(path).read_bytes() == before


def test_a_folder_that_is_read_only_leaves_the_store_as_it_was() -> None:
    # Not in pytest's folders, which others may not even enter; and not as root, who may write everywhere.
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "genesis"
        path = str(folder / "auth-profiles.json")
        if user == 0:
            os.chown(name, 65534, -1)
            os.seteuid(65534)
        try:
            put(path, "vllm", "vllm:default", "sk-canary", NOW)
            before = Path(path).read_bytes()
            folder.chmod(0o500)
            for call in ((put, path, "vllm", "vllm:b", "k", NOW), (remove, path, "vllm")):
                message = refused(*call)
                assert message.startswith(
                    f"cannot write the auth profiles in {path}: Permission denied; nothing was changed"
                )
                assert message.endswith(
                    f"you need to own {folder} and have write permission there: `ls -ld {folder}` shows both"
                )
            assert Path(path).read_bytes() == before
            folder.chmod(0o700)
            Path(name).chmod(0o500)
            assert "cannot write" in refused(put, f"{name}/more/auth-profiles.json", "vllm", "vllm:b", "k", NOW)
            Path(name).chmod(0o700)
        finally:
            os.seteuid(user)


def test_a_file_in_the_place_of_the_folder_is_told(path: str, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "genesis").write_text("mine", encoding="utf-8")
    assert "Not a directory" in refused(put, path, "vllm", "vllm:default", "k", NOW)
    assert (tmp_path / "config" / "genesis").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("name", "removed"), [("vllm:default", "vllm:default"), ("pool", "pool:x"), ("odd", "odd"), ("pool:x", "pool:x")]
)
def test_one_profile_is_removed_by_its_id_or_by_its_provider(name: str, removed: str, path: str) -> None:
    profiles = {
        "vllm:default": ENTRY,
        "vllm:b": ENTRY,
        "pool:x": {**ENTRY, "provider": "pool"},
        # An id that is a provider's name is an id first.
        "odd": ENTRY,
        "odd:default": {**ENTRY, "provider": "odd"},
    }
    store(path, {"version": 1, "profiles": profiles})
    assert remove(path, name) == removed
    assert json.loads(Path(path).read_bytes())["profiles"] == {
        name: entry for name, entry in profiles.items() if name != removed
    }


@pytest.mark.parametrize(
    ("profiles", "name", "message"),
    [
        ({}, "vllm", "no auth profile or provider `vllm`; there are none"),
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
            "no auth profile or provider `qqq`; there are `pool:a`, `vllm:default`",
        ),
        (
            {"vllm:default": "vllm", "vllm:a": "vllm"},
            "vllm",
            "the provider `vllm` has 2 auth profiles; name one of `vllm:a`, `vllm:default`",
        ),
        (
            {"vllm:default": "vllm"},
            "sk-canary0123456789abcdef",
            "no such auth profile; the name looks like a key: if you typed a key, it is now in your shell history",
        ),
    ],
)
def test_a_profile_that_is_not_there_is_not_removed(
    profiles: dict[str, str], name: str, message: str, path: str
) -> None:
    before = store(path, {"version": 1, "profiles": {key: {**ENTRY, "provider": of} for key, of in profiles.items()}})
    assert refused(remove, path, name) == message
    assert Path(path).read_bytes() == before


def test_removing_from_a_store_that_is_not_there_makes_none(path: str) -> None:
    assert refused(remove, path, "vllm").endswith("there are none")
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
def test_a_key_that_no_request_can_carry_is_refused(key: str, path: str) -> None:
    refused(check_key, key)
    refused(put, path, "vllm", "vllm:default", key, NOW)
    assert not os.path.exists(os.path.dirname(path))


@pytest.mark.parametrize("key", ["x", "sk-canary", "a b", "${VLLM_API_KEY}", "ключ", "k" * LONGEST_KEY], ids=ascii)
def test_any_other_key_is_kept_as_it_is(key: str, path: str) -> None:
    put(path, "vllm", "vllm:default", key, NOW)
    assert read(path)["vllm:default"].key == key


@pytest.mark.parametrize(
    "name", ["", " ", "a ", "\ta", "a\nb", "\x1b[31m", "\udcff", "sk-canary0123456789abcdef"], ids=ascii
)
def test_a_name_that_cannot_be_shown_is_refused(name: str, path: str) -> None:
    assert "provider" in refused(check_target, path, name, "vllm:default")
    assert "profile" in refused(check_target, path, "vllm", name)
    refused(put, path, "vllm", name, "k", NOW)
    assert not os.path.exists(os.path.dirname(path))


@pytest.mark.parametrize("name", ["vllm", "foo.bar/baz", "x" * 300, "ключ", "a b", "01.ai", "-"])
def test_any_provider_is_taken(name: str, path: str) -> None:
    check_target(path, name, f"{name}:default")
    put(path, name, f"{name}:default", "k", NOW)
    assert set(read(path)) == {f"{name}:default"}


def test_a_profile_of_another_provider_is_not_replaced(path: str) -> None:
    before = store(path, {"version": 1, "profiles": {"vllm:default": ENTRY}})
    message = (
        "the auth profile `vllm:default` belongs to the provider `vllm`; choose another id with --profile, "
        "or remove it first: `genesis auth remove vllm:default`"
    )
    assert refused(check_target, path, "pool", "vllm:default") == message
    assert refused(put, path, "pool", "vllm:default", "k", NOW) == message
    assert Path(path).read_bytes() == before


def test_reading_imports_nothing_of_writing() -> None:
    script = (
        "import sys, genesis_config.credentials.profiles, genesis_config.resolve.credentials\n"
        "package = 'genesis_config.credentials.profiles'\n"
        "print(sorted({'fcntl', f'{package}.editing', f'{package}.listing'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
