"""The hooks of this checkout, run by the real pre-commit in a repository of a user."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

RIGHT = '{ models: { providers: { vllm: { models: [{ id: "m", contextWindow: 8192 }] } } } }\n'
WARNED = RIGHT.replace("{ models", "{ gateway: {}, models", 1)
WRONG = RIGHT.replace("{ models: [", "{ modles: [")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with this checkout, including uncommitted changes."""
    path = tmp_path_factory.mktemp("genesis")
    for name in ("compiler", "schema", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(path)], check=True)
    git(path, "init", "--quiet")
    commit(path)
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    (path / "deploy").mkdir(parents=True)
    git(path, "init", "--quiet")
    (path / "deploy" / "genesis.json5").write_text(WRONG, encoding="utf-8")
    (path / "other.json5").write_text("{ not ours", encoding="utf-8")
    git(path, "add", ".")
    return path


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "all")


def run_hook(
    repository: Path, clone: Path, home: Path, name: str, **settings: str | list[str]
) -> subprocess.CompletedProcess[str]:
    """Run one hook on all files, configured as in a user's `.pre-commit-config.yaml`."""
    entry = {"repo": str(clone), "rev": git(clone, "rev-parse", "HEAD").strip(), "hooks": [{"id": name, **settings}]}
    (repository / ".pre-commit-config.yaml").write_text(json.dumps({"repos": [entry]}), encoding="utf-8")
    git(repository, "add", "--all")
    return pre_commit(repository, home, "run", "--all-files")


def pre_commit(repository: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *arguments, "--color=never"],
        cwd=repository,
        env={**os.environ, "PRE_COMMIT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the hook environments, which are built only once."""
    return tmp_path_factory.mktemp("pre-commit")


def test_the_hooks_find_and_fix_mistakes(repository: Path, clone: Path, home: Path) -> None:
    checked = run_hook(repository, clone, home, "genesis-check")
    assert checked.returncode == 1
    assert "error[unknown-key]: unknown key `modles` in `models.providers.vllm`" in checked.stdout
    assert "--> deploy/genesis.json5:1:34" in checked.stdout
    assert "other.json5" not in checked.stdout

    fixed = run_hook(repository, clone, home, "genesis-fix")
    assert fixed.returncode == 1
    assert "files were modified by this hook" in fixed.stdout
    assert (repository / "deploy" / "genesis.json5").read_text(encoding="utf-8") == RIGHT

    assert run_hook(repository, clone, home, "genesis-check").returncode == 0


def test_the_recipe_for_configurations_in_several_files(repository: Path, clone: Path, home: Path) -> None:
    recipes = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall("```yaml\n(.*?)```", recipes, re.DOTALL) if "pass_filenames" in block]
    commit_id = git(clone, "rev-parse", "HEAD").strip()
    block = block.replace("https://github.com/genesis-config/genesis", str(clone)).replace("v0.2.0", commit_id)
    (repository / ".pre-commit-config.yaml").write_text(block, encoding="utf-8")
    (repository / "other.json5").unlink()
    root = WRONG.replace('modles: [{ id: "m", contextWindow: 8192 }]', "$include: './part.json5'")
    (repository / "deploy" / "genesis.json5").write_text(root, encoding="utf-8")
    (repository / "deploy" / "part.json5").write_text('{ models: [{ id: "m", contextWindow: 8192 }] }\n', "utf-8")
    git(repository, "add", "--all")
    commit(repository)
    (repository / "deploy" / "part.json5").write_text('{ modles: [{ id: "m" }] }\n', encoding="utf-8")
    git(repository, "add", ".")
    done = pre_commit(repository, home, "run")
    assert done.returncode == 1
    assert "--> deploy/part.json5:1:3" in done.stdout


# Paths that start like an option of `genesis check`, and what some of them once did.
PATHS = [
    "-osub/genesis.json5",  # overwrote sub/genesis.json5 with the report
    "--env-file=e/genesis.json5",  # was read as an env file
    "--stdin-filename=e/genesis.json",
    "--exit-zero/genesis.json5",
    "--fix/genesis.json5",
    "-/genesis.json5",
    "--/genesis.json5",
]


@pytest.fixture
def odd(repository: Path) -> Path:
    """Return a repository with a mistake in each of the paths, and a clean `sub/genesis.json5`."""
    for name in PATHS:
        (repository / name).parent.mkdir()
        (repository / name).write_text(WRONG, encoding="utf-8")
    (repository / "sub").mkdir()
    (repository / "sub" / "genesis.json5").write_text(RIGHT, encoding="utf-8")
    return repository


def texts(repository: Path) -> dict[str, str]:
    return {name: (repository / name).read_text(encoding="utf-8") for name in [*PATHS, "sub/genesis.json5"]}


def test_paths_are_never_options(odd: Path, clone: Path, home: Path) -> None:
    before = texts(odd)
    done = run_hook(odd, clone, home, "genesis-check")
    assert done.returncode == 1
    assert [name for name in PATHS if f"--> ./{name}:1:34" not in done.stdout] == []
    assert texts(odd) == before

    done = run_hook(odd, clone, home, "genesis-fix")
    assert done.returncode == 1
    assert texts(odd) == dict.fromkeys(before, RIGHT)


@pytest.mark.parametrize("name", PATHS)
def test_a_single_path_is_not_an_option_either(name: str, odd: Path, clone: Path, home: Path) -> None:
    for hook_name, text in (("genesis-check", WRONG), ("genesis-fix", RIGHT)):
        done = run_hook(odd, clone, home, hook_name, files=f"^{re.escape(name)}$")
        assert done.returncode == 1
        assert (f"--> ./{name}:1:34" in done.stdout) == (text == WRONG)
        assert texts(odd) == {**dict.fromkeys(PATHS, WRONG), "sub/genesis.json5": RIGHT, name: text}


def test_arguments_from_users_remain_options(odd: Path, clone: Path, home: Path) -> None:
    done = run_hook(odd, clone, home, "genesis-check", args=["--ignore", "unknown-key", "--format=concise"])
    assert (done.returncode, "Passed" in done.stdout) == (0, True)
    done = run_hook(odd, clone, home, "genesis-check", args=["--fix"])
    assert done.returncode == 1
    assert set(texts(odd).values()) == {RIGHT}

    for name in PATHS:
        (odd / name).write_text(WARNED, encoding="utf-8")
    for hook_name in ("genesis-check", "genesis-fix"):
        done = run_hook(odd, clone, home, hook_name)
        assert (done.returncode, "Passed" in done.stdout) == (0, True)
        done = run_hook(odd, clone, home, hook_name, args=["--fail-on", "warning"])
        assert done.returncode == 1
        assert [name for name in PATHS if f"--> ./{name}:1:3" not in done.stdout] == []


@pytest.mark.parametrize("name", ["-oother.json5", "--env-file=other.json5", "--exit-zero"])
def test_paths_are_never_options_even_with_a_wider_pattern(
    name: str, repository: Path, clone: Path, home: Path
) -> None:
    before = (repository / "other.json5").read_text(encoding="utf-8")
    (repository / name).write_text(WRONG, encoding="utf-8")
    for hook_name in ("genesis-check", "genesis-fix"):
        done = run_hook(repository, clone, home, hook_name, files="", exclude=r"^\.pre-commit")
        assert (done.returncode, f"'./{name}'" in done.stdout) == (1, True)
        assert (repository / "other.json5").read_text(encoding="utf-8") == before
