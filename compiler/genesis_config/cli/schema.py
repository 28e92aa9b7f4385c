"""`genesis schema`."""

from __future__ import annotations

import sys

import click

from genesis_config.cli.base import Command
from genesis_config.config.validation import schema_text

__all__ = ["command"]


@click.command("schema", cls=Command)
@click.argument("name", type=click.Choice(["config", "manifest", "lock"]))
def command(name: str) -> int:
    """Print the JSON Schema of the configuration, the manifest or the lock file.

    Editors use it to complete and document keys.

    \b
    Examples:
      genesis schema config > config.schema.json
      genesis schema manifest
    """
    sys.stdout.write(schema_text(name))
    return 0
