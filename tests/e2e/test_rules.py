"""Every rule by itself: its bad example has only this finding, its good example has none."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.rules.registry import load_rules
from genesis_config.testing import ServedModel, serving
from tests.e2e.support import FIXTURES, ROOT, snapshot_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

    from tests.e2e.support import Genesis

RULES = FIXTURES / "rules"
CATALOGUE = load_rules()

# Rules for which `explain` describes the file instead of showing it.
DESCRIBED = {"not-utf8", "too-deep", "too-large"}


@contextlib.contextmanager
def _address(server: dict[str, Any] | None) -> Iterator[str]:
    """Yield the address of the server that a case needs or, if it needs none, of a closed port."""
    if server is None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            yield f"127.0.0.1:{taken.getsockname()[1]}"
    else:
        models = [ServedModel(name, max_model_len=8192) for name in server["models"]]
        with serving(models, api_key=server.get("key")) as running:
            yield running.base_url.removeprefix("http://").removesuffix("/v1")


def findings(name: str, side: str, genesis: Genesis, folder: Path) -> str:
    """Run a case with the settings in its `case.json`. Return the findings as text."""
    shutil.copytree(RULES / name / side, folder, dirs_exist_ok=True)
    config = folder / "genesis.json5"
    case = json.loads((folder / "case.json").read_text("utf-8")) if (folder / "case.json").exists() else {}
    data = config.read_bytes()
    with _address(case.get("server")) as address:
        if case.get("command") == "compile":
            config.write_bytes(data.replace(b"127.0.0.1:8000", address.encode()))
            done = genesis("compile", *case.get("arguments", ()), env=case.get("env"))
            assert (done.returncode == 0) == done.stdout.startswith("{")
            return done.stderr.replace(address, "127.0.0.1:8000")
        config.write_bytes(data.ljust(case.get("padTo", 0)))
        done = genesis("check")
        assert done.stderr == ""
        return done.stdout


def test_fixtures_documentation_and_explain_cover_the_same_rules(genesis: Genesis) -> None:
    sections = re.findall("^## (.+)$", (ROOT / "docs" / "rules.md").read_text("utf-8"), re.MULTILINE)
    assert sections == list(CATALOGUE)
    assert re.findall("^[a-z0-9-]+", genesis("explain").stdout, re.MULTILINE) == list(CATALOGUE)
    assert {path.name for path in RULES.iterdir()} == CATALOGUE.keys()
    assert {(path.parent.name, path.name) for path in RULES.glob("*/*")} == {
        (name, side) for name in CATALOGUE for side in ("bad", "good")
    }


@pytest.mark.parametrize("side", ["bad", "good"])
@pytest.mark.parametrize("name", sorted(CATALOGUE.keys() - DESCRIBED))
def test_the_case_is_the_example_shown_by_explain(name: str, side: str) -> None:
    shown = getattr(CATALOGUE[name], side)
    assert (RULES / name / side / "genesis.json5").read_text("utf-8") == f"{shown}\n"


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_bad_example_has_only_this_finding(
    name: str, genesis: Genesis, folder: Path, snapshot: SnapshotAssertion
) -> None:
    text = findings(name, "bad", genesis, folder)
    reported = re.findall(r"^(\w+)\[([a-z0-9-]+)\]: ", text, re.MULTILINE)
    assert reported == [(CATALOGUE[name].severity, name)]
    assert text == snapshot_file(snapshot, RULES / name / "bad" / "findings.txt")


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_good_example_has_no_findings(name: str, genesis: Genesis, folder: Path) -> None:
    text = findings(name, "good", genesis, folder)
    if (RULES / name / "good" / "case.json").exists():
        assert text == ""
    else:
        assert "no findings" in text
        assert ("1 ignored" in text) == (name == "unused-ignore")


@pytest.mark.parametrize("name", [name for name, rule in CATALOGUE.items() if rule.fixable])
def test_the_fix_makes_the_bad_example_clean(name: str, genesis: Genesis, folder: Path) -> None:
    findings(name, "bad", genesis, folder)
    genesis("check", "--fix")
    assert "no findings" in genesis("check").stdout


def test_rules_beyond_check_need_the_environment_or_a_server() -> None:
    compiled = {
        path.parent.parent.name
        for path in RULES.glob("*/bad/case.json")
        if json.loads(path.read_text("utf-8")).get("command") == "compile"
    }
    # `check` uses a lock file too.
    assert compiled == {name for name, rule in CATALOGUE.items() if rule.needs_more} - {"lock-stale"}
