"""Options shared by several commands: the configuration, and files with variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["config_argument", "config_option", "env_file_option"]

# Key in the context under which `--config` stores its value until the argument is parsed.
_CONFIG: Final = "genesis_config.config"


def env_file_option(function: Callable[..., object]) -> Callable[..., object]:
    """Add `--env-file FILE`, which may be repeated."""
    return click.option(
        "env_files",
        "--env-file",
        metavar="FILE",
        multiple=True,
        type=click.Path(dir_okay=False),
        help="Read variables from FILE; the environment takes precedence. May be repeated; earlier files win.",
    )(function)


def config_option(function: Callable[..., object], name: str = "config", **attributes: Any) -> Callable[..., object]:
    """Add `--config FILE`."""
    return click.option(
        name,
        "--config",
        metavar="FILE",
        type=click.Path(),
        help="Configuration file. Default: $GENESIS_CONFIG, else genesis.json5 or genesis.json in this directory or in "
        "your user configuration directory.",
        **attributes,
    )(function)


def config_argument(function: Callable[..., object]) -> Callable[..., object]:
    """Add the argument `[CONFIG]`, and `--config FILE` as an alternative to it."""
    argument = click.argument("config", required=False, type=click.Path(), callback=_merge_config)
    # The option is parsed first and hands its value on to the argument.
    return argument(config_option(function, "config_option", expose_value=False, is_eager=True, callback=_store_config))


def _store_config(context: click.Context, _: click.Parameter, path: str | None) -> None:
    context.meta[_CONFIG] = path


def _merge_config(context: click.Context, _: click.Parameter, path: str | None) -> str | None:
    option: str | None = context.meta[_CONFIG]
    if path is not None and option is not None and os.path.realpath(path) != os.path.realpath(option):
        raise click.UsageError(f"CONFIG and --config name different files: {path} and {option}", context)
    return path if option is None else option
