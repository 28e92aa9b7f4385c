"""`malformed-model-ref`: a model reference that is not `provider/model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import Config, ModelRef
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "malformed-model-ref",
    title="a model reference that is not `provider/model`",
    severity="error",
    kind="required",
    stage="config",
    why="""A reference splits on its first slash into the provider's id and the model's:
`vllm/meta-llama/Llama-3-8B` is the model `meta-llama/Llama-3-8B` of the provider `vllm`. Aliases are for the
command line and for programs; the selection itself names models in full, and each by itself: `vllm/*` stands for many,
and is a key of `agents.defaults.models` alone.""",
    bad="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "llama-3-8b" } } }""",
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "vllm/llama-3-8b" } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the references that do not name one model of one provider."""
    for reference in context.config.references:
        if not reference.is_known:
            continue
        where = reference.owner
        if reference.provider is None:
            message = f"`{reference}` in `{where}` is no model reference"
            yield RULE.finding(reference.place, message, _help(context.config, reference))
        elif reference.is_misplaced_wildcard:
            message = f"`{reference}` in `{where}` is a wildcard, which stands for many models"
            yield RULE.finding(reference.place, message, f"name one of them: `{reference.provider}/MODEL`")


def _help(config: Config, reference: ModelRef) -> str:
    aliased = config.selection.aliases.get(reference.text)
    if aliased:
        return f"`{reference}` is an alias: write `{aliased[0].reference}`"
    provider = config.provider_of_model(reference.text)
    return f"write `{provider.id}/{reference}`" if provider else "write `provider/model`"
