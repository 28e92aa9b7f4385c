"""`no-models`: provider is declared without models."""

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
    title="provider is declared without models",
    severity="error",
    kind="advice",
    stage="config",
    why="""Declared providers are not discovered: they have only the models listed in `models`. With an empty list, the
provider has no usable models. Either list its models, or discover them by adding `"<id>/*": {}` to
`agents.defaults.models`. For `vllm` at its default address, you can also remove the entry and set `VLLM_API_KEY`.""",
    bad='{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } } }',
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each declared provider that has no models and is not dynamic."""
    for provider in context.config.providers:
        declared = provider.sets(keys.MODELS)
        empty = provider.model_count == 0 if declared else True
        if not empty or provider.is_dynamic or provider.sets(keys.INCLUDE):
            continue
        misspelled = not declared and any(key.lower().startswith("mod") for key in provider.value)
        if provider.place.is_damaged or misspelled:
            continue  # another rule reports this, and a second finding would add nothing
        yield RULE.finding(
            (provider.at(keys.MODELS) if declared else provider.place).key,
            f"the provider `{provider.place}` is declared without models, and declared providers are not discovered",
            f'list its models, or add `agents: {{ defaults: {{ models: {{ "{provider.id}/*": {{}} }} }} }}` to discover'
            " them",
        )
