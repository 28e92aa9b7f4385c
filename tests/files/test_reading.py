"""What a run reads by itself: regular files below the tree, up to a size, whatever links lead to."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from genesis_config.files import reading
from genesis_config.files.reading import MAX_BYTES, RefusedError, leaves_tree, read_found, read_named

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    reading.forget()


@pytest.fixture(params=["handles", "paths"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return how an open file's path is found: from its handle, as Linux can, or from the path, as others must."""
    if request.param == "paths":
        monkeypatch.setattr(reading, "_HANDLES", "/proc/self/none")
    return str(request.param)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a directory with a file in a directory, and a file beside it that is not in it."""
    path = tmp_path / "tree"
    (path / "sub").mkdir(parents=True)
    (path / "sub" / "file").write_bytes(b"inside")
    (tmp_path / "outside").write_bytes(b"outside")
    return path


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_link_below_the_directory_that_was_searched_is_followed(tree: Path, depth: int) -> None:
    link = tree.joinpath("conf", *"abc"[:depth], "link")
    link.parent.mkdir(parents=True)
    link.symlink_to(tree / "sub" / "file")
    assert read_found(str(link), str(tree)) == read_named(str(tree / "sub" / "file")).data == b"inside"
    # Nobody searched: the tree is the directory that the link is in.
    with pytest.raises(RefusedError):
        read_found(str(link))
    assert leaves_tree(str(link))
    assert not leaves_tree(str(link), str(tree))


@pytest.mark.usefixtures("system")
def test_a_repository_is_one_tree(tree: Path) -> None:
    (tree / ".git").mkdir()
    (tree / "conf").mkdir()
    (tree / "conf" / "link").symlink_to("../sub/file")
    (tree / "conf" / "out").symlink_to("../../outside")
    assert read_found(str(tree / "conf" / "link")) == b"inside"
    assert read_named(str(tree / "conf" / "link")) == (b"inside", False)
    # It is not made larger by who searches above it.
    with pytest.raises(RefusedError):
        read_found(str(tree / "conf" / "out"), str(tree.parent))
    assert read_named(str(tree / "conf" / "out")) == (b"outside", True)


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("target", ["../outside", "linked/outside", ".git/config", "/proc/self/environ"])
def test_a_link_out_of_the_tree_is_refused(tree: Path, target: str) -> None:
    (tree / ".git").mkdir()
    (tree / ".git" / "config").touch()
    (tree / "linked").symlink_to("..")
    (tree / "link").symlink_to(target)
    with pytest.raises(RefusedError, match="link"):
        read_found(str(tree / "link"), str(tree))
    assert read_named(str(tree / "link")).is_outside


def test_a_directory_whose_name_begins_as_the_trees_does_is_not_in_it(tree: Path) -> None:
    (tree.parent / "tree2").write_bytes(b"")
    (tree / "link").symlink_to("../tree2")
    with pytest.raises(RefusedError):
        read_found(str(tree / "link"))


def test_nothing_that_the_kernel_makes_up_is_in_the_tree_of_the_root_directory() -> None:
    with pytest.raises(RefusedError):
        read_found("/proc/self/environ", "/")


def test_a_tree_may_itself_be_behind_a_link(tree: Path) -> None:
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


def test_a_directory_is_not_a_file(tree: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(IsADirectoryError):
        read_found(str(tree))
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("size", [0, 1024, 1025])
def test_no_more_is_read_than_a_file_may_have(tree: Path, size: int) -> None:
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


def test_a_pipe_that_is_named_is_read_to_the_limit(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    writer = threading.Thread(target=(tree / "pipe").write_bytes, args=(b"piped",))
    writer.start()
    assert read_named(str(tree / "pipe")) == (b"piped", False)
    writer.join()
    assert len(read_named("/dev/zero").data) == MAX_BYTES + 1


def test_a_stream_that_the_process_has_open_is_the_persons_own(tree: Path) -> None:
    with (tree.parent / "outside").open("rb") as stream:
        name = f"/dev/fd/{stream.fileno()}"
        (tree / "link").symlink_to(name)
        assert read_named(name) == (b"outside", False)
        # A link to it is a link as any other.
        assert read_named(str(tree / "link")).is_outside


def test_what_took_the_place_of_an_open_file_does_not_count(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
