"""`too-deep`: objects and arrays are nested more than 200 levels deep.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "too-deep",
    title="objects and arrays are nested more than 200 levels deep",
    severity="error",
    kind="required",
    stage="text",
    why="""A configuration needs only a handful of levels. More than 200 levels are a sign of brackets that are never
closed, or of an attempt to exhaust the program that reads the file.""",
    bad="[[[[…]]]], with more than 200 brackets open at once",
    good='{ agents: { defaults: { model: "vllm/llama" } } }',
)
