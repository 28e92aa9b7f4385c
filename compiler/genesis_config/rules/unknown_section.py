"""`unknown-section`: a section that is not Genesis'.

Reported by `genesis_config.config.validation`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "unknown-section",
    title="a section that is not Genesis'",
    severity="warning",
    kind="advice",
    stage="schema",
    why="""A configuration file may have sections for other programs, so one that Genesis does not know is no error.
It is worth a warning, since it may be a misspelt one, in which nothing is checked. Other programs' keys in `agents` and
`agents.defaults` are none, unless they are nearly `defaults`, `model` or `models`, and that one is missing.""",
    bad='{ agnets: { defaults: { model: "vllm/llama" } } }',
    good='{ agents: { defaults: { model: "vllm/llama" } } }',
)
