"""`malformed-model-ref`: model reference does not have the form `provider/model`."""

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
    title="model reference does not have the form `provider/model`",
    severity="error",
    kind="required",
    stage="config",
    why="""A model reference is split at its first slash into a provider id and a model id:
`vllm/meta-llama/Llama-3-8B` is the model `meta-llama/Llama-3-8B` of the provider `vllm`. The selection must name each
model in full: aliases work only on the command line and in programs, and the wildcard `vllm/*`, which matches many
models, only as a key of `agents.defaults.models`.""",
    bad="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "llama-3-8b" } } }""",
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "vllm/llama-3-8b" } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each reference that does not name exactly one model of one provider."""
    for reference in context.config.references:
        if not reference.is_known:
            continue
        where = reference.owner
        if reference.provider is None:
            message = f"`{reference}` in `{where}` is not a valid model reference"
            yield RULE.finding(reference.place, message, _help(context.config, reference))
        elif reference.is_misplaced_wildcard:
            message = f"`{reference}` in `{where}` is a wildcard, which matches many models"
            yield RULE.finding(reference.place, message, f"name a single model: `{reference.provider}/MODEL`")


def _help(config: Config, reference: ModelRef) -> str:
    aliased = config.selection.aliases.get(reference.text)
    if aliased:
        return f"`{reference}` is an alias: use `{aliased[0].reference}`"
    provider = config.provider_of_model(reference.text)
    return f"use `{provider.id}/{reference}`" if provider else "use the form `provider/model`"
