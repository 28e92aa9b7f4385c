"""The commands, each imported when it is run."""

from __future__ import annotations

import importlib
import io
import sys
from typing import Final

import click

from genesis_config import __version__
from genesis_config.report.escape import escape_line

__all__ = ["genesis", "run_command"]

# The module of `genesis_config.cli` that defines each command, and the line that `--help` shows without importing it.
_COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "auth": ("auth", "Keep API keys outside every configuration."),
    "batch": ("batch", "Answer a file of requests."),
    "check": ("check", "Lint configurations."),
    "compile": ("compile", "Compile a configuration to a resolved provider manifest."),
    "complete": ("complete", "Stream a completion."),
    "demo": ("demo", "Show the whole line on a built-in server."),
    "doctor": ("doctor", "Find what is wrong between a configuration and its servers."),
    "explain": ("explain", "Say what a rule means."),
    "init": ("init", "Write a configuration to start from."),
    "lock": ("lock", "Pin what servers list."),
    "lsp": ("lsp", "Serve editors by the Language Server Protocol."),
    "models": ("models", "List the models that a configuration resolves to."),
    "schema": ("schema", "Print a JSON Schema."),
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names, and imports the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"genesis_config.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from genesis_config.diagnostics.suggestions import nearest  # for mistakes only

            near = nearest(args[0], _COMMANDS)
            hint = f" Did you mean `{near}`?" if near else f" The commands are {', '.join(_COMMANDS)}."
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="genesis", message="%(prog)s %(version)s")
def genesis() -> None:
    """Compile, validate and lint configurations of LLM providers, above all vLLM servers.

    \b
    Examples:
      genesis check                            lint the configurations of this folder
      genesis compile -o manifest.json         resolve one, references instead of secrets
      genesis models list                      what is there
      genesis complete "Say hello"             stream from it
    """


def run_command(arguments: list[str]) -> int:
    """Run a command and give the exit code: its own, 2 for wrong usage, 130 where the user interrupted."""
    try:
        code = genesis.main(arguments, prog_name="genesis", standalone_mode=False)
    except click.Abort:
        code = 130
    except click.ClickException as error:
        # A message may quote a file or an argument.
        shown = io.StringIO()
        error.show(shown)
        sys.stderr.write("\n".join(map(escape_line, shown.getvalue().split("\n"))))
        # Wrong usage and files that cannot be read are the same code, whatever click makes of them.
        code = 2
    return code if isinstance(code, int) else 0
