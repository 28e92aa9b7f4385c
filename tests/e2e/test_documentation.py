"""The documentation is tested: its configurations are clean, its commands exist, its outputs are what is printed."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import click
import pytest

import genesis_config as package
from benchmarks import comparison
from genesis_config.cli.group import genesis as group
from genesis_config.lsp.actions import FIX_ALL
from tests.e2e.support import FIXTURES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis

PAGES = [
    "README.md",
    *(
        f"docs/{page}.md"
        for page in (
            "configuration",
            "manifest",
            "recipes",
            "editors",
            "comparison",
            "troubleshooting",
            "rules",
            "keys",
        )
    ),
]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in PAGES}


def blocks(kind: str, page: str = "README.md") -> list[str]:
    """Give the code blocks of one kind on a page."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXTS[page], re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Give every line of the documentation that runs `genesis`, in blocks, tables and text."""
    found = []
    for text in TEXTS.values():
        found += re.findall(r"^(?:\$ |\.venv/bin/)?(genesis .*?)(?: *#.*)?$", text, re.MULTILINE)
        found += re.findall(r"`(genesis [^`]*)`", text)
    return sorted({line for line in found if "…" not in line.replace("[PATHS…]", "")})


def test_there_is_documentation_to_test() -> None:
    assert len(blocks("json5")) == 2
    assert len(commands()) > 10


@pytest.mark.parametrize(
    "block",
    [
        *blocks("json5"),
        *(block for page in ("configuration", "recipes", "editors") for block in blocks("json5", f"docs/{page}.md")),
    ],
)
def test_a_configuration_that_is_shown_is_clean(block: str, genesis: Genesis) -> None:
    done = genesis("check", "-", stdin=block)
    assert done.returncode == 0
    assert done.stdout.startswith("1 file checked: no findings")


@pytest.mark.parametrize("line", commands())
def test_a_command_that_is_shown_exists_with_its_options(line: str) -> None:
    words = shlex.split(re.sub(r"[\[\]]| \| .*| > .*| < .*", "", line))[1:]
    context = click.Context(group)
    command: click.Command = group
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    options = {option for parameter in command.get_params(context) for option in parameter.opts}
    for word in words:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in options, line


def test_the_finding_that_the_readme_shows_is_what_check_prints() -> None:
    shown = TEXTS["README.md"].partition("```\n$ genesis check\n")[2].partition("```\n")[0]
    assert shown == (FIXTURES / "broken" / "misspelt-key" / "findings.txt").read_text(encoding="utf-8")


def test_the_program_that_the_readme_shows_runs_against_what_there_is() -> None:
    (program,) = blocks("python")
    tree = ast.parse(program)
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in imported] == ["genesis_config.runtime"]
    module = importlib.import_module("genesis_config.runtime")
    for name in imported[0].names:
        assert name.name in module.__all__


def test_the_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_comparison_tells_what_genesis_finds_today() -> None:
    page = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([^|*]+) \| ([^|]+) \|", page, re.MULTILINE))
    found = {case.mistake: comparison.cell(case, comparison.genesis(case.path)) for case in comparison.cases()}
    assert len(found) == 12
    assert found == {mistake: told[mistake] for mistake in found}
    assert all(re.match(r"\d+:\d+", place) for place in found.values())


def test_the_changelog_tells_of_this_version() -> None:
    assert f"\n## {package.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", blocks("sh", "docs/recipes.md") + blocks("yaml", "docs/recipes.md"))
def test_the_command_lines_of_a_recipe_run(block: str, genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_text(blocks("json5")[0], encoding="utf-8")
    for line in re.findall(r"^(?: *-(?: run:)? )?((?:GENESIS_\w+=\S+ )*)genesis (.*?)(?: +#.*)?$", block, re.MULTILINE):
        done = genesis(*shlex.split(line[1]), env=dict(pair.split("=") for pair in line[0].split()))
        assert done.returncode == 0, done.stderr
        for written in re.findall(r"(?:-o |GENESIS_OUTPUT=)(\S+)", "".join(line)):
            assert (folder / written).exists()


def test_the_settings_of_a_recipe_are_understood(genesis: Genesis, folder: Path) -> None:
    (settings,) = blocks("toml", "docs/recipes.md")
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    (folder / "genesis.json5").write_text('{ gateway: {}, models: { providers: { vllm: { models: [{ id: "m" }] } } } }')
    done = genesis("check", "--format", "concise")
    assert done.stdout.startswith("genesis.json5:1:62: error[assumed-context-window]")
    assert done.stdout.count("\n") == 1


def test_the_settings_of_editors_start_the_server_as_it_is_started() -> None:
    for block in blocks("json", "docs/editors.md"):
        json.loads(block)
    (helix,) = blocks("toml", "docs/editors.md")
    assert tomllib.loads(helix)["language-server"]["genesis"] == {"command": "genesis", "args": ["lsp"]}
    started = re.findall(
        r'"genesis",? ?(?:"lsp"|,\n *"glspc.serverCommandArguments": \["lsp"\])', TEXTS["docs/editors.md"]
    )
    assert len(started) == 3  # in VS Code, Neovim and Emacs
    assert FIX_ALL in TEXTS["docs/editors.md"]


def test_links_lead_somewhere() -> None:
    for page, text in TEXTS.items():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert ((ROOT / page).parent / target).exists(), (page, target)
