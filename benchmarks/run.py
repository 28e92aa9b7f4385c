"""Start-up, large input and many files, measured beside what users would use instead: `python -m benchmarks.run`.

Every command runs in turn, round after round, so that a busy moment of the machine falls on all of them. Shown is the
median of the wall time and its ratio to `python -c pass`. Genesis is installed from its wheel into a fresh environment,
as users have it: an editable install pays for its own import hooks. Peers are measured where they are installed.
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
        folder = Path(name)
        binaries = _install(folder)
        small = _ROOT / "fixtures/documented/explicit/genesis.json5"
        large = folder / "large.json5"
        large.write_text(large_config(), encoding="utf-8")
        many = [folder / "many" / f"{number:04}.json5" for number in range(1000)]
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
                **_peers(paths),
            }
            print(f"\n{title}")
            times = _measure(commands, rounds)
            base = times["python -c pass"]
            for command, seconds in times.items():
                print(f"  {command:<28} {seconds * 1000:8.1f} ms {seconds / base:7.1f} x")


def _install(folder: Path) -> Path:
    """Install Genesis from its wheel, and give the folder of its commands."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(_ROOT)]
    subprocess.run(pip, check=True)
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    wheel = next(folder.glob("*.whl"))
    subprocess.run([str(binaries / "python"), "-m", "pip", "install", "--quiet", str(wheel)], check=True)
    return binaries


def _peers(paths: list[str]) -> dict[str, list[str]]:
    """List the other validators that this machine has, on the same files and schema."""
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
    """Give each command's median wall time in seconds."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if number:  # the first one warms the disk's cache
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


if __name__ == "__main__":
    main()
