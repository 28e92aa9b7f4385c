"""Genesis next to other distributions with a package or a command named `genesis`."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.e2e.support import ROOT

pytestmark = pytest.mark.slow

PYPROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "1"
[tool.setuptools]
packages = ["{package}"]
{scripts}"""


def build(source: Path, wheels: Path) -> None:
    """Build a wheel."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", wheels, source],
        check=True,
        timeout=120,
    )


def stand_in(folder: Path, name: str, package: str, scripts: str = "") -> Path:
    """Write the sources of a distribution with one package."""
    (folder / package).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT.format(name=name, package=package, scripts=scripts), "utf-8")
    text = f'NAME = "{name}"\n\n\ndef main():\n    print("this is {name}")\n'
    (folder / package / "__init__.py").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the commands in an environment with Genesis and then the others installed."""
    folder = tmp_path_factory.mktemp("names")
    copy = folder / "source"
    copy.mkdir()
    for name in ("compiler", "schema", "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(copy)], check=True)
    command = '[project.scripts]\ngenesis = "other_command:main"\n'
    wheels = folder / "wheels"
    build(copy, wheels)
    build(stand_in(folder / "physics", "genesis-world", "genesis"), wheels)
    build(stand_in(folder / "switch", "other-command", "other_command", command), wheels)
    environment = folder / "venv"
    venv.create(environment, with_pip=True, symlinks=True)
    # The dependencies of Genesis come from the environment of the tests.
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    (own,) = (environment / "lib").glob("python*/site-packages")
    pip: list[str | Path] = [environment / "bin" / "python", "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    for wheel in ("genesis_config", "genesis_world", "other_command"):
        (path,) = wheels.glob(f"{wheel}-*.whl")
        subprocess.run([*pip, path], check=True, timeout=120)
    (own / "dependencies.pth").write_text(f"{packages}\n", encoding="utf-8")
    return environment / "bin"


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
    return subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_both_packages_can_be_imported(shared: Path, tmp_path: Path) -> None:
    code = (
        "import genesis, genesis_config.runtime, genesis_config.testing; print(genesis.NAME, genesis_config.__file__)"
    )
    done = run(shared / "python", "-I", "-c", code, cwd=tmp_path)
    assert done.stderr == ""
    name, file = done.stdout.split()
    assert name == "genesis-world"
    assert Path(file).is_relative_to(shared.parent)  # the wheel, not the sources


def test_the_command_installed_last_has_the_short_name(shared: Path, tmp_path: Path) -> None:
    assert run(shared / "genesis", cwd=tmp_path).stdout == "this is other-command\n"


@pytest.mark.parametrize("command", ["genesis-config", "python -m genesis_config"])
def test_genesis_config_works_under_its_own_name(command: str, shared: Path, tmp_path: Path) -> None:
    program, *arguments = command.split()
    line: list[str | Path] = [shared / program, *arguments]
    assert run(*line, "init", cwd=tmp_path).returncode == 0
    assert "no findings" in run(*line, "check", cwd=tmp_path).stdout
    assert run(*line, "--version", cwd=tmp_path).stdout.startswith(f"{command} ")
    shown = run(*line, "check", "--help", cwd=tmp_path).stdout
    assert shown.startswith(f"Usage: {command} check ")
    assert f"\n    {command} check --fix --diff\n" in shown
    assert "genesis check" not in shown.replace(command, "")
    wrong = run(*line, "check", "--formt", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert f"usage: {command} check" in wrong.stderr


def test_the_demo_starts_its_subprocess_by_module(shared: Path, tmp_path: Path) -> None:
    # Genesis starts subprocesses by module, never by the name `genesis`.
    done = run(shared / "genesis-config", "demo", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
