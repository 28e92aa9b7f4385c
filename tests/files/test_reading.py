"""Files that a run finds: regular files of limited size below the tree, through links or not."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from genesis_config.files import reading
from genesis_config.files.reading import MAX_BYTES, RefusedError, leaves_tree, normalize, read_found, read_named

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    reading.forget()


@pytest.fixture(params=["handles", "paths"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return how the path of an open file is found: from its handle on Linux, elsewhere from the path."""
    if request.param == "paths":
        monkeypatch.setattr(reading, "_HANDLES", "/proc/self/none")
    return str(request.param)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a directory that contains a file in a subdirectory, next to a file outside it."""
    path = tmp_path / "tree"
    (path / "sub").mkdir(parents=True)
    (path / "sub" / "file").write_bytes(b"inside")
    (tmp_path / "outside").write_bytes(b"outside")
    return path


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_link_within_the_searched_directory_is_followed(tree: Path, depth: int) -> None:
    link = tree.joinpath("conf", *"abc"[:depth], "link")
    link.parent.mkdir(parents=True)
    link.symlink_to(tree / "sub" / "file")
    assert read_found(str(link), str(tree)) == read_named(str(tree / "sub" / "file")).data == b"inside"
    # Without a search, the tree is the link's directory.
    with pytest.raises(RefusedError):
        read_found(str(link))
    assert leaves_tree(str(link))
    assert not leaves_tree(str(link), str(tree))


@pytest.mark.usefixtures("system")
def test_repository_is_one_tree(tree: Path) -> None:
    (tree / ".git").mkdir()
    (tree / "conf").mkdir()
    (tree / "conf" / "link").symlink_to("../sub/file")
    (tree / "conf" / "out").symlink_to("../../outside")
    assert read_found(str(tree / "conf" / "link")) == b"inside"
    assert read_named(str(tree / "conf" / "link")) == (b"inside", False)
    # Searching above it does not make the tree larger.
    with pytest.raises(RefusedError):
        read_found(str(tree / "conf" / "out"), str(tree.parent))
    assert read_named(str(tree / "conf" / "out")) == (b"outside", True)


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("target", ["../outside", "linked/outside", ".git/config", "/proc/self/environ"])
def test_link_out_of_the_tree_is_refused(tree: Path, target: str) -> None:
    (tree / ".git").mkdir()
    (tree / ".git" / "config").touch()
    (tree / "linked").symlink_to("..")
    (tree / "link").symlink_to(target)
    with pytest.raises(RefusedError, match="link"):
        read_found(str(tree / "link"), str(tree))
    assert read_named(str(tree / "link")).is_outside


def test_directory_with_the_same_prefix_is_outside(tree: Path) -> None:
    (tree.parent / "tree2").write_bytes(b"")
    (tree / "link").symlink_to("../tree2")
    with pytest.raises(RefusedError):
        read_found(str(tree / "link"))


def test_kernel_files_are_outside_every_tree() -> None:
    with pytest.raises(RefusedError):
        read_found("/proc/self/environ", "/")


def test_tree_may_be_behind_a_link(tree: Path) -> None:
    (tree.parent / "link").symlink_to("tree")
    (tree / "file").write_bytes(b"inside")
    assert read_found(f"{tree.parent}/link/file") == b"inside"


@pytest.mark.parametrize("target", ["pipe", "/dev/zero", "/dev/null", "socket"])
def test_only_regular_files_are_read(tree: Path, target: str) -> None:
    path = tree / "file"
    if target == "pipe":
        os.mkfifo(path)
    elif target == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    else:
        path.symlink_to(target)
    with pytest.raises(OSError, match=r"regular|No such device"):
        read_found(str(path))


def test_directory_is_not_a_file(tree: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(IsADirectoryError):
        read_found(str(tree))
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("size", [0, 1024, 1025])
def test_reading_stops_at_the_size_limit(tree: Path, size: int) -> None:
    path = tree / "file"
    path.write_bytes(b"x" * size)
    if size > 1024:
        with pytest.raises(RefusedError, match="larger"):
            read_found(str(path), most=1024)
    else:
        assert read_found(str(path), most=1024) == b"x" * size
    with path.open("ab") as stream:
        stream.truncate(MAX_BYTES + 10)
    assert len(read_found(str(path))) == len(read_named(str(path)).data) == MAX_BYTES + 1


def test_named_pipe_is_read_up_to_the_limit(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    writer = threading.Thread(target=(tree / "pipe").write_bytes, args=(b"piped",))
    writer.start()
    assert read_named(str(tree / "pipe")) == (b"piped", False)
    writer.join()
    assert len(read_named("/dev/zero").data) == MAX_BYTES + 1


def test_open_stream_is_not_outside(tree: Path) -> None:
    with (tree.parent / "outside").open("rb") as stream:
        name = f"/dev/fd/{stream.fileno()}"
        (tree / "link").symlink_to(name)
        assert read_named(name) == (b"outside", False)
        # A link to a stream is treated like any other link.
        assert read_named(str(tree / "link")).is_outside


def test_file_replaced_after_opening_is_ignored(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_HANDLES", "/proc/self/none")
    (tree / "link").symlink_to("../outside")
    opened = os.open

    def swap(path: str, flags: int) -> int:
        handle = opened(path, flags)
        os.replace(tree / "sub" / "file", path)
        return handle

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(RefusedError):
        read_found(str(tree / "link"))


@pytest.mark.parametrize(
    ("path", "normalized"),
    [
        ("link/../a", "far/a"),
        ("./link/../link/x", "far/link/x"),
        ("link/x", "link/x"),
        ("near/../a", "a"),
        ("missing/../a", "a"),
        ("link/../../a", "a"),
        ("../a", "../a"),
        ("link/..", "far"),
    ],
)
def test_parent_of_a_link_is_that_of_its_target(
    path: str, normalized: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "near").mkdir()
    (tmp_path / "link").symlink_to("far/inner")
    monkeypatch.chdir(tmp_path)
    assert normalize(path) == normalized
    assert normalize(f"{tmp_path}/{path}") == os.path.normpath(f"{tmp_path}/{normalized}")
