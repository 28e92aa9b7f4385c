"""Replacing files whole, on a real file system: whatever goes wrong, the old file is there as it was."""

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
    """Give new files a mode that does not depend on who runs the tests."""
    old = os.umask(0o026)
    yield
    os.umask(old)


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a moment: root may write everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_new_file_has_the_bytes_and_the_mode_of_any_new_file(tmp_path: Path) -> None:
    path = tmp_path / "new"
    write_atomic(str(path), b"\x00\r\n\xff")
    assert path.read_bytes() == b"\x00\r\n\xff"
    assert mode(path) == 0o640
    assert os.umask(0o026) == 0o026
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("old", [0o600, 0o644, 0o664, 0o400, 0o755])
def test_an_old_files_mode_is_kept_unless_another_is_asked_for(old: int, tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"a longer text than the new one")
    path.chmod(old)
    write_atomic(str(path), b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", old)
    write_atomic(str(path), b"", mode=0o600)
    assert (path.read_bytes(), mode(path)) == (b"", 0o600)


@pytest.mark.parametrize("asked", [0o600, 0o666])
def test_a_mode_that_is_asked_for_does_not_depend_on_the_umask(asked: int, tmp_path: Path) -> None:
    write_atomic(str(tmp_path / "new"), b"new", mode=asked)
    assert mode(tmp_path / "new") == asked


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/real")
    write_atomic(str(tmp_path / "link"), b"new")
    assert os.readlink(tmp_path / "link") == "folder/real"
    assert (tmp_path / "folder" / "real").read_bytes() == b"new"
    assert os.listdir(tmp_path / "folder") == ["real"]


def test_a_link_that_leads_nowhere_yet_gets_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("later")
    write_atomic(str(tmp_path / "link"), b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "later").read_bytes() == b"new"


def test_another_name_of_the_old_file_keeps_the_old_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"old")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    write_atomic(str(tmp_path / "one"), b"new")
    assert (tmp_path / "two").read_bytes() == b"old"


def test_a_relative_path_is_relative_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomic("plain", b"new")
    assert (tmp_path / "plain").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, ".hidden", "a b\n*", "-o"])
def test_any_name_that_a_file_may_have_will_do(name: str, tmp_path: Path) -> None:
    write_atomic(str(tmp_path / name), b"new")
    assert os.listdir(tmp_path) == [name]


def test_a_folder_that_may_not_be_written_leaves_the_old_file_whole() -> None:
    # Not in pytest's folders, which others may not even enter.
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
def test_a_folder_that_is_not_there_is_an_error(name: str, error: type[OSError], tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(error):
        write_atomic(str(tmp_path / name), b"new")
    assert (tmp_path / "old").read_bytes() == b"old"


def test_a_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(str(tmp_path / "folder"), b"new")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path) -> None:
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


def test_an_interruption_in_the_middle_leaves_the_old_file_whole(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    no_bytes: Any = "text"
    with pytest.raises(TypeError):
        write_atomic(str(tmp_path / "old"), no_bytes)
    assert (tmp_path / "old").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old"]


def test_who_reads_meanwhile_sees_one_whole_file_or_the_other(tmp_path: Path) -> None:
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


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
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
def test_a_stream_that_is_open_already_is_written_to(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, name]
    # A pipe, whose name leads to nothing in the file system.
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"new\n", b"")
    # A file, as in `>> log`: what is in it already is not this program's.
    with (tmp_path / "log").open("ab") as log:
        log.write(b"old\n")
        log.flush()
        assert subprocess.run(command, stdout=log, timeout=60, check=False).returncode == 0
    assert (tmp_path / "log").read_bytes() == b"old\nnew\n"


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_the_last_bytes_written_are_the_file(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "written"
    write_atomic(str(path), first)
    write_atomic(str(path), second)
    assert path.read_bytes() == second
