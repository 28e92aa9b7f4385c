"""`unknown-key`: a key that Genesis does not know.

Reported by `genesis_config.config.validation`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "unknown-key",
    title="a key that Genesis does not know",
    severity="error",
    kind="advice",
    stage="schema",
    fixable=True,
    why="""What Genesis owns it reads strictly: a misspelt key would otherwise do nothing, and nobody would be told.
`$schema` and keys that start with `x-` are allowed anywhere, for editors and for notes of your own.""",
    bad='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindws: 8192 }] } } } }',
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
