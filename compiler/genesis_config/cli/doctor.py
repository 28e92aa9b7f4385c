"""`genesis doctor`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from genesis_config.cli.base import Command
from genesis_config.cli.inputs import load_input
from genesis_config.cli.options import config_argument, env_file_option
from genesis_config.cli.output import print_json
from genesis_config.cli.spinner import spinner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.health.doctor import Examination

__all__ = ["command"]

_MARKS: Final = {"ok": "ok", "warning": "warn", "failed": "FAIL"}
_COLOURS: Final = {"ok": "32", "warning": "33", "failed": "1;31"}


@click.command("doctor", cls=Command)
@click.option("only", "--provider", metavar="ID", help="Only this provider.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON (versioned), for a support ticket.")
@config_argument
@env_file_option
def command(only: str | None, config: str | None, env_files: tuple[str, ...], *, as_json: bool) -> int:
    """Diagnose problems between a configuration and its servers, and suggest how to fix them.

    Each provider is examined step by step: configuration, references, decision, credential, name,
    connection, encryption, models, authentication, selection, context window, one streamed token.
    The first step that fails explains the rest. The output contains no secret.

    \b
    Examples:
      genesis doctor
      genesis doctor --provider vllm --json
    """
    from genesis_config.health.doctor import examine  # `--help` does without

    given = load_input(config, env_files)
    with spinner("examining the providers"):
        session = given.run("doctor", provider=only)
        known = [decision.provider for decision in session.decisions.every]
        if only is not None and known and only not in known:
            raise click.UsageError(f"no provider {only!r} (providers: {', '.join(known)})")
        examinations = examine(session)
    if as_json:
        print_json(_report(examinations))
    else:
        sys.stdout.writelines(_lines(examinations))
    return int(any(examination.failed for examination in examinations))


def _report(examinations: list[Examination]) -> dict[str, object]:
    from genesis_config import __version__

    providers = [
        {
            "provider": examination.provider or None,
            "baseUrl": examination.base_url or None,
            "steps": [step._asdict() for step in examination.steps],
        }
        for examination in examinations
    ]
    return {"version": 1, "genesis": __version__, "providers": providers}


def _lines(examinations: list[Examination]) -> Iterator[str]:
    """Yield the lines of each provider: its steps, with help below a step that failed or warns."""
    from genesis_config.report.escape import escape, escape_line

    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for number, examination in enumerate(examinations):
        heading = f"{examination.provider} at {examination.base_url}" if examination.provider else "the configuration"
        yield "\n" * bool(number) + escape_line(heading) + "\n"
        taken = [step for step in examination.steps if step.outcome != "skipped"]
        for step in taken:
            mark = f"{_MARKS[step.outcome]:<4}"
            mark = f"\x1b[{_COLOURS[step.outcome]}m{mark}\x1b[0m" if coloured else mark
            yield f"  {mark}  {step.name:<14}  {escape(step.message)}\n"
            if step.help:
                yield f"{' ' * 24}help: {escape(step.help)}\n"
        if skipped := [step.name for step in examination.steps[len(taken) :]]:
            yield f"  -     skipped: {', '.join(skipped)}\n"
