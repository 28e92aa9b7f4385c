"""Atomic replacement on a real file system: after any error, the old file is unchanged."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.files.writing import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="umask", autouse=True)
def _umask() -> Iterator[None]:
    """Set a umask that does not depend on the user running the tests."""
    old = os.umask(0o026)
    yield
    os.umask(old)


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Switch to the user `nobody`, because root can write everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_new_file_has_the_default_mode(tmp_path: Path) -> None:
    path = tmp_path / "new"
    write_atomic(str(path), b"\x00\r\n\xff")
    assert path.read_bytes() == b"\x00\r\n\xff"
    assert mode(path) == 0o640
    assert os.umask(0o026) == 0o026
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("old", [0o600, 0o644, 0o664, 0o400, 0o755])
def test_mode_of_an_existing_file_is_kept(old: int, tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"a longer text than the new one")
    path.chmod(old)
    write_atomic(str(path), b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", old)
    write_atomic(str(path), b"", mode=0o600)
    assert (path.read_bytes(), mode(path)) == (b"", 0o600)


@pytest.mark.parametrize("asked", [0o600, 0o666])
def test_explicit_mode_ignores_the_umask(asked: int, tmp_path: Path) -> None:
    write_atomic(str(tmp_path / "new"), b"new", mode=asked)
    assert mode(tmp_path / "new") == asked


def test_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/real")
    write_atomic(str(tmp_path / "link"), b"new")
    assert os.readlink(tmp_path / "link") == "folder/real"
    assert (tmp_path / "folder" / "real").read_bytes() == b"new"
    assert os.listdir(tmp_path / "folder") == ["real"]


def test_dangling_link_gets_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("later")
    write_atomic(str(tmp_path / "link"), b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "later").read_bytes() == b"new"


def test_hard_link_keeps_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"old")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    write_atomic(str(tmp_path / "one"), b"new")
    assert (tmp_path / "two").read_bytes() == b"old"


def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomic("plain", b"new")
    assert (tmp_path / "plain").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, ".hidden", "a b\n*", "-o"])
def test_any_file_name(name: str, tmp_path: Path) -> None:
    write_atomic(str(tmp_path / name), b"new")
    assert os.listdir(tmp_path) == [name]


def test_read_only_directory_leaves_the_old_file() -> None:
    # Not in pytest's directories, which other users cannot enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "old").write_bytes(b"old")
        folder.chmod(0o555)
        with unprivileged(), pytest.raises(PermissionError):
            write_atomic(str(folder / "old"), b"new")
        assert (folder / "old").read_bytes() == b"old"
        assert os.listdir(folder) == ["old"]
        folder.chmod(0o755)


@pytest.mark.parametrize(("name", "error"), [("none/new", FileNotFoundError), ("old/new", NotADirectoryError)])
def test_missing_directory_is_an_error(name: str, error: type[OSError], tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(error):
        write_atomic(str(tmp_path / name), b"new")
    assert (tmp_path / "old").read_bytes() == b"old"


def test_directory_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(str(tmp_path / "folder"), b"new")
    assert os.listdir(tmp_path) == ["folder"]


def test_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    script = (
        "import errno, resource, sys\n"
        "from genesis_config.files.writing import write_atomic\n"
        "limits = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))\n"
        "try:\n"
        "    write_atomic(sys.argv[1], b'x' * 5000)\n"
        "except OSError as error:\n"
        "    print(errno.errorcode[error.errno])\n"
        "finally:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, limits)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "old")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "EFBIG\n", "")
    assert (tmp_path / "old").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old"]


def test_interruption_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    no_bytes: Any = "text"
    with pytest.raises(TypeError):
        write_atomic(str(tmp_path / "old"), no_bytes)
    assert (tmp_path / "old").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old"]


def test_concurrent_reader_sees_a_complete_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [letter * 100_000 for letter in (b"a", b"b")]
    path.write_bytes(contents[0])
    done = threading.Event()

    def rewrite() -> None:
        for turn in range(50):
            write_atomic(str(path), contents[turn % 2])
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = []
    while not done.is_set():
        seen.append(path.read_bytes() in contents)
    writer.join()
    assert all(seen)


def test_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_atomic(str(tmp_path / "pipe"), b"new")
    reader.join()
    assert received == [b"new"]
    assert (tmp_path / "pipe").is_fifo()


SCRIPT = "import sys; from genesis_config.files.writing import write_atomic; write_atomic(sys.argv[1], b'new\\n')"


@pytest.mark.skipif(not os.path.exists("/dev/fd/1"), reason="needs streams that have names")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
def test_open_stream_is_appended_to(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, name]
    # A pipe, whose name is not in the file system.
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"new\n", b"")
    # A file, as in `>> log`, whose existing content must be kept.
    with (tmp_path / "log").open("ab") as log:
        log.write(b"old\n")
        log.flush()
        assert subprocess.run(command, stdout=log, timeout=60, check=False).returncode == 0
    assert (tmp_path / "log").read_bytes() == b"old\nnew\n"


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_last_write_determines_the_content(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "written"
    write_atomic(str(path), first)
    write_atomic(str(path), second)
    assert path.read_bytes() == second
