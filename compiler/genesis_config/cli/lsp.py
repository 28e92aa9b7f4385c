"""`genesis lsp`."""

from __future__ import annotations

import sys

import click

from genesis_config.cli.base import Command
from genesis_config.diagnostics.errors import GenesisError

__all__ = ["command"]

_NEEDED = frozenset({"attrs", "cattrs", "lsprotocol", "pygls"})


@click.command("lsp", cls=Command)
@click.option("--stdio", is_flag=True, help="Accepted for compatibility; stdio is always used.")
def command(stdio: bool) -> int:  # noqa: ARG001, FBT001 - editors pass it, but it changes nothing
    """Run the language server: findings while you type, hover, completion, fixes.

    Editors start it and talk to it over standard input and output: see docs/editors.md. Like `genesis check` it reads
    only files; of the environment it shows only which variables are set.

    \b
    Examples:
      pip install 'genesis-config[lsp]'
      genesis lsp
    """
    try:
        from genesis_config.lsp.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        raise GenesisError("`pygls` is not installed", help="run `pip install 'genesis-config[lsp]'`") from None
    if sys.stdin.isatty():
        click.echo("genesis lsp is waiting for an editor; press Ctrl-C to stop", err=True)
    return serve()
