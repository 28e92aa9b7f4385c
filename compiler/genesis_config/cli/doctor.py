"""`genesis doctor`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from genesis_config.cli.base import Command
from genesis_config.cli.inputs import take
from genesis_config.cli.options import config_argument, env_file_option
from genesis_config.cli.output import print_json
from genesis_config.cli.waiting import waiting

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
    """Diagnose problems between a configuration and its servers, and say how to fix them.

    Each provider is examined step by step: configuration, references, decision, credential, name,
    connection, encryption, models, authentication, selection, context window, one streamed token.
    The first step that fails explains the rest. The output contains no secret.

    \b
    Examples:
      genesis doctor
      genesis doctor --provider vllm --json
    """
    from genesis_config.health.doctor import examine  # `--help` does without

    source = take(config, env_files)
    with waiting("examining"):
        session = source.run("doctor", provider=only)
        known = [decision.provider for decision in session.decisions.every]
        if only is not None and known and only not in known:
            raise click.UsageError(f"no provider {only!r} (providers: {', '.join(known)})")
        examined = examine(session)
    if as_json:
        print_json(_report(examined))
    else:
        sys.stdout.writelines(_lines(examined))
    return int(any(each.failed for each in examined))


def _report(examined: list[Examination]) -> dict[str, object]:
    from genesis_config import __version__

    providers = [
        {
            "provider": each.provider or None,
            "baseUrl": each.base_url or None,
            "steps": [step._asdict() for step in each.steps],
        }
        for each in examined
    ]
    return {"version": 1, "genesis": __version__, "providers": providers}


def _lines(examined: list[Examination]) -> Iterator[str]:
    """Write each provider as a list of steps, what to do under the one that is not as it should be."""
    from genesis_config.report.escape import escape, escape_line

    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for number, each in enumerate(examined):
        heading = f"{each.provider} at {each.base_url}" if each.provider else "the configuration"
        yield "\n" * bool(number) + escape_line(heading) + "\n"
        taken = [step for step in each.steps if step.outcome != "skipped"]
        for step in taken:
            mark = f"{_MARKS[step.outcome]:<4}"
            mark = f"\x1b[{_COLOURS[step.outcome]}m{mark}\x1b[0m" if coloured else mark
            yield f"  {mark}  {step.name:<14}  {escape(step.message)}\n"
            if step.help:
                yield f"{' ' * 24}help: {escape(step.help)}\n"
        if left := [step.name for step in each.steps[len(taken) :]]:
            yield f"  -     not tried: {', '.join(left)}\n"
