"""The command line: every command, imported only when it is run."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Final

import click

from genesis_config import __version__
from genesis_config.cli.base import Group
from genesis_config.cli.output import print_error
from genesis_config.diagnostics.errors import GenesisError

__all__ = ["SECTIONS", "genesis", "run_command"]

# A command is the module of this package with its name; `--help` prints its summary without importing it.
SECTIONS: Final[dict[str, dict[str, str]]] = {
    "Lint": {
        "check": "Lint configurations.",
        "explain": "Explain a rule.",
    },
    "Compile": {
        "init": "Write a configuration to start from.",
        "compile": "Compile a configuration to a provider manifest.",
        "lock": "Pin the models that servers list.",
    },
    "Run": {
        "complete": "Stream a completion.",
        "batch": "Run a file of requests.",
        "demo": "Run an end-to-end demo against a built-in server.",
    },
    "Inspect": {
        "models": "List the available models, or report the status of their servers.",
        "doctor": "Diagnose problems between a configuration and its servers.",
    },
    "Keys": {
        "auth": "Store API keys outside the configuration.",
    },
    "Editors": {
        "lsp": "Run the language server (LSP) for editors.",
        "schema": "Print a JSON Schema.",
    },
}
_COMMANDS: Final = {name: line for section in SECTIONS.values() for name, line in section.items()}


class _LazyGroup(Group):
    """A group that knows the names of its commands and imports only the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"genesis_config.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from genesis_config.diagnostics.suggestions import nearest  # for mistakes only

            near = nearest(args[0], _COMMANDS)
            hint = f"did you mean `{near}`?" if near else f"available commands: {', '.join(_COMMANDS)}"
            raise GenesisError(f"unknown command {args[0]!r}", help=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(map(len, _COMMANDS))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", line) for name, line in section.items()])


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def genesis() -> None:
    """Compile, validate and lint configurations of LLM providers, above all vLLM servers.

    \b
    Examples:
      genesis check                            lint the configurations in this directory
      genesis compile -o manifest.json         write the manifest, with references instead of secrets
      genesis models list                      list the available models
      genesis complete "Say hello"             stream a completion
    """


def run_command(arguments: list[str]) -> int:
    """Run a command and return the exit code: its own, 2 for wrong usage, or 130 if the user interrupted it."""
    try:
        code = genesis.main(arguments, prog_name=_program(), standalone_mode=False)
    except click.Abort:
        code = 130
    except GenesisError as error:
        print_error(error)
        code = 2
    except click.ClickException as error:
        _print_usage_error(error)
        code = 2
    return code if isinstance(code, int) else 0


def _program() -> str:
    """Return the name of the running program: `genesis`, `genesis-config` or `python -m genesis_config`."""
    name = os.path.basename(sys.argv[0])
    return "python -m genesis_config" if name == "__main__.py" else name


def _print_usage_error(error: click.ClickException) -> None:
    """Print an error of click's in the form of all other errors: in lower case, with suggested options as help."""
    message, help_, notes = error.format_message(), None, []
    if isinstance(error, click.NoSuchOption):
        message = f"no such option: {error.option_name}"  # click's wording depends on its version
        if error.possibilities:
            help_ = f"did you mean {' or '.join(error.possibilities)}?"
    if isinstance(error, click.UsageError) and error.ctx is not None:
        notes = [" ".join(error.ctx.get_usage().replace("Usage", "usage", 1).split())]
        help_ = help_ or f"run `{error.ctx.command_path} --help`"
    # click lists choices one per line.
    message = message.rstrip(".").replace("\n\t", " ")
    message = message[:1].lower() + message[1:] if message[1:2].islower() else message
    print_error(GenesisError(message, help=help_), notes=notes)
