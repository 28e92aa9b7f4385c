"""`include`: an include that cannot be used.

Reported by `genesis_config.config.includes`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "include",
    title="an include that cannot be used",
    severity="error",
    kind="required",
    stage="text",
    why="""`$include` names a file, or an array of files, whose object stands in its place. The path is relative to
the including file and stays in the folder of the root configuration; files do not include each other in a circle,
nor more than 10 deep.""",
    bad='{ models: { $include: "../elsewhere.json5" } }',
    good='{ models: { $include: "./models.json5" } }',
)
