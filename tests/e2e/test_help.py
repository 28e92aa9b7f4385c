"""The commands to get started: init, explain, schema, help, demo."""

from __future__ import annotations

import errno
import json
import re
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from genesis_config.cli.group import SECTIONS
from genesis_config.config.validation import schema_text
from genesis_config.rules.registry import load_rules
from tests.e2e.support import COMMAND, PROGRAM, on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis

CATALOGUE = load_rules()
COMMANDS = [
    "auth", "auth list", "auth path", "auth remove", "auth set",
    "batch", "check", "compile", "complete", "demo", "doctor", "explain", "init", "lock", "lsp",
    "models", "models list", "models status", "schema",
]  # fmt: skip


@pytest.mark.parametrize("arguments", [[], ["--model", 'odd "id"'], ["--base-url", "http://10.0.0.5:9000/v1"]], ids=str)
def test_init_writes_a_clean_configuration(arguments: list[str], genesis: Genesis, folder: Path) -> None:
    done = genesis("init", *arguments)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("wrote genesis.json5")
    assert "`genesis check`" in done.stderr
    checked = genesis("check")
    assert (checked.returncode, "no findings" in checked.stdout) == (0, True)
    assert "//" in (folder / "genesis.json5").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--base-url", "192.168.1.50:9000"], "invalid-base-url"),
        (["--model", ""], "malformed-model-ref"),
        (["--base-url", "http://10.0.0.5:9000/v1", "--model", " "], "malformed-model-ref"),
    ],
    ids=str,
)
def test_init_writes_nothing_that_check_would_reject(
    arguments: list[str], rule: str, genesis: Genesis, folder: Path
) -> None:
    done = genesis("init", *arguments)
    assert done.returncode == 2
    assert f"error[{rule}]" in done.stderr
    assert done.stderr.endswith(
        "\nerror: the configuration would have errors with these options; nothing was written\n"
    )
    assert list(folder.iterdir()) == []


