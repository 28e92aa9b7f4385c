"""The hooks, run by the real pre-commit from this checkout, in a repository of somebody else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

WRONG = '{ models: { providers: { vllm: { modles: [{ id: "m", contextWindow: 8192 }] } } } }\n'


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository that holds this checkout as it is, committed or not."""
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


def hook(name: str, repository: Path, clone: Path, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(clone), name, "--all-files", "--color=never"]
    return subprocess.run(
        command,
        cwd=repository,
        env={**os.environ, "PRE_COMMIT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep the environment of the hooks, so that it is built once."""
    return tmp_path_factory.mktemp("pre-commit")


def test_the_hooks_find_and_put_right_what_is_wrong(repository: Path, clone: Path, home: Path) -> None:
    found = hook("genesis-check", repository, clone, home)
    assert found.returncode == 1
    assert "error[unknown-key]: unknown key `modles` in `models.providers.vllm`" in found.stdout
    assert "--> deploy/genesis.json5:1:34" in found.stdout
    assert "other.json5" not in found.stdout

    fixed = hook("genesis-fix", repository, clone, home)
    assert fixed.returncode == 1
    assert "files were modified by this hook" in fixed.stdout
    assert (repository / "deploy" / "genesis.json5").read_text(encoding="utf-8") == WRONG.replace("modles", "models")

    assert hook("genesis-check", repository, clone, home).returncode == 0


def test_the_recipe_for_configurations_in_several_files(repository: Path, clone: Path, home: Path) -> None:
    recipes = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall("```yaml\n(.*?)```", recipes, re.DOTALL) if "pass_filenames" in block]
    commit_id = git(clone, "rev-parse", "HEAD").strip()
    block = block.replace("https://github.com/genesis-config/genesis", str(clone)).replace("v0.1.0", commit_id)
    (repository / ".pre-commit-config.yaml").write_text(block, encoding="utf-8")
    (repository / "other.json5").unlink()
    root = WRONG.replace('modles: [{ id: "m", contextWindow: 8192 }]', "$include: './part.json5'")
    (repository / "deploy" / "genesis.json5").write_text(root, encoding="utf-8")
    (repository / "deploy" / "part.json5").write_text('{ models: [{ id: "m", contextWindow: 8192 }] }\n', "utf-8")
    git(repository, "add", "--all")
    commit(repository)
    (repository / "deploy" / "part.json5").write_text('{ modles: [{ id: "m" }] }\n', encoding="utf-8")
    git(repository, "add", ".")
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--color=never"],
        cwd=repository,
        env={**os.environ, "PRE_COMMIT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "--> deploy/part.json5:1:3" in done.stdout
