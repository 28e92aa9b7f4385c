"""Twelve real mistakes, and who finds them: writes docs/comparison.md (`python -m benchmarks.comparison`).

The tools are installed from their registries into a temporary folder, and run on the files in fixtures/comparison. A
mistake counts as found where the tool fails, and as placed where it names the line that the file's first line names.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "comparison.md"
CASES = sorted((ROOT / "fixtures" / "comparison").glob("*.json5"))
SCHEMA = ROOT / "schema" / "config.schema.json"

_HEAD = """<!-- Written by benchmarks/comparison.py, which runs all of them: `python -m benchmarks.comparison`. -->
# Comparison

This page compares Genesis with linters that use its JSON Schema. The input is twelve mistakes from real configurations,
one in each file of [fixtures/comparison](../fixtures/comparison).

| cell | meaning |
|---|---|
| 7:17 | found, with the line and column that the tool reports |
| yes | found, without the right location |
| first only | only the first of two mistakes is found |
| no | not found |
| fix | the tool can fix it |

"""


class Found(NamedTuple):
    """What a tool makes of a file: whether it fails, the places it names, and whether it has a fix."""

    fails: bool
    places: tuple[tuple[int, int], ...] = ()
    fix: bool = False


class Case(NamedTuple):
    """A file, the mistake in it, and the line that it is on."""

    path: Path
    mistake: str
    line: int


def cases() -> list[Case]:
    """Read what each file says of itself."""
    found = []
    for path in CASES:
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        match = re.fullmatch(r"// (.*): line (\d+)", first)
        if match is None:
            raise ValueError(f"{path} does not say what is wrong with it")
        found.append(Case(path, match[1], int(match[2])))
    return found


def genesis(path: Path) -> Found:
    """Run `genesis check`; notes are no findings here."""
    command = [sys.executable, "-m", "genesis_config", "check", "--format", "json", str(path)]
    report = json.loads(_run(command).stdout)
    findings = [each for each in report["findings"] if each["severity"] != "info"]
    places = tuple((each["line"], each["column"]) for each in findings)
    return Found(bool(findings), places, any(each["fix"] for each in findings))


def cell(case: Case, found: Found) -> str:
    """Write what a tool makes of a case."""
    if not found.fails:
        return "no"
    if case.mistake.startswith("Two ") and not any(line == case.line for line, _ in found.places):
        return "first only"
    place = next((f"{line}:{column}" for line, column in found.places if line == case.line), "yes")
    return f"{place}, fix" if found.fix else place


def main() -> None:
    """Run all tools on all files, and write the page."""
    with tempfile.TemporaryDirectory() as name:
        tools = {"genesis": genesis, **_others(Path(name))}
        rows = [[case.mistake, *(cell(case, tool(case.path)) for tool in tools.values())] for case in cases()]
    lines = ["| mistake | " + " | ".join(tools) + " |", "|---" * (len(tools) + 1) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    counts = [sum(row[index] not in {"no", "first only"} for row in rows) for index in range(1, len(tools) + 1)]
    lines.append(f"| **found of {len(rows)}** | {' | '.join(map(str, counts))} |")
    PAGE.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _others(folder: Path) -> dict[str, Callable[[Path], Found]]:
    """Install the other tools, and give how each is run; the heading names its version."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "jsonvet", "check-jsonschema", "pyjson5"]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    npm = ["npm", "install", "--silent", "--prefix", str(folder), "ajv-cli@5", "json5"]
    subprocess.run(npm, check=True, stdout=subprocess.DEVNULL)

    def jsonvet(path: Path) -> Found:
        command = [str(folder / "bin/jsonvet"), "--no-config", "--format", "json", "--schema", str(SCHEMA), str(path)]
        problems: Any = json.loads(_run(command).stdout)["diagnostics"]
        return Found(bool(problems), tuple((each["line"], each["column"]) for each in problems))

    def check_jsonschema(path: Path) -> Found:
        done = _run([str(folder / "bin/check-jsonschema"), "--schemafile", str(SCHEMA), str(path)])
        return Found(done.returncode != 0)

    def ajv(path: Path) -> Found:
        options = ["--spec=draft2020", "--strict=false", "-s", str(SCHEMA), "-d", str(path)]
        return Found(_run([str(folder / "node_modules/.bin/ajv"), "validate", *options]).returncode != 0)

    return {
        _version(folder / "bin/jsonvet"): jsonvet,
        _version(folder / "bin/check-jsonschema").replace(", version", ""): check_jsonschema,
        "ajv-cli 5": ajv,
    }


def _version(tool: Path) -> str:
    return _run([str(tool), "--version"]).stdout.strip()


if __name__ == "__main__":
    main()
