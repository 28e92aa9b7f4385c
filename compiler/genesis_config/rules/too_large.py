"""`too-large`: a file of more than 16 MiB.

Reported by `genesis_config.syntax.decode`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "too-large",
    title="a file of more than 16 MiB",
    severity="error",
    kind="required",
    stage="text",
    why="10,000 models with all that can be said of them take 3 MB. A file past 16 MiB was given by mistake.",
    bad="a file of model weights",
    good="the configuration beside it",
)