def test_init_escapes_the_name_of_a_model(genesis: Genesis, folder: Path) -> None:
    done = genesis("init", "--model", "a${B}$<C>$D", "-o", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert 'primary: "vllm/a$${B}$$<C>$D"' in done.stdout
    assert list(folder.iterdir()) == []


def test_init_does_not_overwrite_a_file(genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_text("mine", encoding="utf-8")
    done = genesis("init")
    assert done.returncode == 2
    assert done.stderr.startswith("error: genesis.json5 already exists")
    assert (folder / "genesis.json5").read_text(encoding="utf-8") == "mine"


def test_init_reports_why_it_cannot_write(genesis: Genesis) -> None:
    done = genesis("init", "--output", "gone/genesis.json5")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "gone/genesis.json5: No such file or directory\n" in done.stderr


@pytest.mark.parametrize("rule", CATALOGUE)
def test_explain_describes_a_rule_with_both_examples(rule: str, genesis: Genesis) -> None:
    done = genesis("explain", rule)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{rule} ({CATALOGUE[rule].severity}): {CATALOGUE[rule].title}\n\n")
    assert "\nBad:\n  " in done.stdout
    assert "\nGood:\n  " in done.stdout
    required = "\nRequired: " in done.stdout
    assert (required, "\nAdvice: " in done.stdout) == (CATALOGUE[rule].kind == "required", not required)


@pytest.mark.parametrize("rule", CATALOGUE)
def test_explain_on_a_terminal_has_the_same_content(rule: str) -> None:
    code, shown = on_terminal("explain", rule)
    assert code == 0
    assert "\x1b[1m" in shown
    words = re.sub("\x1b\\[[0-9;]*m", "", shown)
    assert words.startswith(f"{CATALOGUE[rule].severity}[{rule}]: ")

    def bare(text: str) -> str:
        return re.sub(r"[\s`\\]+", "", text)

    for part in (CATALOGUE[rule].title, CATALOGUE[rule].why, CATALOGUE[rule].bad, CATALOGUE[rule].good):
        assert bare(part) in bare(words)


def test_explain_without_a_rule_lists_all_rules(genesis: Genesis) -> None:
    listed = re.findall("^[a-z0-9-]+", genesis("explain").stdout, re.MULTILINE)
    assert listed == list(CATALOGUE)


def test_explain_suggests_a_similar_rule(genesis: Genesis) -> None:
    done = genesis("explain", "unknown-kye")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "`unknown-kye`\n  = help: " in done.stderr
    assert "`unknown-key`" in done.stderr


@pytest.mark.parametrize("name", ["config", "manifest"])
def test_schema_prints_the_packaged_schema(name: str, genesis: Genesis) -> None:
    printed = genesis("schema", name).stdout
    assert printed == schema_text(name)
    assert json.loads(printed)["title"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str, genesis: Genesis) -> None:
    done = genesis(*command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: {PROGRAM} {command}" in done.stdout
    assert not any(line.endswith("...") for line in done.stdout.splitlines()[1:])  # the usage may end in `[PATHS]...`
    assert f"  {PROGRAM} {command}" in done.stdout.partition("Example")[2] or command == "models"


def test_the_help_of_the_group_lists_the_commands(genesis: Genesis) -> None:
    printed = genesis("--help").stdout
    sections = printed.partition("Lint:\n")[2]
    assert re.findall("^  ([a-z]+) ", sections, re.MULTILINE) == [name for part in SECTIONS.values() for name in part]
    assert (genesis().returncode, genesis().stderr) == (2, printed)


def test_the_version_is_printed(genesis: Genesis) -> None:
    from genesis_config import __version__

    assert genesis("--version").stdout == f"{PROGRAM} {__version__}\n"


def test_a_misspelled_command_is_reported(genesis: Genesis) -> None:
    done = genesis("compil")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "'compil'\n  = help: " in done.stderr
    assert "`compile`" in done.stderr
    assert "help: available commands: " in genesis("qqq").stderr


def test_the_demo_exits_and_leaves_nothing_behind(genesis: Genesis, folder: Path) -> None:
    done = genesis("demo")
    assert (done.returncode, done.stderr) == (0, "")
    headings = [
        "The configuration",
        "The decision, with its reason",
        "The models",
        "A completion, token by token",
        "usage: ",
    ]
    places = [done.stdout.find(heading) for heading in headings]
    assert places == sorted(places)
    assert places[0] == 0
    port = re.search(r"127\.0\.0\.1:(\d+)", done.stdout)
    assert port is not None
    assert not list(folder.iterdir())
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", int(port[1]))) == errno.ECONNREFUSED


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["check", "--formt", "json"], "--format"),
        (["check", "--fixx"], None),
        (["compile", "--outputt", "x"], None),
        (["compile", "--frozn"], "--frozen"),
    ],
    ids=str,
)
def test_a_suggestion_for_a_mistyped_option_never_writes_files(
    arguments: list[str], near: str | None, genesis: Genesis
) -> None:
    done = genesis(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"no such option: {arguments[1]}\n  = usage: {PROGRAM} {arguments[0]} [OPTIONS]" in done.stderr
    assert done.stderr.endswith(
        f"  = help: did you mean {near}?\n" if near else f"  = help: run `{PROGRAM} {arguments[0]} --help`\n"
    )


@pytest.mark.parametrize(
    "arguments", [["explain"], ["init", "-o", "-"], ["schema", "lock"], ["check", "-"], ["compile", "-"]], ids=str
)
def test_a_closed_standard_output_is_an_error(arguments: list[str], folder: Path) -> None:
    script = 'exec "$@" >&-'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, *arguments],
        input="{ models: {} }",
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert done.stderr.endswith("standard output is closed\n")


def test_a_command_that_prints_nothing_needs_no_standard_output(folder: Path) -> None:
    script = 'exec "$@" >&-'
    done = subprocess.run(["sh", "-c", script, "sh", *COMMAND, "init"], cwd=folder, timeout=60, check=False)
    assert done.returncode == 0
    assert (folder / "genesis.json5").exists()
