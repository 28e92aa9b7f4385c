"""`auth-rejected`: server rejected the key.

Reported where servers are queried.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

_CONFIG: Final = """\
{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", apiKey: "${VLLM_API_KEY}", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }"""

RULE: Final = Rule(
    "auth-rejected",
    title="server rejected the key",
    severity="error",
    kind="required",
    stage="server",
    why="""The server responded with 401 or 403. A vLLM server started with `--api-key` accepts only that key; without
the option, it accepts any key.""",
    bad=f"{_CONFIG}  // VLLM_API_KEY is not the server's key",
    good=f"{_CONFIG}  // VLLM_API_KEY is the server's key",
)
