"""`auth-rejected`: a server refuses the key.

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
    title="a server refuses the key",
    severity="error",
    kind="required",
    stage="server",
    why="The server answered 401 or 403. A vLLM with `--api-key` takes that key and no other; one without, any.",
    bad=f"{_CONFIG}  // and VLLM_API_KEY is not the server's key",
    good=f"{_CONFIG}  // and VLLM_API_KEY is",
)
