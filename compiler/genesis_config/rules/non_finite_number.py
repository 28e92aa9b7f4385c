"""`non-finite-number`: number cannot be represented in JSON.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "non-finite-number",
    title="number cannot be represented in JSON",
    severity="error",
    kind="required",
    stage="text",
    why="""JSON5 allows `NaN` and `Infinity`, and a literal such as `1e999` overflows to infinity. The manifest and all
requests are JSON, which has no such numbers.""",
    bad='{ agents: { defaults: { models: { "vllm/m": { params: { temperature: Infinity } } } } } }',
    good='{ agents: { defaults: { models: { "vllm/m": { params: { temperature: 2 } } } } } }',
)
