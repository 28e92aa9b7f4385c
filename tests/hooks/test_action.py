"""The action for GitHub, as far as it can be tried without GitHub: its steps' shell commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.support import ROOT

ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")


def test_the_check_step_writes_annotations_and_sarif(tmp_path: Path) -> None:
    (command,) = re.findall(r'"\$RUNNER_TEMP/genesis/bin/genesis" (.*)', ACTION)
    binaries = tmp_path / "genesis" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "genesis").symlink_to(Path(sys.executable).parent / "genesis")
    for name in ("a", "b"):
        (tmp_path / f"{name}.json5").write_text("{ modles: 1 }", encoding="utf-8")

    done = subprocess.run(
        ["bash", "-c", f'"$RUNNER_TEMP/genesis/bin/genesis" {command}'],
        cwd=tmp_path,
        env={**os.environ, "RUNNER_TEMP": str(tmp_path), "PATHS": "a.json5 b.json5", "FAIL_ON": "warning"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout.startswith("::warning file=a.json5,line=1,")
    results = json.loads((tmp_path / "genesis.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert [each["ruleId"] for each in results] == ["unknown-section", "unknown-section"]


def test_inputs_reach_the_shell_as_variables_and_never_as_text() -> None:
    for line in re.findall(r"run: .*|^ +\".*", ACTION, re.MULTILINE):
        assert "${{" not in line
