"""`unknown-section`: unknown section.

Reported by `genesis_config.config.validation`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "unknown-section",
    title="unknown section",
    severity="warning",
    kind="advice",
    stage="schema",
    why="""A configuration file may have sections for other programs, so an unknown section is not an error. But it may
be a misspelled one, and Genesis does not check its contents, so it is reported as a warning. Other keys in `agents` and
`agents.defaults` are not reported unless they look like a typo of `defaults`, `model` or `models` and that key is
missing.""",
    bad='{ agnets: { defaults: { model: "vllm/llama" } } }',
    good='{ agents: { defaults: { model: "vllm/llama" } } }',
)
