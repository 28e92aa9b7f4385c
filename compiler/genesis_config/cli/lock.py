"""`genesis lock`."""

from __future__ import annotations

import click

from genesis_config.cli.base import Command
from genesis_config.cli.inputs import load_input
from genesis_config.cli.options import config_argument, env_file_option
from genesis_config.cli.output import print_findings, print_note
from genesis_config.cli.spinner import spinner
from genesis_config.diagnostics.errors import GenesisError, file_error

__all__ = ["command"]


@click.command("lock", cls=Command)
@config_argument
@click.option(
    "check", "--check", is_flag=True, help="Write nothing; exit with 1 if the servers now list different models."
)
@env_file_option
def command(config: str | None, env_files: tuple[str, ...], *, check: bool) -> int:
    """Write the models that servers list to genesis.lock.json next to CONFIG, for `compile --frozen` and `check`.

    Queries every discovered or wildcard provider named in the configuration or the lock. Nothing is written if one of
    them returns no models or is not enabled. The same models give the same bytes; commit the file.

    \b
    Examples:
      genesis lock
      genesis lock --check
    """
    from genesis_config.files.reading import leaves_tree
    from genesis_config.resolve.lock import lock_path, write_lock  # `--help` does without
    from genesis_config.rules.lock_stale import compare

    given = load_input(config, env_files)
    if given.name == "<stdin>":
        raise click.UsageError("the lock file is written next to the configuration, which therefore must be a file")
    with spinner("querying servers for their models"):
        session = given.run("lock")
    print_findings(session.diagnostics, withheld=session.request.withheld)
    providers = session.locked
    if providers is None:
        return 1
    path = click.format_filename(lock_path(given.name))
    models = sum(len(provider.rows) for provider in providers.values())
    summary = f"{models} model{'s' * (models != 1)} from {len(providers)} provider{'s' * (len(providers) != 1)}"
    if check:
        findings = list(compare(given.lock, providers))
        print_findings(findings)
        if not findings:
            print_note(f"{path} is up to date: {summary}")
        return int(bool(findings))
    if (given.lock is not None and given.lock.refused) or leaves_tree(lock_path(given.name), given.config.root):
        raise GenesisError(f"cannot write {path}: it is not a regular file in this directory tree", help="remove it")
    try:
        write_lock(providers, lock_path(given.name))
    except OSError as error:
        raise file_error("write", lock_path(given.name), error) from None
    print_note(f"wrote {path}: {summary}")
    return 0
