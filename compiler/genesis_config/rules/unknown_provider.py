"""`unknown-provider`: model refers to a provider that is not declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config.defaults import IMPLICIT_PROVIDERS
from genesis_config.diagnostics.suggestions import listed, nearest
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "unknown-provider",
    title="model refers to a provider that is not declared",
    severity="error",
    kind="required",
    stage="config",
    why="""The part before the first slash must be a provider in `models.providers`, or `vllm`, which Genesis can
discover by itself. Model ids often contain a slash of their own: `meta-llama/Llama-3-8B` still needs the provider in
front of it (`vllm/meta-llama/Llama-3-8B`).""",
    bad="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "vlm/llama-3-8b" } } }""",
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: "vllm/llama-3-8b" } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each reference to a provider that is neither declared nor discovered."""
    config = context.config
    known = {*(provider.id for provider in config.providers), *IMPLICIT_PROVIDERS}
    for reference in config.references:
        provider = reference.provider
        if provider is None or provider in known or not reference.is_known or reference.is_misplaced_wildcard:
            continue
        near = nearest(provider, known)
        help_ = f"declare it in `models.providers`; known: {listed(sorted(known))}"
        if (owner := config.provider_of_model(reference.text)) is not None:
            help_ = f"this is a model id: use `{owner.id}/{reference}`"
        elif near:
            help_ = f"did you mean `{near}/{reference.place.show(reference.model or '')}`?"
        shown = reference.place.show(provider)
        message = f"`{reference}` in `{reference.owner}`: the provider `{shown}` is not declared"
        yield RULE.finding(reference.place, message, help_)
