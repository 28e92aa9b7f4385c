"""`bad-model-list`: server did not return a model list.

Reported where servers are queried.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "bad-model-list",
    title="server did not return a model list",
    severity="error",
    kind="required",
    stage="server",
    why="""The server responded with a status other than 200, a redirect, an HTML page, or unexpected JSON. Usually
`baseUrl` points to something else, or lacks `/v1`. Redirects are not followed, because the key is intended for one
address only. Individual entries without a usable id are skipped with a warning.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/llm/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }  // the server has no /llm""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }""",
)
