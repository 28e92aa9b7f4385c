"""`server-unreachable`: server is unreachable.

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
    title="server is unreachable",
    severity="error",
    kind="required",
    stage="server",
    why="""Genesis queries `{baseUrl}/models` for the models of a discovered or wildcard provider, with a connect
timeout of 5 s and a total timeout of 15 s. The query fails if nothing listens at that address, the host name cannot be
resolved, the certificate is not trusted, or the server is too slow. It is only a warning if nothing in the
configuration uses the provider.""",
    bad=f"{_CONFIG}  // nothing listens on 127.0.0.1:8000",
    good=f"{_CONFIG}  // after `vllm serve llama`",
)
