"""`unknown-key`: unknown key.

Reported by `genesis_config.config.validation`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "unknown-key",
    title="unknown key",
    severity="error",
    kind="advice",
    stage="schema",
    fixable=True,
    why="""Genesis is strict in its own sections, because a misspelled key would otherwise be ignored silently.
`$schema` (for editors) and keys that start with `x-` (for your own notes) are allowed anywhere.""",
    bad='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindws: 8192 }] } } } }',
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
