"""Hostile keys, values, file names and include paths cannot affect the reader of a report."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis

FORMATS = ["text", "concise", "json", "sarif", "github", "gitlab", "junit"]
WORDS = "\x1b[31mred \u202e\u2066 ::error::no\n::error::own\r\n::warning file=a::x\x85%0A::notice::y ]]> <b>&\"' \x9b1m"
WORDS += " ##[add-mask]m ##vso[task.setvariable variable=v]w ##VSO[x]"
# A file name cannot contain a slash or NUL, and is limited in length.
NAME = WORDS.replace("/", "")
# A line that starts with one of these would be a workflow command.
NAMES = {"escapes": NAME, "command": f"::error::pwned{NAME[-60:]}", "blank": " ::warning::x"}
LONG = "k" * 1_000_000


def written(text: str) -> str:
    """Return a JSON5 string with the content `text`, in which control characters are escaped only if required."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'


def contents() -> dict[str, str]:
    key = written(WORDS)
    nul = '"a\\0\\x1b[2J"'
    return {
        "keys": f"{{ {key}: 1, models: {{ {key}: 1, {nul}: 2, providers: {{ {key}: {{ {key}: 1 }} }} }} }}",
        "values": f"{{ agents: {{ defaults: {{ model: {{ primary: {key}, fallbacks: [{nul}, {key}, {key}] }} }} }} }}",
        "urls": f"{{ models: {{ providers: {{ p: {{ baseUrl: {key}, api: {key}, models: [{{ id: {key} }}] }} }} }} }}",
        "references": f'{{ models: {{ providers: {{ p: {{ params: {{ a: "${{X:?" + {key} + "}}" }} }} }} }} }}',
        "includes": f"{{ models: {{ $include: [{key}, {nul}, './gone.json5'] }} }}",
        "comments": f"{{ // genesis: ignore[unknown-key] \x1b[31m \u202e ::error::z\n {key}: 1 }}",
        "ignores": "{ // genesis: ignore[\x1b[31m\u202e::error::] ::error::z \n }",
        "bytes": '{ models: "\x00\x1b[31m\n::error::q\n',
        "long": f"{{ models: {{ {LONG}: 1, '{LONG}{WORDS[:9]}': {{}} }}, {LONG}: 2 }}",
    }


def harmless(output: str, form: str) -> None:
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", output)
    assert not re.search(r"(?i)##(vso)?\[", output)
    commands = [line for line in output.split("\n") if line.lstrip().startswith("::")]
    if form == "github":
        assert all(re.match("::(error|warning|notice) (file=.*,)?title=[a-z0-9-]+::[^:]", line) for line in commands)
    else:
        assert commands == []
    assert len(output) < 200_000
    if form in {"json", "sarif", "gitlab"}:
        json.loads(output)
    if form == "junit":
        ET.fromstring(output)


@pytest.mark.parametrize("case", contents())
@pytest.mark.parametrize("form", FORMATS)
def test_hostile_content_in_a_file_with_a_hostile_name(form: str, case: str, genesis: Genesis, folder: Path) -> None:
    check_hostile(form, case, NAME, genesis, folder)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMATS)
def test_a_hostile_name(form: str, name: str, genesis: Genesis, folder: Path) -> None:
    check_hostile(form, "keys", NAMES[name], genesis, folder)


def check_hostile(form: str, case: str, name: str, genesis: Genesis, folder: Path) -> None:
    inside = folder / name
    inside.mkdir()
    (inside / "genesis.json5").write_text(contents()[case], encoding="utf-8", newline="")
    done = genesis("check", "--format", form, name)
    assert done.returncode in {0, 1}
    assert done.stdout
    harmless(done.stdout, form)
    assert done.stderr == ""


@pytest.mark.parametrize("form", FORMATS)
def test_findings_in_an_included_file_with_a_hostile_name(form: str, genesis: Genesis, folder: Path) -> None:
    (folder / f"{NAME}.json5").write_text("{ wrong: 1, providers: [] }", encoding="utf-8")
    (folder / "genesis.json5").write_text(f"{{ models: {{ $include: {written(f'./{NAME}.json5')} }} }}", newline="")
    done = genesis("check", "--format", form)
    assert (done.returncode, done.stderr) == (1, "")
    harmless(done.stdout, form)


@pytest.mark.parametrize("arguments", [["--diff", "--fix"], ["--fix"]], ids=["diff", "fix"])
def test_a_fix_of_a_hostile_file(arguments: list[str], genesis: Genesis, folder: Path) -> None:
    inside = f"// {WORDS[:20]}\n/*\n::notice::n\n ##[group]g\n*/ baseURL: 'http://h/v1', x: {written(WORDS)}"
    text = f"{{ models: {{ providers: {{ vllm: {{ {inside} }} }} }} }}"
    path = folder / f"{NAME}.json5"
    path.write_text(text, encoding="utf-8", newline="")
    done = genesis("check", *arguments, path.name)
    harmless(done.stdout, "text")
    assert done.stderr == ""
    changed = path.read_bytes().decode()
    assert changed == (text if "--diff" in arguments else text.replace("baseURL", "baseUrl"))


@pytest.mark.parametrize("form", FORMATS)
def test_a_missing_file_and_invalid_settings(form: str, genesis: Genesis, folder: Path) -> None:
    done = genesis("check", "--format", form, f"{NAME}.json5")
    assert done.returncode == 2
    harmless(done.stderr, "text")
    (folder / "genesis.json5").write_text("{}", encoding="utf-8")
    (folder / "genesis.toml").write_text(f"ignore = [{json.dumps(WORDS)}]\n", encoding="utf-8")
    done = genesis("check", "--format", form)
    assert done.returncode == 2
    harmless(done.stderr, "text")
