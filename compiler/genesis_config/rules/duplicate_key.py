"""`duplicate-key`: key appears twice in one object.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "duplicate-key",
    title="key appears twice in one object",
    severity="error",
    kind="required",
    stage="text",
    why="""JSON5 libraries keep the last value and silently drop the first. Usually the two values were meant to be
merged, or one of them is a leftover.""",
    bad='{ agents: { defaults: { model: "vllm/llama", model: "vllm/qwen" } } }',
    good='{ agents: { defaults: { model: { primary: "vllm/llama", fallbacks: ["vllm/qwen"] } } } }',
)
