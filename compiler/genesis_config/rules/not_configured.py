"""`not-configured`: model refers to a provider that is not configured."""

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
    title="model refers to a provider that is not configured",
    severity="error",
    kind="required",
    stage="decision",
    why="""The selection uses a model of `vllm`, or all of its models through a wildcard, but the provider is neither
declared nor enabled by a key. Genesis never probes for a vLLM server unless you opt in. Either set `VLLM_API_KEY` to
discover the models at `http://127.0.0.1:8000/v1` (any value works if the server needs no key), or declare
`models.providers.vllm`. `genesis check` does not read the environment, so only `genesis compile` reports this.""",
    bad='{ agents: { defaults: { model: { primary: "vllm/llama-3-8b" } } } }  // VLLM_API_KEY is not set',
    good="""{ models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } },
  agents: { defaults: { model: { primary: "vllm/llama-3-8b" } } } }""",
)


def check_resolved(context: Context, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield a finding for each reference to a model of a provider that is not configured."""
    unconfigured = {decision.provider: decision for decision in resolved.decisions if decision.kind == "none"}
    for provider, reference in context.config.needed_providers:
        decision = unconfigured.get(provider)
        if decision is not None:
            where = reference.place
            message = f"`{where}` uses the provider `{provider}`, which is not configured: {decision.reason}"
            yield RULE.finding(where, message, decision.change)
