"""`empty-variable`: variable is set but empty.

Reported where variables are resolved.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "empty-variable",
    title="variable is set but empty",
    severity="warning",
    kind="advice",
    stage="variables",
    why="""An empty value is used as is, but is rarely intended: in a CI pipeline it is usually a secret or a parameter
that was not passed on. `${NAME:-default}` also applies its default to an empty variable, and `${NAME:?message}` makes
it an error.""",
    bad="""{ models: { providers: { vllm: { params: { user: "${TEAM}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }  // TEAM is empty""",
    good="""{ models: { providers: { vllm: { params: { user: "${TEAM:-everyone}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)
