"""The output for every case in fixtures/."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import FIXTURES, snapshot_file

if TYPE_CHECKING:
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

    from tests.e2e.support import Genesis

BROKEN = sorted(path.parent for path in (FIXTURES / "broken").glob("*/genesis.json5"))
DOCUMENTED = sorted(path.parent for path in (FIXTURES / "documented").glob("*/genesis.json5"))


def test_the_cases_exist() -> None:
    assert len(BROKEN) >= 20
    assert [path.name for path in DOCUMENTED] == ["explicit", "implicit", "remote"]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_broken_configuration(case: Path, genesis: Genesis, snapshot: SnapshotAssertion) -> None:
    first = (case / "genesis.json5").read_bytes().partition(b"\n")[0].decode()
    expected = sorted(first.removeprefix("// expects: ").split(", "))

    text = genesis("check", "genesis.json5", cwd=case)
    report = json.loads(genesis("check", "genesis.json5", "--format", "json", cwd=case).stdout)

    assert text.stdout == snapshot_file(snapshot, case / "findings.txt")
    assert sorted(finding["rule"] for finding in report["findings"]) == expected
    errors = any(finding["severity"] == "error" for finding in report["findings"])
    assert text.returncode == int(errors)
    assert text.stderr == ""
    # Every finding in the JSON report is also in the text, with the same place.
    for finding in report["findings"]:
        assert f"{finding['path']}:{finding['line']}:{finding['column']}\n" in text.stdout
        assert f"{finding['severity']}[{finding['rule']}]" in text.stdout


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_no_control_characters_are_printed(case: Path, genesis: Genesis) -> None:
    printed = genesis("check", "genesis.json5", cwd=case).stdout
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]", printed)


@pytest.mark.parametrize("case", DOCUMENTED, ids=lambda case: case.name)
def test_documented_configuration_is_clean(case: Path, genesis: Genesis) -> None:
    done = genesis("check", "genesis.json5", cwd=case)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 file checked: no findings\n", "")


@pytest.mark.parametrize("case", DOCUMENTED, ids=lambda case: case.name)
def test_documented_manifest(case: Path, genesis: Genesis, snapshot: SnapshotAssertion) -> None:
    # Discovered models are in a lock file next to the configuration, so the manifest is as with a server.
    frozen = ["--frozen"] if (case / "genesis.lock.json").exists() else []
    done = genesis("compile", "genesis.json5", *frozen, cwd=case, env={"VLLM_API_KEY": "canary-7f3a"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "canary-7f3a" not in done.stdout
    assert done.stdout == snapshot_file(snapshot, case / "manifest.json")
