"""Discovery of files: named files, found files, and files that git(1) ignores."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_config.lint.discovery import NAMES, find_files


def found_names(paths: list[str]) -> list[str]:
    """Return the names of the files found."""
    return [file.name for file in find_files(paths)]


FOLDERS = st.lists(st.sampled_from(["a", "b", "prod", "out", "a b", "x-1"]), max_size=3)
LINES = [
    *(
        "*",
        "!*/",
        "!*.json5",
        "!*.json",
        "*.json5",
        "genesis.*",
        "!genesis.json5",
        "out/",
        "/out",
        "out",
        "!out/",
        "a/*",
    ),
    *(
        "!a/b",
        "a/**",
        "!a/genesis.json5",
        "**/b",
        "**/b/",
        "a/**/b",
        "b/genesis.json5",
        "/*",
        "!/a",
        "!/a/",
        "/*/b",
        "!",
    ),
    *("\\", "a\\", "[", "[ab]", "?", "!?", "# a", "\\#a", "", "  ", "a "),
    *("a\\ ", "a\\ b", "x-[0-9]", "prod", "prod/**", "!prod/**", "!/prod", "a b", "genesis.json5\r", "**", "!**/", "/"),
    *("//", "/**", "a/", "./a", "out/genesis.json", "!a/", "!b/", "*/", "a/**/", "!a/**/", "**/*.json5", "x*"),
    *(" a", "a/b/**", "a\\\\", "genesis.json5/", "genesis.json/"),
]
IGNORES = st.lists(st.sampled_from(LINES), max_size=5).map("\n".join)


def git(folder: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "core.quotePath=false", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=60)
    return done.stdout.decode()


def found_by_git(top: Path) -> list[str]:
    listed = git(top, "ls-files", "-z", "--others", "--exclude-standard").split("\0")
    return sorted(path for path in listed if os.path.basename(path) in NAMES)


def test_each_pattern_excludes_the_same_files_as_git(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for folder in (
        "genesis.json",
        "b/genesis.json5",
        ".",
        "a",
        "a/b",
        "a/b/a",
        "b",
        "a ",
        "a b",
        "out",
        "prod/b",
        "x-1",
    ):
        tmp_path.joinpath(folder).mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            if not tmp_path.joinpath(folder, name).is_dir():
                tmp_path.joinpath(folder, name).write_text("{}", encoding="utf-8")
    for line in LINES:
        for text in (line, f"*\n!*/\n{line}\n", f"{line}\n!a/\n!a/b\n!*.json5\n", f"!{line}\n{line} \n!/a/b/\n"):
            (tmp_path / ".gitignore").write_text(text, encoding="utf-8", newline="")
            found = sorted(os.path.relpath(path, tmp_path) for path in found_names([str(tmp_path)]))
            assert (text, found) == (text, found_by_git(tmp_path))


@settings(max_examples=200)
@given(
    st.lists(st.tuples(FOLDERS, st.sampled_from([*NAMES, "other.json5"])), max_size=8),
    st.dictionaries(FOLDERS.map(tuple), IGNORES, max_size=3),
)
def test_the_same_files_are_excluded_as_by_git(
    files: list[tuple[list[str], str]], ignores: dict[tuple[str, ...], str]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        git(top, "init", "-q")
        for folder, file in files:
            top.joinpath(*folder).mkdir(parents=True, exist_ok=True)
            top.joinpath(*folder, file).write_text("{}", encoding="utf-8")
        for ignored, text in ignores.items():
            top.joinpath(*ignored).mkdir(parents=True, exist_ok=True)
            top.joinpath(*ignored, ".gitignore").write_text(text, encoding="utf-8", newline="")
        assert sorted(os.path.relpath(path, top) for path in found_names([name])) == found_by_git(top)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with configurations in it, as the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    for name in ("a", "b", "out", "node_modules/x", "a/deep", "out/keep"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "genesis.json5").write_text("{}", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("out/\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["."], ["a", "a/deep", "b"]),
        (["*/genesis.json5"], ["a", "b"]),
        (["**/genesis.json5"], ["a", "a/deep", "b"]),
        (["*"], ["a", "a/deep", "b"]),
        (["a/*"], ["a", "a/deep"]),
        # Explicitly named files are never excluded.
        (["out"], ["out", "out/keep"]),
        (["out/*/*.json5"], ["out/keep"]),
        (["out/genesis.json5"], ["out"]),
        (["node_modules/x"], ["node_modules/x"]),
        (["node_modules/*"], ["node_modules/x"]),
        # Each file once, under its first name.
        (["a/genesis.json5", "./a/genesis.json5", "b/../a"], ["a", "a/deep"]),
    ],
)
def test_paths_and_patterns_expand_to_files(tree: Path, paths: list[str], expected: list[str]) -> None:
    wanted = [f"{name}/genesis.json5" for name in expected]
    assert sorted(map(os.path.normpath, found_names(paths))) == sorted(wanted)
    found = found_names([str(tree / path) for path in paths])
    assert sorted(os.path.relpath(path, tree) for path in found) == sorted(wanted)


def test_an_invalid_pattern_does_not_affect_the_others(tree: Path) -> None:
    (tree / ".gitignore").write_text("[z-y]\nout/\na/deep\n", encoding="utf-8")
    assert found_names(["."]) == ["a/genesis.json5", "b/genesis.json5"]


def test_a_deeper_gitignore_applies_to_patterns_too(tree: Path) -> None:
    (tree / "a" / ".gitignore").write_text("deep\n", encoding="utf-8")
    assert found_names(["a/**/*.json5", "-"]) == ["a/genesis.json5", "-"]
    (tree / "a" / "deep" / ".gitignore").write_text("!genesis.json5\n", encoding="utf-8")
    assert found_names(["**"]) == found_names(["."]) == ["a/genesis.json5", "b/genesis.json5"]


def test_a_pattern_without_matches_is_returned_unchanged(tree: Path) -> None:
    assert tree.is_dir()
    assert found_names(["nope*.json5", "b"]) == ["nope*.json5", "b/genesis.json5"]
    (tree / "[x].json5").touch()
    assert found_names(["[x].json5"]) == ["[x].json5"]


def test_a_wildcard_part_stays_a_pattern_if_a_file_elsewhere_has_that_name(tree: Path) -> None:
    (tree / "[a]").mkdir()
    (tree / "sub" / "a").mkdir(parents=True)
    assert found_names(["sub/[a]/genesis.json5"]) == ["sub/[a]/genesis.json5"]
    (tree / "sub" / "a" / "genesis.json5").touch()
    assert found_names(["sub/[a]/genesis.json5"]) == ["sub/a/genesis.json5"]


def test_an_unreadable_directory_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "genesis.json5").write_text("{}", encoding="utf-8")
    scandir = os.scandir

    def closed(path: str) -> object:
        if os.path.basename(path) == "a":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    # Not by its mode: root can read everything.
    monkeypatch.setattr(os, "scandir", closed)
    assert sorted(found_names([str(tmp_path)])) == [str(tmp_path / "a"), str(tmp_path / "b" / "genesis.json5")]
    assert found_names([str(tmp_path / "a")]) == [str(tmp_path / "a")]
