"""`empty-variable`: a variable is set and empty.

Reported where variables are resolved.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "empty-variable",
    title="a variable is set and empty",
    severity="warning",
    kind="advice",
    stage="variables",
    why="""An empty value is used as it is. It is rarely meant: in a pipeline it is mostly a secret or a parameter
that was not passed on. `${NAME:-text}` uses the default for an empty variable too, `${NAME:?words}` refuses it.""",
    bad="""{ models: { providers: { vllm: { params: { user: "${TEAM}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }  // and TEAM is empty""",
    good="""{ models: { providers: { vllm: { params: { user: "${TEAM:-everyone}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)
