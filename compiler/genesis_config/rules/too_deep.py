"""`too-deep`: more than 200 levels of objects and arrays.

Reported by the reader, `genesis_config.syntax`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "too-deep",
    title="more than 200 levels of objects and arrays",
    severity="error",
    kind="required",
    stage="text",
    why="""A configuration needs a handful of levels. More than 200 are a bracket that is never closed, or an
attempt to exhaust whatever reads the file.""",
    bad="[[[[…]]]] with more than 200 brackets open at once",
    good='{ agents: { defaults: { model: "vllm/llama" } } }',
)
