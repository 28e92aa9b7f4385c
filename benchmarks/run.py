"""Benchmark start-up, large input and many files against alternatives: `python -m benchmarks.run`.

The commands run in turn, round after round, so that load on the machine affects all of them. The tables show the median
wall time and its ratio to `python -c pass`. Genesis is installed from its wheel into a new environment, as users do: an
editable install has import hooks that take time. Alternatives are measured if they are installed.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from benchmarks.large_config import large_config

_ROOT = Path(__file__).parent.parent


def main() -> None:
    """Measure, and print a table for each input."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        binaries = _install(directory)
        small = _ROOT / "fixtures/documented/explicit/genesis.json5"
        large = directory / "large.json5"
        large.write_text(large_config(), encoding="utf-8")
        many = [directory / "many" / f"{number:04}.json5" for number in range(1000)]
        many[0].parent.mkdir()
        for number, path in enumerate(many):
            path.write_text(large_config(6, first=number), encoding="utf-8")
        inputs = (
            ("the explicit example", [small], 20),
            ("10,000 models, 3.1 MB", [large], 5),
            (f"1,000 files of {many[0].stat().st_size / 1000:.1f} KB", many, 5),
        )
        for title, configs, rounds in inputs:
            paths = list(map(str, configs))
            commands = {
                "python -c pass": [str(binaries / "python"), "-c", "pass"],
                "genesis check": [str(binaries / "genesis"), "check", *paths],
                **_alternatives(paths),
            }
            print(f"\n{title}")
            times = _measure(commands, rounds)
            base = times["python -c pass"]
            for command, seconds in times.items():
                print(f"  {command:<28} {seconds * 1000:8.1f} ms {seconds / base:7.1f} x")


def _install(directory: Path) -> Path:
    """Install Genesis from its wheel. Return the directory of its commands."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(directory), str(_ROOT)]
    subprocess.run(pip, check=True)
    venv.create(directory / "venv", with_pip=True)
    binaries = directory / "venv" / "bin"
    wheel = next(directory.glob("*.whl"))
    subprocess.run([str(binaries / "python"), "-m", "pip", "install", "--quiet", str(wheel)], check=True)
    return binaries


def _alternatives(paths: list[str]) -> dict[str, list[str]]:
    """Return the commands of other installed validators for the same files and schema."""
    schema = str(_ROOT / "schema" / "config.schema.json")
    commands = {
        "check-jsonschema": ["check-jsonschema", "--schemafile", schema, *paths],
        "ajv-cli": [
            "ajv",
            "validate",
            "--spec=draft2020",
            "--strict=false",
            "-s",
            schema,
            *(f"-d={path}" for path in paths),
        ],
    }
    return {name: command for name, command in commands.items() if shutil.which(command[0])}


def _measure(commands: dict[str, list[str]], rounds: int) -> dict[str, float]:
    """Return each command's median wall time in seconds."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if number:  # the first round fills the disk cache
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(samples) for name, samples in times.items()}


if __name__ == "__main__":
    main()
