"""`genesis complete`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from genesis.cli.inputs import compile_now, config_option, env_file_option, read, show, variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from genesis.manifest import Manifest
    from genesis.runtime import Completion, Usage

__all__ = ["command", "usage_line"]


@click.command("complete")
@click.argument("prompt")
@click.option("model", "--model", metavar="REF", help="`provider/model` or an alias; else the configuration's primary.")
@click.option("manifest_path", "--manifest", metavar="FILE", type=click.Path(), help="Use this manifest; compile nothing.")
@click.option("system", "--system", metavar="TEXT", help="A system message before the prompt.")
@click.option("max_tokens", "--max-tokens", metavar="N", type=click.IntRange(min=1), help="Output tokens at most.")
@click.option("params", "--param", metavar="K=V", multiple=True, help="A request field; V is JSON, or else text.")
@click.option("as_json", "--json", is_flag=True, help="One JSON object at the end, instead of text as it comes.")
@config_option
@env_file_option
def command(
    prompt: str,
    model: str | None,
    manifest_path: str | None,
    system: str | None,
    max_tokens: int | None,
    params: tuple[str, ...],
    config: str | None,
    env_files: tuple[str, ...],
    *,
    as_json: bool,
) -> int:
    """Stream a completion of PROMPT (- reads it from standard input).

    The text goes to standard output as it comes, the usage to standard error at the end. Without --manifest the
    configuration is compiled in memory.

    \b
    Examples:
      genesis complete "Say hello"
      genesis complete "Say hello" --model vllm/your-model-id --max-tokens 64 --param temperature=0
      genesis complete - --manifest manifest.json < question.txt
    """
    manifest = _manifest(manifest_path, config, env_files, model)
    if manifest is None:
        return 1
    text = read("-").decode(errors="replace") if prompt == "-" else prompt
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages.append({"role": "user", "content": text})
    # The runtime looks variables up by name; files come after the environment, as everywhere.
    environment: dict[str, str] = {}
    for layer in reversed(variables(env_files, environment=True).layers):
        environment |= layer.values
    request = {"messages": messages, "max_tokens": max_tokens, "params": dict(map(_param, params))}
    return asyncio.run(_stream(manifest, environment, model, request, as_json=as_json))


def _manifest(path: str | None, config: str | None, env_files: Sequence[str], model: str | None) -> Manifest | None:
    """Read the manifest, or compile one: only the provider that is used, so that no other server is asked."""
    from genesis.manifest import ManifestError, load

    if path is not None:
        try:
            return load(path)
        except ManifestError as error:
            raise click.ClickException(str(error)) from None
    compiled = compile_now(config, env_files, only=model.partition("/")[0] if model and "/" in model else None)
    show(compiled.diagnostics)
    return compiled.manifest


def _param(text: str) -> tuple[str, Any]:
    """Read `K=V`.

    Raises:
        click.UsageError: There is no `=`.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.UsageError(f"--param takes K=V, and {text!r} has no key or no `=`.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


async def _stream(
    manifest: Manifest, environment: Mapping[str, str], model: str | None, request: dict[str, Any], *, as_json: bool
) -> int:
    """Run the completion and print it; give the exit code."""
    from genesis.runtime import CompletionError, Runtime

    async with Runtime(manifest, environment=environment) as runtime:
        try:
            if as_json:
                completion = await runtime.complete(model, **request)
                sys.stdout.write(json.dumps(_as_json(completion), indent=2) + "\n")
                return 0
            return await _print_stream(runtime, model, request)
        except CompletionError as error:
            _complain(error)
            return 1
