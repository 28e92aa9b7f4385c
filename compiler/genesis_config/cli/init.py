"""`genesis init`."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from genesis_config.cli.base import Command, WritingOption
from genesis_config.cli.output import print_note
from genesis_config.diagnostics.errors import GenesisError, file_error
from genesis_config.lint.discovery import NAMES

__all__ = ["command"]

_IMPLICIT: Final = """\
// A Genesis configuration. `genesis check` lints it, `genesis explain RULE` explains a finding.
{{
  // Without an entry for `vllm` the models are discovered at http://127.0.0.1:8000/v1, once VLLM_API_KEY is set
  // (any value works if the server requires no key).
  agents: {{
    defaults: {{
      model: {{ primary: {reference} }},
    }},
  }},
}}
"""
_EXPLICIT: Final = """\
// A Genesis configuration. `genesis check` lints it, `genesis explain RULE` explains a finding.
{{
  models: {{
    providers: {{
      vllm: {{
        baseUrl: {url},
        apiKey: "${{VLLM_API_KEY}}", // a reference: the key itself belongs in the environment
        models: [
          {{
            id: {model},
            contextWindow: 128000, // tokens; the server's --max-model-len
            maxTokens: 8192, // maximum number of output tokens
          }},
        ],
      }},
    }},
  }},
  agents: {{
    defaults: {{
      model: {{ primary: {reference} }},
    }},
  }},
}}
"""


@click.command("init", cls=Command)
@click.option(
    "path",
    "-o",
    "--output",
    cls=WritingOption,
    metavar="FILE",
    default=NAMES[0],
    help=f"Output file (- for stdout).  [default: {NAMES[0]}]",
)
@click.option("url", "--base-url", metavar="URL", help="Declare the provider at URL instead of discovering it.")
@click.option("model", "--model", metavar="ID", default="your-model-id", help="The model ID.  [default: your-model-id]")
def command(path: str, url: str | None, model: str) -> int:
    """Write a configuration to start from. An existing file is never overwritten.

    \b
    Examples:
      genesis init --model meta-llama/Llama-3.1-8B-Instruct
      genesis init --base-url http://192.168.1.50:9000/v1 --model my-custom-model
    """
    import json5  # `--help` does without

    from genesis_config.cli.output import print_findings
    from genesis_config.config.inputs import load_variables
    from genesis_config.diagnostics.finding import has_severity
    from genesis_config.files.writing import write_atomic
    from genesis_config.pipeline import check_config

    def quoted(text: str) -> str:
        # An argument is meant literally: the shell has already expanded variables in it.
        literal = text.replace("${", "$${").replace("$<", "$$<")
        return str(json5.dumps(literal, quote_style=json5.QuoteStyle.ALWAYS_DOUBLE))

    shown = click.format_filename(path)
    if path != "-" and os.path.lexists(path):
        raise GenesisError(f"{path} already exists; not overwritten")
    template = _IMPLICIT if url is None else _EXPLICIT
    text = template.format(url=quoted(url or ""), model=quoted(model), reference=quoted(f"vllm/{model}"))
    findings = check_config(path, text.encode(), load_variables((), environment=False)).diagnostics
    print_findings(findings)
    if has_severity(findings):
        raise GenesisError("the configuration would have errors with these options; nothing was written")
    if path == "-":
        sys.stdout.write(text)
        return 0
    try:
        write_atomic(path, text.encode())
    except OSError as error:
        raise file_error("write", path, error) from None
    print_note(f"wrote {shown}; run `genesis check` to lint it")
    return 0
