"""`genesis complete`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from genesis.cli.inputs import compile_now, config_option, env_file_option, read, show, variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from genesis.manifest import Manifest
    from genesis.runtime import Completion, CompletionError, Runtime, Usage

__all__ = ["command", "usage_line"]


@click.command("complete")
@click.argument("prompt")
@click.option("model", "--model", metavar="REF", help="`provider/model` or an alias; else the configuration's primary.")
@click.option(
    "manifest_path", "--manifest", metavar="FILE", type=click.Path(), help="Use this manifest; compile nothing."
)
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
    """Read the manifest, or compile one: where a provider is named, no other server is asked."""
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


async def _print_stream(runtime: Runtime, model: str | None, request: dict[str, Any]) -> int:
    """Print text as it comes, and the usage at the end."""
    from genesis.report.escape import escape
    from genesis.runtime import FellBack, TextDelta, Usage

    terminal = sys.stdout.isatty()
    ended = True
    try:
        async with aclosing(runtime.stream(model, **request)) as stream:
            async for event in stream:
                match event:
                    case TextDelta(text=text, index=0):
                        # To a pipe the text goes exactly as it came; a terminal would obey what is in it.
                        shown = "\n".join(map(escape, text.split("\n"))) if terminal else text
                        sys.stdout.write(shown)
                        sys.stdout.flush()
                        ended = text.endswith("\n")
                    case FellBack(failed=failed, next=next_, reason=reason):
                        click.echo(escape(f"{failed}: {reason}; {next_} is tried"), err=True)
                    case Usage():
                        if not ended and terminal:
                            sys.stdout.write("\n")
                            sys.stdout.flush()
                        click.echo(usage_line(event), err=True)
    except BaseException:
        if not ended and terminal:
            sys.stdout.write("\n")
        raise
    return 0


def usage_line(usage: Usage) -> str:
    """Write a completion's usage on one line."""
    if usage.input is None or usage.output is None:
        return f"usage: {'; '.join(usage.notes) or 'not reported by the server'}"
    extra = [f"{usage.reasoning} of them reasoning"] if usage.reasoning else []
    parts = [f"{usage.input} input", ", ".join([f"{usage.output} output tokens", *extra])]
    if usage.cached:
        parts[0] += f" ({usage.cached} cached)"
    line = f"usage: {' + '.join(parts)}, {usage.context_used or 0:.1%} of the context window, cost {usage.cost:g}"
    return "; ".join([line, *usage.notes])


def _as_json(completion: Completion) -> dict[str, Any]:
    """Give a completion as one JSON object, versioned."""
    usage = completion.usage
    return {
        "version": 1,
        "provider": completion.provider,
        "model": completion.model,
        "text": completion.text,
        "reasoning": completion.reasoning,
        "toolCalls": [
            {"id": call.id, "name": call.name, "arguments": call.arguments} for call in completion.tool_calls
        ],
        "finishReason": completion.finish_reason,
        "usage": {
            "input": usage.input,
            "output": usage.output,
            "reasoning": usage.reasoning,
            "cached": usage.cached,
            "cost": usage.cost,
            "contextUsed": usage.context_used,
        },
        "notes": list(usage.notes),
        "attempts": [
            {"model": each.model, "error": each.error, "message": each.message, "status": each.status}
            for each in completion.attempts
        ],
    }


def _complain(error: CompletionError) -> None:
    """Say what went wrong, and what to do. What had arrived of the answer is on standard output already."""
    from genesis.report.escape import escape

    kind = re.sub("(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    where = f" ({error.provider}/{error.model})" if error.model else ""
    click.echo(f"error[{kind}]: {escape(str(error))}{escape(where)}", err=True)
    for attempt in error.attempts:
        click.echo(f"  = before that: {escape(f'{attempt.model}: {attempt.message}')}", err=True)
    if error.help:
        click.echo(f"  = help: {escape(error.help)}", err=True)
