"""`not-configured`: a model of a provider that nothing opted in to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context, Resolved

__all__ = ["RULE", "check_resolved"]

RULE: Final = Rule(
    "not-configured",
    title="a model of a provider that nothing opted in to",
    severity="error",
    kind="required",
    stage="decision",
    why="""The selection names a model of `vllm`, or a wildcard asks for all of its models, and it is neither declared
nor opted in to. Without an opt-in no request is made: a machine that has no vLLM server hears nothing of Genesis. There
are two ways out: set `VLLM_API_KEY` (any value does where the server asks for no key), and its models are
discovered at `http://127.0.0.1:8000/v1`; or declare `models.providers.vllm`. `genesis check` does not look at the
environment and leaves this to `genesis compile`.""",
    bad='{ agents: { defaults: { model: { primary: "vllm/llama-3-8b" } } } }  // and VLLM_API_KEY is not set',
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: { primary: "vllm/llama-3-8b" } } } }""",
)


def check_resolved(context: Context, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield the references to models of providers that are not configured."""
    unconfigured = {decision.provider: decision for decision in resolved.decisions if decision.kind == "none"}
    for provider, reference in context.config.needed_providers:
        decision = unconfigured.get(provider)
        if decision is not None:
            where = reference.place
            message = f"`{where}` names the provider `{provider}`, which is not configured: {decision.reason}"
            yield RULE.finding(where, message, decision.change)
