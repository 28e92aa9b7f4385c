"""`genesis check --fix`: in several files, as a diff that git applies, and with a reason for what is not fixed."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis

ROOT = (
    '{\n  models: { providers: { vllm: { $include: "./part.json5", modles: [{ id: "m", contextWindow: 9 }] } } },\n}\n'
)
PART = '{\r\n  baseURL: "http://10.0.0.5:8000/", // kept\r\n  // the end\r\n}'
FIXED = ROOT.replace("modles", "models")
FIXED_PART = PART.replace("baseURL", "baseUrl").replace("8000/", "8000/v1")


@pytest.fixture
def config(folder: Path) -> Path:
    path = folder / "genesis.json5"
    path.write_bytes(ROOT.encode())
    (folder / "part.json5").write_bytes(PART.encode())
    return path


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


RIGHT = {"genesis.json5": FIXED.encode(), "part.json5": FIXED_PART.encode()}


def test_included_files_are_fixed_together_with_the_root(genesis: Genesis, config: Path) -> None:
    done = genesis("check", "--fix")
    assert done.returncode == 0
    assert done.stdout.startswith("1 file checked: ")
    assert "no findings, 3 fixed" in done.stdout
    assert bytes_of(config.parent) == RIGHT


def test_a_file_included_twice_is_fixed_once(genesis: Genesis, config: Path) -> None:
    (config.parent / "other").mkdir()
    (config.parent / "second.json5").write_bytes(ROOT.encode())
    shown = genesis("check", "--fix", "--diff", "genesis.json5", "second.json5")
    assert shown.stdout.count("--- a/part.json5\n") == 1
    assert shown.stdout.count("+  baseUrl") == 1
    done = genesis("check", "--fix", "genesis.json5", "second.json5")
    assert done.returncode == 0
    assert done.stdout.startswith("2 files checked: ")
    assert "no findings, 4 fixed" in done.stdout
    assert bytes_of(config.parent) == {**RIGHT, "second.json5": FIXED.encode()}


def applied(folder: Path, shown: str) -> dict[str, bytes]:
    """Apply the diff shown before the findings with git. Return the resulting files."""
    diff, *_ = re.split(r"^(?:error|warning)\[", shown, maxsplit=1, flags=re.MULTILINE)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True, timeout=60)
    subprocess.run(["git", "apply", "-"], cwd=folder, check=True, timeout=60, input=diff.encode())
    return bytes_of(folder)


@pytest.mark.parametrize("second", ["./part.json5", "./other/../part.json5", "./link.json5"])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_file_under_two_names_is_changed_once(genesis: Genesis, config: Path, second: str, *, absolute: bool) -> None:
    folder = config.parent
    (folder / "link.json5").symlink_to("part.json5")
    two = folder / "two.json5"
    two.write_bytes(ROOT.replace("./part.json5", second).encode())
    done = genesis("check", "--fix", "--diff", "genesis.json5", str(two) if absolute else "two.json5")
    assert done.stdout.count("+  baseUrl") == 1
    after = applied(folder, done.stdout)
    assert after["part.json5"] == FIXED_PART.encode()
    assert after["two.json5"] == FIXED.replace("./part.json5", second).encode()


@pytest.mark.parametrize("names", [("genesis.json5", "./part.json5"), ("./part.json5", "genesis.json5")])
def test_a_file_that_is_named_and_included_is_changed_once(
    genesis: Genesis, config: Path, names: tuple[str, str]
) -> None:
    # It is checked as a configuration where it is named, and as a provider where it is included.
    whole = '{\n  models: { providers: { q: { baseUrl: "http://10.0.0.5:8000/v1", modles: [{ id: "m" }] } } },'
    whole = PART.replace("{", whole, 1)
    (config.parent / "part.json5").write_bytes(whole.encode())
    done = genesis("check", "--fix", "--diff", *names)
    after = applied(config.parent, done.stdout)
    assert after["part.json5"].decode() == (
        whole.replace("modles", "models").replace("baseURL", "baseUrl").replace('8000/"', '8000/v1"')
    )


@pytest.mark.parametrize("absolute", [False, True])
def test_git_applies_the_diff(genesis: Genesis, config: Path, *, absolute: bool) -> None:
    folder = config.parent
    (folder / "part.json5").write_bytes(PART.replace("the end", "the end, \u00e9 and more").encode())
    expected = {**RIGHT, "part.json5": FIXED_PART.replace("the end", "the end, \u00e9 and more").encode()}
    shown = genesis("check", "--fix", "--diff", str(config) if absolute else ".")
    assert "\\ No newline at end of file\n" in shown.stdout
    before = bytes_of(folder)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True, timeout=60)
    subprocess.run(["git", "apply", "-"], cwd=folder, check=True, timeout=60, input=shown.stdout.encode())
    assert before["genesis.json5"] == ROOT.encode()
    assert bytes_of(folder) == expected


@pytest.mark.parametrize("form", ["json", "sarif", "gitlab", "junit"])
def test_a_diff_and_a_report_for_a_program_are_not_printed_together(genesis: Genesis, config: Path, form: str) -> None:
    done = genesis("check", "--fix", "--diff", "--format", form)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--diff and the {form} report cannot both go to standard output" in done.stderr
    assert genesis("check", "--fix", "--diff", "--format", form, "-o", "-").returncode == 2
    done = genesis("check", "--fix", "--diff", "--format", form, "-o", "report")
    assert done.returncode == 1
    assert "+++ b/part.json5\n" in done.stdout
    assert (config.parent / "report").stat().st_size > 0
    assert bytes_of(config.parent)["part.json5"] == PART.encode()


def test_a_finding_that_is_not_fixed_is_not_called_fixable_and_explains_why(genesis: Genesis, config: Path) -> None:
    text = '{ models: { providers: { p: { apikey: "${P}",\n baseUrl: "http://llm.example.com/v1", modles: [] } } } }'
    config.write_text(text, encoding="utf-8")
    assert "2 errors (2 fixable with --fix)" not in genesis("check", "--fix").stdout
    report = json.loads(genesis("check", "--fix", "--format", "json").stdout)
    assert report["summary"]["fixable"] == 0
    help_ = {finding["rule"]: finding["help"] for finding in report["findings"]}
    assert help_["unknown-key"].endswith("; not fixed automatically: it would cause `cleartext-credential`")
    assert config.read_text(encoding="utf-8") == text.replace("modles", "models")


def test_a_read_only_file_is_reported_and_not_changed(genesis: Genesis, config: Path) -> None:
    (config.parent / "part.json5").chmod(0o444)
    done = genesis("check", "--fix")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "part.json5: it is read-only\n" in done.stderr
    assert "(2 fixable with --fix)" in done.stdout
    assert bytes_of(config.parent) == {"genesis.json5": ROOT.encode(), "part.json5": PART.encode()}
