"""`syntax`: file is not valid JSON5.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "syntax",
    title="file is not valid JSON5",
    severity="error",
    kind="required",
    stage="text",
    why="""A configuration is JSON5 1.0: JSON with comments, trailing commas, unquoted keys and single quotes. Up to 20
syntax errors per file are reported in one run, and the other rules still check everything that could be read.""",
    bad='{ agents: { defaults: { model: "vllm/llama" } }',
    good='{ agents: { defaults: { model: "vllm/llama" } } }',
)
