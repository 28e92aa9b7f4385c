"""The shell commands of the GitHub action, which can be tested without GitHub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from tests.e2e.support import ROOT

STEPS = {step["name"]: step for step in yaml.safe_load((ROOT / "action.yml").read_bytes())["runs"]["steps"]}


def check_step(folder: Path, paths: str, fail_on: str = "error") -> subprocess.CompletedProcess[str]:
    """Run the check step in `folder` as a runner does. The report is `genesis.sarif` next to it."""
    binaries = folder.parent / "genesis" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "genesis").symlink_to(Path(sys.executable).parent / "genesis")
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS["Check"]["run"]],
        cwd=folder,
        env={**os.environ, "RUNNER_TEMP": str(folder.parent), "PATHS": paths, "FAIL_ON": fail_on},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def reported(folder: Path) -> list[tuple[str, str]]:
    """Return the rules and files in the report of the step."""
    results = json.loads((folder.parent / "genesis.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    return [
        (result["ruleId"], unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]))
        for result in results
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{ modles: 1 }", encoding="utf-8")


def test_the_check_step_writes_annotations_and_sarif(folder: Path) -> None:
    for name in ("a", "b"):
        write(folder / f"{name}.json5")
    done = check_step(folder, "a.json5 b.json5\n", "warning")
    assert done.returncode == 1
    assert done.stdout.startswith("::warning file=a.json5,line=1,")
    assert reported(folder) == [("unknown-section", "a.json5"), ("unknown-section", "b.json5")]


@pytest.mark.parametrize("name", ["-osub/genesis.json5", "--exit-zero", "--fail-on=error", "--", "-h"])
def test_a_path_in_the_input_is_never_an_option(name: str, folder: Path) -> None:
    write(folder / name)
    done = check_step(folder, name, "warning")
    assert (done.returncode, done.stderr) == (1, "")
    assert reported(folder) == [("unknown-section", name)]
    assert not (folder / "sub").exists()


def test_a_file_in_the_repository_is_never_an_option(folder: Path) -> None:
    """No file name and no pattern can become an option."""
    for name in ("--exit-zero", "a/genesis.json5", "a/b/c/genesis.json5"):
        write(folder / name)
    done = check_step(folder, "*", "warning")
    assert (done.returncode, done.stderr) == (1, "")
    assert {path for _, path in reported(folder)} == {"--exit-zero", "a/genesis.json5", "a/b/c/genesis.json5"}


def test_patterns_are_expanded_by_genesis_and_not_by_the_shell(folder: Path) -> None:
    for name in ("a/x.json5", "a/b/c/x.json5", "ignored/x.json5"):
        write(folder / name)
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text("ignored/\n", encoding="utf-8")
    assert check_step(folder, "**/x.json5").returncode == 0
    assert [path for _, path in reported(folder)] == ["a/b/c/x.json5", "a/x.json5"]


def test_without_paths_the_whole_repository_is_checked(folder: Path) -> None:
    write(folder / "a" / "genesis.json5")
    assert check_step(folder, "").returncode == 0
    assert [path for _, path in reported(folder)] == ["a/genesis.json5"]


def test_inputs_are_passed_to_the_shell_as_variables_and_never_as_text() -> None:
    scripts = [step["run"] for step in STEPS.values() if "run" in step]
    assert len(scripts) == 2
    assert not [script for script in scripts if "${{" in script]
