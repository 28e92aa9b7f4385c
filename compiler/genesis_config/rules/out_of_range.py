"""`out-of-range`: a number that is too small.

Reported by `genesis_config.config.validation`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "out-of-range",
    title="a number that is too small",
    severity="error",
    kind="required",
    stage="schema",
    why="Windows, limits and time-outs are more than 0, prices are 0 or more.",
    bad='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 0 }] } } } }',
    good='{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
