"""`secret-in-plain-position`: a secret variable whose value would be written to the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.rules.rule import Rule
from genesis_config.syntax.references import Reference, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "secret-in-plain-position",
    title="secret variable would be written to the manifest",
    severity="error",
    kind="required",
    stage="config",
    why="""For `apiKey` and the values of `headers`, the manifest keeps the reference. Everywhere else it contains the
value, so a variable that is used as a key, or named like one (`…KEY`, `…TOKEN`, `…SECRET`, `…PASSWORD`), would end up
in the manifest in plain text.""",
    bad="""{ models: { providers: { vllm: { params: { user: "${VLLM_API_KEY}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { headers: { "X-User": "${VLLM_API_KEY}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the references to secret variables outside secret positions."""
    expansion = context.config.expansion
    secret = expansion.secret_names()
    for path, string in expansion.strings.items():
        for part in () if string.secret else parse(string.template):
            if isinstance(part, Reference) and part.name in secret:
                place = context.config.at(*path)
                yield RULE.finding(
                    place.part(string.template, part.start, part.end),
                    f"`{place}` would write the value of `{part.name}` to the manifest in plain text",
                    "use it only in `apiKey` or `headers`, or rename the variable if it is not a secret",
                )
