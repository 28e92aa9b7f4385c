"""`not-utf8`: file is not valid UTF-8.

Reported by `genesis_config.syntax.decode`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "not-utf8",
    title="file is not valid UTF-8",
    severity="error",
    kind="required",
    stage="text",
    why="""JSON5 text is Unicode, which Genesis reads as UTF-8, with or without a byte order mark. A file in another
encoding would be read differently on different machines.""",
    bad="a file saved as Latin-1 or UTF-16",
    good="the same file saved as UTF-8",
)
