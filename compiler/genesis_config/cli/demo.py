"""`genesis demo`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from genesis_config.cli.base import Command
from genesis_config.diagnostics.errors import GenesisError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.manifest import Manifest
    from genesis_config.pipeline import Session

__all__ = ["command"]

_CONFIG: Final = """\
{{
  models: {{
    providers: {{
      vllm: {{
        baseUrl: "{url}",
        apiKey: "${{VLLM_API_KEY}}", // a reference: the manifest contains it, never the key
        models: [],
      }},
    }},
  }},
  agents: {{
    defaults: {{
      model: {{ primary: "vllm/{model}" }},
      models: {{ "vllm/*": {{}} }}, // query the server for its models
    }},
  }},
}}
"""
_MODEL: Final = "tiny-llama"
_PROMPT: Final = "Who are you?"
# The built-in server accepts any key. The user's own key is never sent to it.
_ENVIRONMENT: Final = {"VLLM_API_KEY": "vllm-local"}


@click.command("demo", cls=Command)
def command() -> int:
    """Run an end-to-end demo against a built-in server: configuration, decision, models, streamed tokens, usage.

    It starts a mock vLLM server on a free port of 127.0.0.1 and stops it at the end; nothing is left behind.

    \b
    Example:
      genesis demo
    """
    from genesis_config.cli.compile import explain_decisions
    from genesis_config.cli.output import print_findings

    with _server() as url:
        text = _CONFIG.format(url=url, model=_MODEL)
        _heading("The configuration")
        click.echo(text)
        session = _compile(text)
        print_findings(session.diagnostics)
        if session.manifest is None:
            return 1
        _heading("The decision, with its reason")
        for line in explain_decisions(session.decisions.every):
            click.echo(line)
        _heading("\nThe models that the server lists")
        for name, provider in session.manifest.providers.items():
            for model in provider.models:
                origin = model.context_window_from
                click.echo(f"{name}/{model.id}: {model.context_window} tokens of context (from the {origin})")
        _heading(f"\nA completion, token by token: {_PROMPT}")
        asyncio.run(_stream(session.manifest))
    return 0


@contextmanager
def _server() -> Iterator[str]:
    """Run the test server as a child process, which exits with this one however that ends."""
    process = subprocess.Popen(  # noqa: S603 - our own module, and no shell
        [sys.executable, "-m", "genesis_config.testing", "--chunk-delay", "0.03", "--model", f"{_MODEL}:2048"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C reaches only this process, which then ends the server.
        start_new_session=True,
    )
    try:
        url = process.stdout.readline().decode().strip() if process.stdout else ""
        if not url:
            raise GenesisError("the built-in server did not start; its output is above")
        yield url
    finally:
        process.communicate()


def _compile(text: str) -> Session:
    from genesis_config.config.expansion import Layer, Variables
    from genesis_config.lint.discovery import NAMES
    from genesis_config.pipeline import Request, run_pipeline

    variables = Variables((Layer("the demo", _ENVIRONMENT),), complete=True)
    return run_pipeline(NAMES[0], text.encode(), Request("compile", variables))


async def _stream(manifest: Manifest) -> None:
    from genesis_config.cli.answers import format_usage
    from genesis_config.runtime import Runtime, TextDelta, Usage

    async with Runtime(manifest, environment=_ENVIRONMENT) as runtime:
        async for event in runtime.stream(None, [{"role": "user", "content": _PROMPT}]):
            match event:
                case TextDelta(text=text):
                    click.echo(text, nl=False)
                case Usage():
                    click.echo(f"\n\n{format_usage(event)}")


def _heading(text: str) -> None:
    bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    click.echo(click.style(text, bold=True) if bold else text)
