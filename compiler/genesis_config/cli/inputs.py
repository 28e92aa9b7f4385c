"""What several commands work on: the configuration with its variables and lock, and what is compiled from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from genesis_config.cli.output import print_findings
from genesis_config.cli.waiting import waiting
from genesis_config.config.inputs import load_variables
from genesis_config.lint.location import LocatedConfig, load_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis_config.config.expansion import Variables
    from genesis_config.manifest import Manifest
    from genesis_config.pipeline import Session
    from genesis_config.resolve.lock import Lock
    from genesis_config.resolve.results import Purpose

__all__ = ["Input", "compile_now", "manifest_now", "take"]


class Input(NamedTuple):
    """What a command works on.

    Attributes:
        name: The configuration's name in findings: its path, or `<stdin>`.
        config: The configuration.
        variables: The environment, and the `--env-file` files.
        lock: The lock next to it.
    """

    name: str
    config: LocatedConfig
    variables: Variables
    lock: Lock | None

    def run(self, purpose: Purpose, *, provider: str | None = None, inline: bool = False) -> Session:
        """Run the stages of a purpose; the user's profiles are read when a provider needs one."""
        from genesis_config.credentials.profiles.store import StoredProfiles  # `--help` does without
        from genesis_config.pipeline import Request, run_pipeline

        request = Request(
            purpose, self.variables, StoredProfiles(), self.lock, provider, inline, withheld=self.config.is_outside
        )
        return run_pipeline(self.name, self.config.data, request)


def take(config: str | None, env_files: Sequence[str]) -> Input:
    """Find and read the configuration, with the environment's variables and the lock.

    Raises:
        GenesisError: A file cannot be read.
    """
    from genesis_config.resolve.lock import lock_path, read_lock  # `--help` does without

    loaded = load_config(config)
    found = load_variables(env_files, environment=True)
    if loaded.path == "-":
        return Input("<stdin>", loaded, found, None)
    return Input(loaded.path, loaded, found, read_lock(lock_path(loaded.path), loaded.root))


def compile_now(
    config: str | None,
    env_files: Sequence[str],
    *,
    only: str | None = None,
    inline: bool = False,
    frozen: bool = False,
    output: str | None = None,
) -> Session:
    """Find, read and compile the configuration; `output` is where the manifest is going to be written.

    Raises:
        GenesisError: A file cannot be read or would be overwritten, or the one provider asked for is not
            configured.
    """
    from genesis_config.files.writing import is_one_of
    from genesis_config.resolve.lock import lock_path

    source = take(config, env_files)
    with waiting("asking the servers for their models"):
        session = source.run("frozen" if frozen else "compile", provider=only, inline=inline)
    if session.manifest is None:
        return session
    configured = [decision.provider for decision in session.decisions.every if decision.kind != "none"]
    if only is not None and only not in configured:
        raise click.UsageError(f"no provider {only!r} is configured (configured: {', '.join(configured) or 'none'})")
    if output is not None:
        includes = [file.source.name for file in session.files]
        if is_one_of(output, [source.name, lock_path(source.name), *env_files, *includes]):
            raise click.UsageError(f"-o {click.format_filename(output)} would overwrite an input file")
    return session


def manifest_now(
    path: str | None, config: str | None, env_files: Sequence[str], *, only: str | None = None
) -> Manifest | None:
    """Read the manifest at `path`, or without one compile the configuration; None where that has errors, shown here.

    Raises:
        GenesisError: A file cannot be read.
    """
    if path is not None:
        from genesis_config.manifest import load

        return load(path)
    session = compile_now(config, env_files, only=only)
    print_findings(session.diagnostics, withheld=session.request.withheld)
    return session.manifest
