"""`genesis check` as run by hooks, CI jobs and users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import COMMAND, FIXTURES, on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis

CLEAN = FIXTURES / "documented" / "explicit" / "genesis.json5"
BROKEN = FIXTURES / "broken" / "misspelled-key" / "genesis.json5"
WARNED = FIXTURES / "broken" / "repeated-fallback" / "genesis.json5"


@pytest.mark.parametrize("name", ["explicit", "implicit", "remote"])
def test_documented_configurations_are_clean_in_an_empty_environment(name: str) -> None:
    path = FIXTURES / "documented" / name / "genesis.json5"
    done = subprocess.run([*COMMAND, "check", str(path)], env={}, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1 file checked: no findings\n", b"")


def test_a_clean_file_causes_no_unnecessary_imports() -> None:
    script = (
        "import sys\n"
        "from genesis_config.cli.checking import run_check\n"
        "code = run_check(sys.argv[1:])\n"
        "heavy = {'aiohttp', 'asyncio', 'click', 'dataclasses', 'json5', 'jsonschema', 'msgspec', 'pathlib', 'rich',\n"
        "         'platformdirs', 'dotenv', 'difflib', 'json', 'genesis_config.manifest',\n"
        "         'genesis_config.config.positions', 'genesis_config.config.violations',\n"
        "         'genesis_config.report.redaction', 'genesis_config.syntax.careful'}\n"
        "loaded = heavy & set(sys.modules) - before\n"
        "sys.exit(code or ', '.join(sorted(loaded)) or 0)\n"
    )
    script = script.replace("import sys\n", "import sys\nbefore = set(sys.modules)\n", 1)
    done = subprocess.run(
        [sys.executable, "-c", script, str(CLEAN)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_exit_codes(genesis: Genesis) -> None:
    assert genesis("check", str(CLEAN)).returncode == 0
    assert genesis("check", str(WARNED)).returncode == 0
    assert genesis("check", str(WARNED), "--fail-on", "warning").returncode == 1
    assert genesis("check", str(BROKEN)).returncode == 1
    assert genesis("check", str(BROKEN), "--format", "json").returncode == 1
    assert genesis("check", "--formt", "json").returncode == 2
    assert genesis("chek").returncode == 2


def test_an_unreadable_file_is_an_error_and_hides_no_other_file(genesis: Genesis, folder: Path) -> None:
    done = genesis("check", "missing.json5", str(BROKEN))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "missing.json5: No such file or directory\n" in done.stderr
    assert "error[unknown-key]" in done.stdout
    assert "1 file checked: 1 error" in done.stdout
    assert not list(folder.iterdir())


def test_the_error_without_files_names_what_was_searched_for(genesis: Genesis) -> None:
    done = genesis("check")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "error: no genesis.json5 or genesis.json in this directory\n  = help: run `genesis init` to create one\n"
    )


def test_directories_are_searched_in_a_fixed_order(genesis: Genesis, folder: Path) -> None:
    for name in ("b/genesis.json", "a/genesis.json5", ".hidden/genesis.json5", "a/other.json5", "genesis.json5"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{ modles: 1 }", encoding="utf-8")
    report = json.loads(genesis("check", "--format", "json").stdout)
    assert [finding["path"] for finding in report["findings"]] == ["a/genesis.json5", "b/genesis.json", "genesis.json5"]
    assert report["summary"] == {
        "files": 3,
        "errors": 0,
        "warnings": 3,
        "infos": 0,
        "ignored": 0,
        "fixable": 0,
        "fixed": 0,
    }


def test_standard_input(genesis: Genesis) -> None:
    done = genesis("check", "-", stdin="{ models: { provider: {} } }")
    assert done.returncode == 1
    assert " --> <stdin>:1:13\n" in done.stdout


def test_several_files_are_checked_in_one_run(genesis: Genesis, folder: Path) -> None:
    for number in range(50):
        (folder / f"{number:02}.json5").write_text(CLEAN.read_text("utf-8"), encoding="utf-8")
    done = genesis("check", *(f"{number:02}.json5" for number in range(50)), str(CLEAN), str(CLEAN))
    assert done.returncode == 0
    assert done.stdout.startswith("51 files checked: no findings")


def test_variables_are_unknown_without_an_env_file(genesis: Genesis, folder: Path) -> None:
    text = '{ models: { providers: { vllm: { api: "${API:-nonsense}", models: [{ id: "${MODEL}" }] } } } }'
    (folder / "genesis.json5").write_text(text, encoding="utf-8")
    (folder / "some.env").write_text("API=also-nonsense\n", encoding="utf-8")

    alone = genesis("check", "--ignore", "assumed-context-window", env={"API": "seen", "MODEL": "seen"})
    from_file = genesis("check", "--env-file", "some.env")
    environment = genesis("check", "--use-env", env={"API": "openai-completions"})

    assert alone.returncode == 0
    assert alone.stdout.startswith("1 file checked: no findings")
    assert "the API `also-nonsense`" in from_file.stdout
    assert "1 file checked: 1 error, 1 info\n" in from_file.stdout
    assert "error[unset-variable]: the variable `MODEL` is not set" in environment.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A=1\nthis is canary-4be1c09d\nB=2\n", "odd.env:2: not an assignment\n  = help: use the form NAME=value"),
        (b"A=1\n\n \n\nthis is canary-4be1c09d\n", "odd.env:5: not an assignment\n  = help: use the form NAME=value"),
        (b"\xff\xfeA\x00=\x001\x00", "odd.env is not valid UTF-8"),
        (b"A=caf\xe9\n", "odd.env is not valid UTF-8"),
    ],
    ids=["no assignment", "below empty lines", "UTF-16", "latin-1"],
)
def test_an_invalid_env_file(content: bytes, message: str, genesis: Genesis, folder: Path) -> None:
    (folder / "odd.env").write_bytes(content)
    done = genesis("check", "--env-file", "odd.env", str(CLEAN))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")


def test_an_env_file_in_every_supported_syntax(genesis: Genesis, folder: Path) -> None:
    text = b"\xef\xbb\xbf# first\nexport API='openai-completions'\nEMPTY=\nBARE\nMORE=\"$API\"\n"
    (folder / "some.env").write_bytes(text)
    config = '{ models: { providers: { vllm: { api: "${API}", models: [{ id: "${MORE}", contextWindow: 8 }] } } } }'
    (folder / "genesis.json5").write_text(config, encoding="utf-8")
    made = json.loads(genesis("compile", "--env-file", "some.env").stdout)
    assert [model["id"] for model in made["providers"]["vllm"]["models"]] == ["$API"]


@pytest.mark.parametrize("command", ["check", "compile"])
def test_an_endless_file_is_too_large(command: str, genesis: Genesis) -> None:
    done = genesis(command, "/dev/zero")
    assert done.returncode == 1
    assert "error[too-large]" in done.stdout + done.stderr
    assert "16 MiB" in done.stdout + done.stderr


def test_a_missing_env_file(genesis: Genesis) -> None:
    done = genesis("check", "--env-file", "missing.env", str(CLEAN))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "missing.env: No such file or directory\n" in done.stderr


def test_a_closed_pipe_is_not_an_error(folder: Path) -> None:
    # More findings than fit into a pipe.
    keys = ", ".join(f"key{number}: 1" for number in range(2000))
    (folder / "genesis.json5").write_text(f"{{ models: {{ {keys} }} }}", encoding="utf-8")
    with subprocess.Popen(
        [*COMMAND, "check", "."], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


def test_color_is_used_only_on_terminals(genesis: Genesis) -> None:
    assert "\x1b" not in genesis("check", str(BROKEN), env={"TERM": "xterm-256color"}).stdout


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_color_on_a_terminal(no_color: str, coloured: bool) -> None:  # noqa: FBT001 - a table
    code, shown = on_terminal("check", str(BROKEN), env={"NO_COLOR": no_color})
    assert code == 1
    assert ("\x1b[1;31merror[unknown-key]" in shown) is coloured
    assert "unknown key" in shown


def test_a_bug_is_reported_without_its_message(folder: Path) -> None:
    script = (
        "import genesis_config.cli.checking as checking, genesis_config.__main__ as entrance, sys\n"
        "def crash(*_, **__): raise RuntimeError('sk-canary')\n"
        "checking.run_check = crash\n"
        "sys.argv = ['genesis', 'check', 'x']\n"
        "entrance.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=folder, timeout=60, check=False
    )
    assert done.returncode == 3
    assert done.stderr.startswith("error: this is a bug in Genesis")
    assert "RuntimeError" in done.stderr
    assert "sk-canary" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["schema", "config"], ["check"], ["--help"], ["auth", "list", "--json"]])
def test_an_unwritable_output_is_not_a_bug(arguments: list[str], unbuffered: str, folder: Path) -> None:
    (folder / "genesis.json5").write_text("{}", encoding="utf-8")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONUNBUFFERED": unbuffered},
            text=True,
            cwd=folder,
            timeout=60,
            check=False,
        )
    message = "error: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_an_os_error_with_a_writable_output_is_a_bug(folder: Path) -> None:
    script = (
        "import errno, genesis_config.cli.checking as checking, genesis_config.__main__ as entrance, sys\n"
        "def crash(*_, **__): raise OSError(errno.ENOSPC, 'sk-canary')\n"
        "checking.run_check = crash\n"
        "sys.argv = ['genesis', 'check', 'x']\n"
        "entrance.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=folder, timeout=60, check=False
    )
    assert done.returncode == 3
    assert "sk-canary" not in done.stderr


def test_include_is_reported_in_a_locale_that_cannot_represent_its_name(genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_text('{ $include: "é.json5" }', encoding="utf-8")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = genesis("check", "--format", "json", env=locale)
    assert done.returncode == 1, done.stderr
    assert [finding["rule"] for finding in json.loads(done.stdout)["findings"]] == ["include"]
