"""Base classes of all commands: help under the name of the running program, and suggestions for typos."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Command", "Group", "WritingOption"]


class WritingOption(click.Option):
    """An option that makes a command write files; never suggested for a mistyped option."""


class _CopyableHelp(click.Command):
    """A command whose examples can be copied: they use the name of the running program."""

    def get_help(self, ctx: click.Context) -> str:
        program = ctx.find_root().info_name or "genesis"
        return re.sub(r"\bgenesis(?= [a-z])", program, super().get_help(ctx))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            writing = {name for option in self.params if isinstance(option, WritingOption) for name in option.opts}
            near = [name for name in error.possibilities or () if name not in writing]
            raise click.NoSuchOption(error.option_name, error.message, near, error.ctx) from None


class Command(_CopyableHelp):
    """A command."""


class Group(_CopyableHelp, click.Group):
    """A group of commands. Without a command it prints its help and exits with 2, as for wrong usage."""

    command_class = Command

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"no_args_is_help": False, **options})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:  # noqa: D102 - click's
        if not args:
            sys.stderr.write(self.get_help(ctx) + "\n")
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002, D102 - click's signature
        return list(self.commands)
