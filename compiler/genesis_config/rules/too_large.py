"""`too-large`: file is larger than 16 MiB.

Reported by `genesis_config.syntax.decode`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "too-large",
    title="file is larger than 16 MiB",
    severity="error",
    kind="required",
    stage="text",
    why="""10,000 models with all their settings take about 3 MB. A file larger than 16 MiB was almost certainly passed
by mistake.""",
    bad="a file of model weights",
    good="the configuration next to it",
)
