"""`no-models-discovered`: server lists no models.

Reported where servers are queried.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "no-models-discovered",
    title="server lists no models",
    severity="error",
    kind="required",
    stage="server",
    why="The server returned a model list without a single model that has an id.",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }  // the server lists nothing""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }  // the server serves llama""",
)
