"""`syntax`: the text is no JSON5.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "syntax",
    title="the text is no JSON5",
    severity="error",
    kind="required",
    stage="text",
    why="""A configuration is JSON5 1.0: JSON with comments, trailing commas, unquoted keys and single quotes. All
syntax errors of a file are reported in one run, up to 20, and what could be read is checked all the same.""",
    bad='{ agents: { defaults: { model: "vllm/llama" } }',
    good='{ agents: { defaults: { model: "vllm/llama" } } }',
)
