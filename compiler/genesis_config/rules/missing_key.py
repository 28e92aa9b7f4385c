"""`missing-key`: an object without a key that it must have.

Reported by `genesis_config.config.validation`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "missing-key",
    title="an object without a key that it must have",
    severity="error",
    kind="required",
    stage="schema",
    why="""A model has an `id`, an `apiKey` that is an object has a `source`. The finding points at the brace that
opens the object.""",
    bad="{ models: { providers: { vllm: { models: [{ contextWindow: 8192 }] } } } }",
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
