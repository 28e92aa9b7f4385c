"""`include`: `$include` cannot be resolved.

Reported by `genesis_config.config.includes`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "include",
    title="`$include` cannot be resolved",
    severity="error",
    kind="required",
    stage="text",
    why="""`$include` names a file, or an array of files, whose contents are merged into the surrounding object. Paths
are relative to the including file and must stay inside the directory of the root configuration. Files must not include
each other in a cycle, and includes can be nested at most 10 levels deep.""",
    bad='{ models: { $include: "../elsewhere.json5" } }',
    good='{ models: { $include: "./models.json5" } }',
)
