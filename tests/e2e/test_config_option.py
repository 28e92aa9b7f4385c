"""Every command that reads a configuration has `--config FILE` and, if it has no other arguments, an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from genesis_config.cli.group import SECTIONS
from genesis_config.cli.group import genesis as group

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.support import Genesis

TEXT = (
    '{ models: { providers: { NAME: { baseUrl: "http://127.0.0.1:1/v1", models: [{ id: "m", contextWindow: 8 }] } } } }'
)
WITH_ARGUMENT = [["compile"], ["lock"], ["models", "list"], ["models", "status"], ["doctor"]]
# Commands that do not read a configuration.
WITHOUT = {"auth list", "auth path", "auth remove", "demo", "explain", "init", "lsp", "schema"}


def commands() -> Iterator[tuple[str, click.Command]]:
    root = click.Context(group)
    for name in (name for section in SECTIONS.values() for name in section):
        command = group.get_command(root, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {child}", subcommand) for child, subcommand in command.commands.items())
        else:
            yield name, command


@pytest.fixture
def files(folder: Path) -> tuple[str, str]:
    for name in ("a", "b"):
        (folder / f"{name}.json5").write_text(TEXT.replace("NAME", name), encoding="utf-8")
    return "a.json5", "b.json5"


def test_every_command_that_reads_a_configuration_has_the_option() -> None:
    having = {name for name, command in commands() if any("--config" in option.opts for option in command.params)}
    assert having == {name for name, _ in commands()} - WITHOUT
    argument = {
        name for name, command in commands() if any(option.human_readable_name == "CONFIG" for option in command.params)
    }
    assert argument == {" ".join(command) for command in WITH_ARGUMENT}


@pytest.mark.parametrize("command", WITH_ARGUMENT, ids=" ".join)
def test_the_option_and_the_argument_name_the_same(
    command: list[str], genesis: Genesis, files: tuple[str, str]
) -> None:
    first, second = files
    option = genesis(*command, "--config", first)
    argument = genesis(*command, first)
    both = genesis(*command, f"./{first}", "--config", first)
    assert "genesis.json5" not in option.stderr
    assert (option.stdout, option.stderr) == (argument.stdout, argument.stderr) == (both.stdout, both.stderr)
    differ = genesis(*command, second, "--config", first)
    assert (differ.returncode, differ.stdout) == (2, "")
    assert "error: CONFIG and --config " in differ.stderr
    assert f"{second} and {first}\n" in differ.stderr


def test_check_takes_the_option_as_one_of_its_paths(genesis: Genesis, files: tuple[str, str]) -> None:
    first, second = files
    assert genesis("check", "--config", first).stdout.startswith("1 file checked")
    assert genesis("check", second, "--config", first).stdout.startswith("2 files checked")
    assert genesis("check", first, "--config", first).stdout.startswith("1 file checked")
