"""`malformed-reference`: what looks like a reference and is none.

Reported by `genesis_config.config.expansion`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "malformed-reference",
    title="what looks like a reference and is none",
    severity="error",
    kind="required",
    stage="references",
    fixable=True,
    why="""A reference is `${NAME}` or `$<NAME>`, and NAME is upper-case letters, digits and `_`. `${lower}`, an
unclosed `${NAME`, and other tools' ways to name a variable (`$NAME`, `os.environ/NAME`, `{{NAME}}`, `%NAME%`, where
they are the whole value) would be sent to the server as they stand. For the text itself write `$${…}`. There is a
fix for `${lower}` where `LOWER` is declared in `env.vars`.""",
    bad='{ env: { vars: { MODEL: "llama" } }, agents: { defaults: { model: "vllm/${model}" } } }',
    good='{ env: { vars: { MODEL: "llama" } }, agents: { defaults: { model: "vllm/${MODEL}" } } }',
)
