"""`genesis models`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from genesis.cli.inputs import compile_now, config_option, env_file_option, show
from genesis.cli.tables import write_table

if TYPE_CHECKING:
    from genesis.manifest import Manifest, Model

__all__ = ["command"]

_COLUMNS = ("model", "context window", "from", "max tokens", "from", "input", "reasoning", "selected as")


@click.group("models")
def command() -> None:
    """Show the models that a configuration resolves to."""


@command.command("list")
@click.option("only", "--provider", metavar="ID", help="This provider alone; no other server is asked.")
@click.option("as_json", "--json", is_flag=True, help="One JSON object, versioned.")
@click.option("plain", "--plain", is_flag=True, help="One line a model, tabs between the columns, no header.")
@config_option
@env_file_option
def list_models(only: str | None, config: str | None, env_files: tuple[str, ...], *, as_json: bool, plain: bool) -> int:
    """List the models of all providers, declared and discovered, with where each context window came from.

    `config` was stated, `server` and `parent` were told by the server, `default` is assumed.

    \b
    Examples:
      genesis models list --provider vllm
      genesis models list --json
    """
    if as_json and plain:
        raise click.UsageError("--json and --plain exclude each other.")
    compiled = compile_now(config, env_files, only=only)
    show(compiled.diagnostics)
    manifest = compiled.manifest
    if manifest is None:
        return 1
    if as_json:
        sys.stdout.write(json.dumps(_report(manifest), indent=2) + "\n")
        return 0
    rows = [_row(manifest, provider, model) for provider, entry in manifest.providers.items() for model in entry.models]
    if plain:
        sys.stdout.writelines("\t".join(row) + "\n" for row in rows)
    elif not rows:
        click.echo("no models: no provider is configured", err=True)
    else:
        write_table(_COLUMNS, rows, right={"context window", "max tokens"})
    return 0


def _row(manifest: Manifest, provider: str, model: Model) -> tuple[str, ...]:
    """Give what is shown of a model, in the order of the columns."""
    from genesis.report.escape import escape  # `--help` does without

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
    """Say what a model is selected as."""
    selection = manifest.selection
    roles = ["primary"] if selection.primary == reference else []
    roles += [f"fallback {number}" for number, name in enumerate(selection.fallbacks, 1) if name == reference]
    return roles + [f"alias {alias}" for alias, name in selection.aliases.items() if name == reference]


def _report(manifest: Manifest) -> dict[str, Any]:
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
