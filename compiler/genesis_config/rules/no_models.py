"""`no-models`: a declared provider without models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "no-models",
    title="a declared provider without models",
    severity="error",
    kind="advice",
    stage="config",
    why="""A provider that is declared is not discovered: what `models` lists is all there is. An empty list
therefore is a provider that nothing can be asked of. Either list its models, or keep it dynamic with `"<id>/*": {}`
in `agents.defaults.models`, or, for `vllm` at its default address, leave the entry out and set `VLLM_API_KEY`.""",
    bad='{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } } }',
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the declared providers that have no models and are not dynamic."""
    for provider in context.config.providers:
        declared = provider.sets(keys.MODELS)
        empty = provider.model_count == 0 if declared else True
        if not empty or provider.is_dynamic or provider.sets(keys.INCLUDE):
            continue
        misspelt = not declared and any(key.lower().startswith("mod") for key in provider.value)
        if provider.place.is_damaged or misspelt:
            continue  # a finding of its own, after which this one says nothing new
        yield RULE.finding(
            (provider.at(keys.MODELS) if declared else provider.place).key,
            f"the provider `{provider.place}` is declared and has no models, so it is not discovered either",
            f'list its models, or add `agents: {{ defaults: {{ models: {{ "{provider.id}/*": {{}} }} }} }}` to ask its'
            " server",
        )
