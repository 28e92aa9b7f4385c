"""`lone-surrogate`: unpaired surrogate in a string.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "lone-surrogate",
    title="unpaired surrogate in a string",
    severity="error",
    kind="required",
    stage="text",
    why=r"""`\ud83d` alone is not a character: it cannot be encoded as UTF-8, and programs handle it differently. Write
the character itself, or both halves of the pair: `\ud83d\ude00`.""",
    bad=r'{ agents: { defaults: { models: { "vllm/m": { params: { stop: "\ud83d" } } } } } }',
    good=r'{ agents: { defaults: { models: { "vllm/m": { params: { stop: "\ud83d\ude00" } } } } } }',
)
