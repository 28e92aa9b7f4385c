"""`duplicate-key`: a key is given twice in one object.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "duplicate-key",
    title="a key is given twice in one object",
    severity="error",
    kind="required",
    stage="text",
    why="""JSON5 libraries silently keep the last value, so the first one is lost without a word. Usually both were
meant, in one object, or one is a leftover.""",
    bad='{ agents: { defaults: { model: "vllm/llama", model: "vllm/qwen" } } }',
    good='{ agents: { defaults: { model: { primary: "vllm/llama", fallbacks: ["vllm/qwen"] } } } }',
)
