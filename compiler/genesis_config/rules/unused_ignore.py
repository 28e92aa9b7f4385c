"""`unused-ignore`: ignore comment is unused.

Reported by `genesis_config.lint.ignores`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "unused-ignore",
    title="ignore comment is unused",
    severity="warning",
    kind="advice",
    stage="comments",
    fixable=True,
    why="""`// genesis: ignore[RULE] reason` disables a rule on its own line, or on the next line that is not empty. A
comment is unused if the finding is gone, the rule is misspelled, or the reason is missing: a reason is required, for
whoever reads it next. Only `genesis check` reads these comments: `genesis compile` still stops at errors that would
make the manifest incorrect.""",
    bad="""{
  agents: { defaults: { model: "vllm/llama" } }, // genesis: ignore[unknown-section] read by another program
}""",
    good="""{
  gateway: {}, // genesis: ignore[unknown-section] read by another program
}""",
)
