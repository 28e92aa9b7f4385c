"""`non-finite-number`: a number that JSON cannot carry.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "non-finite-number",
    title="a number that JSON cannot carry",
    severity="error",
    kind="required",
    stage="text",
    why="""JSON5 knows `NaN` and `Infinity`, and a literal like `1e999` overflows to one of them. The manifest and
every request are JSON, which has no such numbers.""",
    bad='{ agents: { defaults: { models: { "vllm/m": { params: { temperature: Infinity } } } } } }',
    good='{ agents: { defaults: { models: { "vllm/m": { params: { temperature: 2 } } } } } }',
)
