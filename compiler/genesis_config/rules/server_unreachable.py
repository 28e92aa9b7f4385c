"""`server-unreachable`: a server that is to be asked does not answer.

Reported where servers are queried.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

_CONFIG: Final = """\
{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }"""

RULE: Final = Rule(
    "server-unreachable",
    title="a server that is to be asked does not answer",
    severity="error",
    kind="required",
    stage="server",
    why="""A provider that is discovered, or kept dynamic by a wildcard, is asked for its models at
`{baseUrl}/models`: the connection must stand within 5 seconds, the answer within 15. Nothing listens there, its
name is not known, its certificate is not accepted, or it is too slow. Where nothing in the configuration names the
provider this is a warning.""",
    bad=f"{_CONFIG}  // and nothing listens on 127.0.0.1:8000",
    good=f"{_CONFIG}  // after `vllm serve llama`",
)
