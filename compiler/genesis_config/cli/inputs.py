"""The input of several commands: a configuration with its variables and lock file, or the manifest made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from genesis_config.cli.output import print_findings
from genesis_config.cli.spinner import spinner
from genesis_config.config.inputs import load_variables
from genesis_config.lint.location import LocatedConfig, load_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis_config.config.expansion import Variables
    from genesis_config.manifest import Manifest
    from genesis_config.pipeline import Session
    from genesis_config.resolve.lock import Lock
    from genesis_config.resolve.results import Purpose

__all__ = ["Input", "compile_config", "load_input", "load_manifest"]


class Input(NamedTuple):
    """The configuration that a command works on, and what is needed to resolve it.

    Attributes:
        name: The name of the configuration in findings: its path, or `<stdin>`.
        config: The configuration.
        variables: The environment, and the `--env-file` files.
        lock: The lock file next to it, if there is one.
    """

    name: str
    config: LocatedConfig
    variables: Variables
    lock: Lock | None

    def run(self, purpose: Purpose, *, provider: str | None = None, inline: bool = False) -> Session:
        """Run the stages for a purpose; auth profiles are read only if a provider needs one."""
        from genesis_config.credentials.profiles.store import StoredProfiles  # `--help` does without
        from genesis_config.pipeline import Request, run_pipeline

        request = Request(
            purpose, self.variables, StoredProfiles(), self.lock, provider, inline, withheld=self.config.is_outside
        )
        return run_pipeline(self.name, self.config.data, request)


def load_input(config: str | None, env_files: Sequence[str]) -> Input:
    """Find and read the configuration, its variables (the environment included) and its lock file.

    Raises:
        GenesisError: A file cannot be read.
    """
    from genesis_config.resolve.lock import lock_path, read_lock  # `--help` does without

    loaded = load_config(config)
    variables = load_variables(env_files, environment=True)
    if loaded.path == "-":
        return Input("<stdin>", loaded, variables, None)
    return Input(loaded.path, loaded, variables, read_lock(lock_path(loaded.path), loaded.root))


def compile_config(
    config: str | None,
    env_files: Sequence[str],
    *,
    only: str | None = None,
    inline: bool = False,
    frozen: bool = False,
    output: str | None = None,
) -> Session:
    """Find, read and compile the configuration.

    Args:
        config: Its path, if one was passed.
        env_files: Files with variables.
        only: The only provider to include.
        inline: Whether the manifest contains secrets instead of references.
        frozen: Whether models come from the lock file alone, without contacting servers.
        output: Where the manifest will be written, if to a file.

    Raises:
        GenesisError: A file cannot be read.
        click.UsageError: `only` is not configured, or `output` would overwrite an input file.
    """
    from genesis_config.files.writing import is_one_of
    from genesis_config.resolve.lock import lock_path

    given = load_input(config, env_files)
    with spinner("querying servers for their models"):
        session = given.run("frozen" if frozen else "compile", provider=only, inline=inline)
    if session.manifest is None:
        return session
    configured = [decision.provider for decision in session.decisions.every if decision.kind != "none"]
    if only is not None and only not in configured:
        raise click.UsageError(f"no provider {only!r} is configured (configured: {', '.join(configured) or 'none'})")
    if output is not None:
        includes = [file.source.name for file in session.files]
        if is_one_of(output, [given.name, lock_path(given.name), *env_files, *includes]):
            raise click.UsageError(f"-o {click.format_filename(output)} would overwrite an input file")
    return session


def load_manifest(
    path: str | None, config: str | None, env_files: Sequence[str], *, only: str | None = None
) -> Manifest | None:
    """Read the manifest at `path`; without a path, compile the configuration and print its findings.

    Returns None if the configuration has errors.

    Raises:
        GenesisError: A file cannot be read.
    """
    if path is not None:
        from genesis_config.manifest import load

        return load(path)
    session = compile_config(config, env_files, only=only)
    print_findings(session.diagnostics, withheld=session.request.withheld)
    return session.manifest
