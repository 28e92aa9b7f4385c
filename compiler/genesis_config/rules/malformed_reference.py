"""`malformed-reference`: text looks like a reference but is not one.

Reported by `genesis_config.config.expansion`.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "malformed-reference",
    title="text looks like a reference but is not one",
    severity="error",
    kind="required",
    stage="references",
    fixable=True,
    why="""A reference has the form `${NAME}` or `$<NAME>`, where NAME consists of upper-case letters, digits and `_`.
Anything else would be sent to the server as is: `${lower}`, an unclosed `${NAME`, or a value that consists of another
tool's variable syntax (`$NAME`, `os.environ/NAME`, `{{NAME}}`, `%NAME%`). To write a literal `${…}`, escape it as
`$${…}`. `--fix` corrects `${lower}` if `LOWER` is declared in `env.vars`.""",
    bad='{ env: { vars: { MODEL: "llama" } }, agents: { defaults: { model: "vllm/${model}" } } }',
    good='{ env: { vars: { MODEL: "llama" } }, agents: { defaults: { model: "vllm/${MODEL}" } } }',
)
