"""`wrong-type`: value has the wrong type.

Reported by `genesis_config.config.validation`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "wrong-type",
    title="value has the wrong type",
    severity="error",
    kind="required",
    stage="schema",
    why="""Numbers, strings and booleans are never converted into each other: `"8192"` is a string. The root of a
configuration must be an object.""",
    bad='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: "8192" }] } } } }',
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
