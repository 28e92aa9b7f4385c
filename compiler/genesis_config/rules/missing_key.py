"""`missing-key`: required key is missing.

Reported by `genesis_config.config.validation`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "missing-key",
    title="required key is missing",
    severity="error",
    kind="required",
    stage="schema",
    why="""Every model needs an `id`, and an `apiKey` that is an object needs a `source`. The finding points to the
opening brace of the object.""",
    bad="{ models: { providers: { vllm: { models: [{ contextWindow: 8192 }] } } } }",
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
