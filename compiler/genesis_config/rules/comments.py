"""Comments that silence findings. Their findings are made where comments are read; here is what they mean."""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["UNUSED_IGNORE"]

UNUSED_IGNORE: Final = Rule(
    "unused-ignore",
    "warning",
    "a comment that silences nothing",
    """`// genesis: ignore[RULE] reason` silences a rule on its own line, or on the next one that holds
something. What it was for may be gone, its rule misspelt, or its reason missing: it is required, since whoever comes
after you will ask. Only `genesis check` looks at these comments; what would make a manifest wrong stops
`genesis compile` all the same.""",
    '{\n  agents: { defaults: { model: "vllm/llama" } }, // genesis: ignore[unknown-section] of another program\n}',
    "{\n  gateway: {}, // genesis: ignore[unknown-section] of another program\n}",
    fixable=True,
)
