"""`genesis lsp`."""

from __future__ import annotations

import sys

import click

from genesis_config.cli.base import Command
from genesis_config.diagnostics.errors import GenesisError

__all__ = ["command"]

_NEEDED = frozenset({"attrs", "cattrs", "lsprotocol", "pygls"})


@click.command("lsp", cls=Command)
@click.option("--stdio", is_flag=True, help="Speak on standard input and output, as it does anyway.")
def command(stdio: bool) -> int:  # noqa: ARG001, FBT001 - editors state it, and there is nothing else
    """Serve editors: findings while you type, what keys mean, what can be typed, fixes.

    Speaks the Language Server Protocol on standard input and output; an editor starts it, and docs/editors.md says how.
    Like `genesis check` it looks at files alone, and tells of the environment only which variables are set.

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
        click.echo("genesis lsp waits for an editor; end it with Ctrl-C", err=True)
    return serve()
