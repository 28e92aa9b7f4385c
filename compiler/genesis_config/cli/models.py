"""`genesis models`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from genesis_config.cli.base import Group
from genesis_config.cli.inputs import compile_config, load_input
from genesis_config.cli.options import config_argument, env_file_option
from genesis_config.cli.output import print_findings, print_json, print_note
from genesis_config.cli.spinner import spinner
from genesis_config.cli.tables import print_table
from genesis_config.report.escape import escape, escape_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis_config.health.status import Status
    from genesis_config.manifest import Manifest, Model

__all__ = ["command"]

_COLUMNS = ("model", "context window", "from", "max tokens", "from", "input", "reasoning", "selected as")
_STATUS_COLUMNS = ("provider", "decision", "base URL", "key", "reachable", "version", "models", "first token")
_NUMBERS = ("context window", "max tokens", "models", "first token")


@click.group("models", cls=Group)
def command() -> None:
    """List the available models, or report the status of their servers."""


@command.command("list", short_help="List the models of all providers.")
@click.option("only", "--provider", metavar="ID", help="Only this provider.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON (versioned).")
@click.option("plain", "--plain", is_flag=True, help="One model per line, tab-separated, no header.")
@config_argument
@env_file_option
def list_models(only: str | None, config: str | None, env_files: tuple[str, ...], *, as_json: bool, plain: bool) -> int:
    """List the models of all providers, declared and discovered, with the origin of each context window.

    `config` was set in the configuration, `server` and `parent` were reported by the server, `default` is assumed. A
    server that returns no models causes exit code 1, but the others are still listed.

    \b
    Examples:
      genesis models list --provider vllm
      genesis models list --json
    """
    if as_json and plain:
        raise click.UsageError("--json and --plain cannot be combined")
    session = compile_config(config, env_files, only=only)
    print_findings(session.diagnostics, withheld=session.request.withheld)
    manifest = session.draft
    if manifest is None:
        return 1
    code = int(session.manifest is None)
    if as_json:
        print_json(_report(manifest))
        return code
    rows = [_row(manifest, provider, model) for provider, entry in manifest.providers.items() for model in entry.models]
    if rows or not code:
        _print_rows(_COLUMNS, rows, plain=plain)
    return code


@command.command("status", short_help="Query the server of every configured provider.")
@click.option("only", "--provider", metavar="ID", help="Only this provider.")
@click.option("probe", "--probe", is_flag=True, help="Stream one token from each and measure its latency.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON (versioned).")
@click.option("plain", "--plain", is_flag=True, help="One provider per line, tab-separated, no header.")
@config_argument
@env_file_option
def status(  # one argument per option
    only: str | None, config: str | None, env_files: tuple[str, ...], *, probe: bool, as_json: bool, plain: bool
) -> int:
    """Query the server of every configured provider and report its status.

    The exit code is 1 if a server cannot be reached, rejects the key or streams no token, or if a provider that the
    configuration needs is not configured; `genesis doctor` explains why.

    \b
    Examples:
      genesis models status
      genesis models status --probe --json
    """
    if as_json and plain:
        raise click.UsageError("--json and --plain cannot be combined")
    from genesis_config.health.providers import list_relevant  # `--help` does without
    from genesis_config.health.status import report_status

    given = load_input(config, env_files)
    with spinner("querying servers"):
        session = given.run("status", provider=only)
        statuses = report_status(session, with_probe=probe)
    print_findings(session.linted.diagnostics, withheld=session.request.withheld)
    if session.stopped:
        return 1
    if only is not None and not statuses:
        names = ", ".join(decision.provider for decision in list_relevant(session))
        raise click.UsageError(f"no provider {only!r} is configured (configured: {names or 'none'})")
    if as_json:
        print_json({"version": 1, "providers": [_status_report(provider) for provider in statuses]})
    else:
        columns = _STATUS_COLUMNS if probe else _STATUS_COLUMNS[:-1]
        _print_rows(columns, [_status_row(provider)[: len(columns)] for provider in statuses], plain=plain)
        if not plain:
            for provider in statuses:
                if provider.problem is not None:
                    print_note(f"{provider.decision.provider}: {provider.problem}")
    return int(any(provider.problem is not None for provider in statuses))


def _status_row(status: Status) -> tuple[str, ...]:
    """Return the cells of a provider, in the order of the columns."""
    decision, seconds = status.decision, status.first_token_seconds
    cells = (
        decision.provider,
        decision.kind,
        decision.base_url,
        status.credential,
        {None: "not checked", True: "yes", False: "no"}[status.reachable],
        status.version or "-",
        "-" if status.models is None else str(len(status.models)),
        "-" if seconds is None else f"{seconds * 1000:.0f} ms",
    )
    return tuple(map(escape, cells))


def _status_report(status: Status) -> dict[str, object]:
    decision = status.decision
    return {
        "provider": decision.provider,
        "decision": decision.kind,
        "reason": decision.reason,
        "baseUrl": decision.base_url,
        "credential": status.credential,
        "reachable": status.reachable,
        "serverVersion": status.version,
        "models": None if status.models is None else list(status.models),
        "firstTokenSeconds": status.first_token_seconds,
        "problem": status.problem,
    }


def _print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]], *, plain: bool) -> None:
    """Print rows: tab-separated if plain, as a table otherwise."""
    if plain:
        sys.stdout.writelines(escape_start("\t".join(row)) + "\n" for row in rows)
    elif not rows:
        print_note("no provider is configured; run `genesis doctor` to see why")
    else:
        print_table(columns, rows, right=_NUMBERS, joined=("from",))


def _row(manifest: Manifest, provider: str, model: Model) -> tuple[str, ...]:
    """Return the cells of a model, in the order of the columns."""
    reference = f"{provider}/{model.id}"
    return (
        escape(reference),
        str(model.context_window),
        model.context_window_from,
        str(model.max_tokens),
        model.max_tokens_from,
        ", ".join(model.input),
        "yes" if model.reasoning else "no",
        escape(", ".join(_roles(manifest, reference))),
    )


def _roles(manifest: Manifest, reference: str) -> list[str]:
    """Return the roles that a model is selected for."""
    selection = manifest.selection
    roles = ["primary"] if selection.primary == reference else []
    roles += [f"fallback {number}" for number, name in enumerate(selection.fallbacks, 1) if name == reference]
    return roles + [f"alias {alias}" for alias, name in selection.aliases.items() if name == reference]


def _report(manifest: Manifest) -> dict[str, object]:
    models = [
        {
            "provider": provider,
            "id": model.id,
            "name": model.name,
            "contextWindow": model.context_window,
            "contextWindowFrom": model.context_window_from,
            "maxTokens": model.max_tokens,
            "maxTokensFrom": model.max_tokens_from,
            "input": list(model.input),
            "reasoning": model.reasoning,
            "parent": model.parent,
            "selectedAs": _roles(manifest, f"{provider}/{model.id}"),
        }
        for provider, entry in manifest.providers.items()
        for model in entry.models
    ]
    return {"version": 1, "models": models}
