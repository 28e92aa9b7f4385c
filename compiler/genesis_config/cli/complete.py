"""`genesis complete`."""

from __future__ import annotations

import asyncio
import base64
import json
import mimetypes
import os
from typing import TYPE_CHECKING, Any

import click

from genesis_config.cli.base import Command
from genesis_config.cli.inputs import load_manifest
from genesis_config.cli.options import config_option, env_file_option
from genesis_config.config.inputs import load_variables, read_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from genesis_config.manifest import Manifest

__all__ = ["command"]


@click.command("complete", cls=Command)
@click.argument("prompt")
@click.option(
    "model", "--model", metavar="REF", help="Model to use: `provider/model` or an alias. Default: the primary model."
)
@click.option(
    "manifest_path",
    "--manifest",
    metavar="FILE",
    type=click.Path(),
    help="Use a compiled manifest instead of a configuration.",
)
@click.option("system", "--system", metavar="TEXT", help="System message to send before the prompt.")
@click.option(
    "max_tokens", "--max-tokens", metavar="N", type=click.IntRange(min=1), help="Maximum number of output tokens."
)
@click.option(
    "params",
    "--param",
    metavar="K=V",
    multiple=True,
    help="Set a request field; V is parsed as JSON, otherwise used as a string.",
)
@click.option("as_json", "--json", is_flag=True, help="Print one JSON object at the end.")
@click.option("as_events", "--events", is_flag=True, help="Stream events as JSON Lines.")
@click.option(
    "files", "--file", metavar="FILE", multiple=True, type=click.Path(), help="Attach an image or audio file."
)
@config_option
@env_file_option
def command(
    prompt: str,
    model: str | None,
    manifest_path: str | None,
    system: str | None,
    max_tokens: int | None,
    params: tuple[str, ...],
    files: tuple[str, ...],
    config: str | None,
    env_files: tuple[str, ...],
    *,
    as_json: bool,
    as_events: bool,
) -> int:
    """Stream a completion of PROMPT (- to read it from standard input).

    The text goes to standard output as it arrives, the usage to standard error at the end. Without --manifest the
    configuration is compiled in memory.

    \b
    Examples:
      genesis complete "Say hello"
      genesis complete "Say hello" --model vllm/your-model-id --max-tokens 64 --param temperature=0
      genesis complete - --manifest manifest.json < question.txt
      genesis complete "What is this?" --file picture.png --events
    """
    if as_json and as_events:
        raise click.UsageError("--json and --events cannot be combined")
    # With a provider in the reference, no other server needs to be queried.
    only = model.partition("/")[0] if model and "/" in model else None
    manifest = load_manifest(manifest_path, config, env_files, only=only)
    if manifest is None:
        return 1
    text = read_input("-").decode(errors="replace") if prompt == "-" else prompt
    messages: list[dict[str, object]] = [{"role": "system", "content": system}] if system is not None else []
    messages.append({"role": "user", "content": _content(text, files)})
    environment = load_variables(env_files, environment=True).merged()
    request = {"messages": messages, "max_tokens": max_tokens, "params": dict(map(_param, params))}
    form = "json" if as_json else "events" if as_events else "text"
    return asyncio.run(_run(manifest, environment, model, request, form))


def _param(text: str) -> tuple[str, object]:
    """Parse `K=V`, where V is JSON or else a string.

    Raises:
        click.UsageError: There is no `=`.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.UsageError(f"--param expects K=V, got {text!r}")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


async def _run(
    manifest: Manifest, environment: Mapping[str, str], model: str | None, request: dict[str, Any], form: str
) -> int:
    """Run the completion and print it; return the exit code."""
    from genesis_config.cli import answers
    from genesis_config.runtime import CompletionError, Runtime

    print_answer = {"text": answers.print_text, "events": answers.print_events, "json": answers.print_completion}[form]
    async with Runtime(manifest, environment=environment) as runtime:
        try:
            await print_answer(runtime, model, request)
        except CompletionError as error:
            answers.print_completion_error(error)
            return 1
    return 0


def _content(prompt: str, files: Sequence[str]) -> str | list[dict[str, Any]]:
    """Return the content of the message: the prompt, or parts for the prompt and the files.

    Raises:
        GenesisError: A file cannot be read.
        click.UsageError: A file is neither an image nor audio.
    """
    parts: list[dict[str, Any]] = [{"type": "text", "text": prompt}]
    for path in files:
        kind = mimetypes.guess_type(path)[0] or ""
        data = base64.b64encode(read_input(path)).decode()
        if kind.startswith("image/"):
            parts.append({"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}})
        elif kind.startswith("audio/"):
            audio = {"data": data, "format": os.path.splitext(path)[1][1:].lower()}
            parts.append({"type": "input_audio", "input_audio": audio})
        else:
            raise click.UsageError(f"{path}: unsupported file type; expected an image or audio file")
    return parts if files else prompt
