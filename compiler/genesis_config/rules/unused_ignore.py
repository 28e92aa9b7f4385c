"""`unused-ignore`: a comment that silences nothing.

Reported by `genesis_config.lint.ignores`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "unused-ignore",
    title="a comment that silences nothing",
    severity="warning",
    kind="advice",
    stage="comments",
    fixable=True,
    why="""`// genesis: ignore[RULE] reason` silences a rule on its own line, or on the next one that holds
something. What it was for may be gone, its rule misspelt, or its reason missing: it is required, since whoever comes
after you will ask. Only `genesis check` looks at these comments; what would make a manifest wrong stops
`genesis compile` all the same.""",
    bad="""{
  agents: { defaults: { model: "vllm/llama" } }, // genesis: ignore[unknown-section] of another program
}""",
    good="""{
  gateway: {}, // genesis: ignore[unknown-section] of another program
}""",
)
