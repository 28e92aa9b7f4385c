"""`genesis check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from genesis.cli.checking import run
from genesis.cli.inputs import env_file_option, variables

if TYPE_CHECKING:
    from genesis.diagnostics import Severity

__all__ = ["command"]


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("form", "--format", type=click.Choice(["text", "json"]), default="text", help="How findings are written.")
@click.option(
    "fail_on",
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    help="The least severity that makes the exit code 1.  [default: error]",
)
@env_file_option
@click.option("use_env", "--use-env", is_flag=True, help="Resolve references with the environment as well.")
def command(paths: tuple[str, ...], form: str, fail_on: Severity, env_files: tuple[str, ...], *, use_env: bool) -> int:
    """Lint configurations: files, folders that are searched for genesis.json5 and genesis.json, - for standard input.

    Looks at nothing but the files: no network, no environment, no secrets; the same answer on every machine. The exit
    code is 0 without findings, 1 with errors, 2 for wrong usage or a file that cannot be read.

    \b
    Examples:
      genesis check
      genesis check deploy/genesis.json5 --format json
      genesis check --env-file .env --fail-on warning
    """
    return run(paths, form=form, variables=variables(env_files, environment=use_env), fail_on=fail_on)
