"""`lone-surrogate`: half of a surrogate pair.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "lone-surrogate",
    title="half of a surrogate pair",
    severity="error",
    kind="required",
    stage="text",
    why=r"""`\ud83d` alone is no character: it cannot be written as UTF-8, and programs differ in what they make of
it. Write the character itself, or both halves: `\ud83d\ude00`.""",
    bad=r'{ agents: { defaults: { models: { "vllm/m": { params: { stop: "\ud83d" } } } } } }',
    good=r'{ agents: { defaults: { models: { "vllm/m": { params: { stop: "\ud83d\ude00" } } } } } }',
)
