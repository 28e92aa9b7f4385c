"""Compare linters on twelve real mistakes, and write docs/comparison.md: `python -m benchmarks.comparison`.

The tools are installed from their registries into a temporary directory and run on the files in fixtures/comparison. A
mistake counts as found if the tool fails, and as located if the tool reports the line given in the file's first line.
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


class Outcome(NamedTuple):
    """The outcome of a tool on a file: whether it fails, the places it reports, and whether it offers a fix."""

    fails: bool
    places: tuple[tuple[int, int], ...] = ()
    fix: bool = False


class Case(NamedTuple):
    """A file, the mistake in it, and the line of the mistake."""

    path: Path
    mistake: str
    line: int


def read_cases() -> list[Case]:
    """Read the cases from the first lines of the files."""
    cases = []
    for path in CASES:
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        match = re.fullmatch(r"// (.*): line (\d+)", first)
        if match is None:
            raise ValueError(f"{path} does not name its mistake in the first line")
        cases.append(Case(path, match[1], int(match[2])))
    return cases


def genesis(path: Path) -> Outcome:
    """Run `genesis check`; findings of severity info do not count."""
    command = [sys.executable, "-m", "genesis_config", "check", "--format", "json", str(path)]
    report = json.loads(_run(command).stdout)
    findings = [finding for finding in report["findings"] if finding["severity"] != "info"]
    places = tuple((finding["line"], finding["column"]) for finding in findings)
    return Outcome(bool(findings), places, any(finding["fix"] for finding in findings))


def cell(case: Case, outcome: Outcome) -> str:
    """Return the table cell for a tool's outcome on a case."""
    if not outcome.fails:
        return "no"
    if case.mistake.startswith("Two ") and not any(line == case.line for line, _ in outcome.places):
        return "first only"
    place = next((f"{line}:{column}" for line, column in outcome.places if line == case.line), "yes")
    return f"{place}, fix" if outcome.fix else place


def main() -> None:
    """Run all tools on all files, and write the page."""
    with tempfile.TemporaryDirectory() as name:
        tools = {"genesis": genesis, **_install_others(Path(name))}
        rows = [[case.mistake, *(cell(case, tool(case.path)) for tool in tools.values())] for case in read_cases()]
    lines = ["| mistake | " + " | ".join(tools) + " |", "|---" * (len(tools) + 1) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    counts = [sum(row[index] not in {"no", "first only"} for row in rows) for index in range(1, len(tools) + 1)]
    lines.append(f"| **found of {len(rows)}** | {' | '.join(map(str, counts))} |")
    PAGE.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _install_others(directory: Path) -> dict[str, Callable[[Path], Outcome]]:
    """Install the other tools. Return a function for each that runs it, by its name and version."""
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    pip = [str(directory / "bin" / "pip"), "install", "--quiet", "jsonvet", "check-jsonschema", "pyjson5"]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    npm = ["npm", "install", "--silent", "--prefix", str(directory), "ajv-cli@5", "json5"]
    subprocess.run(npm, check=True, stdout=subprocess.DEVNULL)

    def jsonvet(path: Path) -> Outcome:
        command = [
            str(directory / "bin/jsonvet"),
            "--no-config",
            "--format",
            "json",
            "--schema",
            str(SCHEMA),
            str(path),
        ]
        problems: Any = json.loads(_run(command).stdout)["diagnostics"]
        return Outcome(bool(problems), tuple((problem["line"], problem["column"]) for problem in problems))

    def check_jsonschema(path: Path) -> Outcome:
        done = _run([str(directory / "bin/check-jsonschema"), "--schemafile", str(SCHEMA), str(path)])
        return Outcome(done.returncode != 0)

    def ajv(path: Path) -> Outcome:
        options = ["--spec=draft2020", "--strict=false", "-s", str(SCHEMA), "-d", str(path)]
        return Outcome(_run([str(directory / "node_modules/.bin/ajv"), "validate", *options]).returncode != 0)

    return {
        _version(directory / "bin/jsonvet"): jsonvet,
        _version(directory / "bin/check-jsonschema").replace(", version", ""): check_jsonschema,
        "ajv-cli 5": ajv,
    }


def _version(tool: Path) -> str:
    return _run([str(tool), "--version"]).stdout.strip()


if __name__ == "__main__":
    main()
