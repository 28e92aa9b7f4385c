"""`out-of-range`: number is out of range.

Reported by `genesis_config.config.validation`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "out-of-range",
    title="number is out of range",
    severity="error",
    kind="required",
    stage="schema",
    why="Context windows, limits and timeouts must be greater than 0. Prices must not be negative.",
    bad='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 0 }] } } } }',
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
