"""`secret-in-plain-position`: a secret variable where its value would be written out."""

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
    title="a secret variable where its value would be written out",
    severity="error",
    kind="required",
    stage="config",
    why="""In `apiKey` and in the values of `headers` the manifest keeps the reference. Everywhere else it holds the
value, so a variable that is used as a key, or is named like one (`…KEY`, `…TOKEN`, `…SECRET`, `…PASSWORD`), would
end up in plain text in the manifest.""",
    bad="""{ models: { providers: { vllm: { params: { user: "${VLLM_API_KEY}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { headers: { "X-User": "${VLLM_API_KEY}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the references to secret variables outside of secret positions."""
    expansion = context.config.expansion
    secret = expansion.secret_names()
    for path, string in expansion.strings.items():
        for part in () if string.secret else parse(string.template):
            if isinstance(part, Reference) and part.name in secret:
                place = context.config.at(*path)
                yield RULE.finding(
                    place.part(string.template, part.start, part.end),
                    f"the value of `{part.name}` would stand in plain text in the manifest, at `{place}`",
                    "use it in `apiKey` or `headers` only, or rename the variable if it holds no secret",
                )
