"""`genesis compile`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from genesis_config.cli.base import Command, WritingOption
from genesis_config.cli.inputs import compile_config
from genesis_config.cli.options import config_argument, env_file_option
from genesis_config.cli.output import print_findings, print_note
from genesis_config.diagnostics.errors import file_error
from genesis_config.report.escape import escape, escape_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from genesis_config.resolve.decision import Decision

__all__ = ["command", "explain_decisions"]


@click.command("compile", cls=Command)
@config_argument
@click.option(
    "output", "-o", "--output", cls=WritingOption, metavar="FILE", type=click.Path(), help="Write the manifest to FILE."
)
@click.option(
    "secrets",
    "--secrets",
    type=click.Choice(["reference", "inline"]),
    default="reference",
    help="What to write for secrets: references, or the values themselves (mode 0600).  [default: reference]",
)
@click.option("only", "--provider", metavar="ID", help="Include only this provider; do not contact other servers.")
@click.option("frozen", "--frozen", is_flag=True, help="Use genesis.lock.json only; do not contact servers.")
@click.option("explained", "--explain", is_flag=True, help="Explain the decision for each provider on standard error.")
@env_file_option
def command(
    config: str | None,
    output: str | None,
    secrets: str,
    only: str | None,
    env_files: tuple[str, ...],
    *,
    frozen: bool,
    explained: bool,
) -> int:
    """Compile CONFIG to a resolved provider manifest, written to standard output or to a file.

    The same inputs give the same bytes. The manifest contains references instead of secrets, unless you pass
    --secrets inline. If there is an error, nothing is written and the exit code is 1.

    \b
    Examples:
      genesis compile -o manifest.json
      genesis compile deploy/genesis.json5 --explain
      genesis compile --frozen -o manifest.json
      VLLM_API_KEY=vllm-local genesis compile --provider vllm
    """
    from genesis_config.manifest import dumps, write  # `--help` does without

    inline = secrets == "inline"
    session = compile_config(config, env_files, only=only, inline=inline, frozen=frozen, output=output)
    print_findings(session.diagnostics, notes=True, withheld=session.request.withheld)
    if explained:
        for line in explain_decisions(session.decisions.every):
            print_note(line)
    manifest = session.manifest
    if manifest is None:
        return 1
    if output is None or output == "-":
        sys.stdout.write(escape_json(dumps(manifest).decode()))
        where = "standard output"
    else:
        where = click.format_filename(output)
        try:
            write(manifest, output, private=inline)
        except OSError as error:
            raise file_error("write", output, error) from None
    if inline:
        mode = "" if where == "standard output" else " (mode 0600)"
        print_note(f"warning: {where} contains secrets in plain text{mode}")
    return 0


def explain_decisions(decisions: Sequence[Decision]) -> Iterator[str]:
    """Yield lines that explain each decision: what it is, its reason, and how to change it."""
    from genesis_config.resolve.lock import LOCK_NAME

    for decision in decisions:
        models = {
            "config": "models from the configuration",
            "server": f"models queried from {decision.base_url}/models",
            "lock": f"models from {LOCK_NAME}",
        }[decision.models_from]
        summary = "not configured" if decision.kind == "none" else f"{decision.kind}, {models}"
        yield escape(f"{decision.provider}: {summary}")
        yield escape(f"  because {decision.reason}")
        yield escape(f"  to change this: {decision.change}")
