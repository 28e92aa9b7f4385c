"""`bad-model-list`: a server's answer is no list of models.

Reported where servers are queried.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "bad-model-list",
    title="a server's answer is no list of models",
    severity="error",
    kind="required",
    stage="server",
    why="""The server answered, with another status than 200, a redirect, a page of HTML, or JSON of another shape:
mostly it is the address of something else, or lacks `/v1`. Redirects are not followed, since a key is meant for one
address. Single rows without a usable id are left out, with a warning.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/llm/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }  // and the server has no /llm""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }""",
)
