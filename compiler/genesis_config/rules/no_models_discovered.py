"""`no-models-discovered`: a server lists no models.

Reported where servers are queried.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "no-models-discovered",
    title="a server lists no models",
    severity="error",
    kind="required",
    stage="server",
    why="The server answered with a list that holds no model with an id.",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }  // and the server lists nothing""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }  // and the server serves llama""",
)
