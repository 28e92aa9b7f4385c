"""Whether what the configuration selects can be had, once it is known which providers there are and what they serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis.config import IMPLICIT_PROVIDERS, model_refs, split_ref
from genesis.diagnostics import config_path
from genesis.resolve.decision import undecided
from genesis.rules.rule import Rule
from genesis.rules.selection import check_discovered

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from genesis.diagnostics import Diagnostic
    from genesis.rules.rule import Context

__all__ = ["NOT_CONFIGURED", "check"]

NOT_CONFIGURED: Final = Rule(
    "not-configured",
    "error",
    "a model of a provider that nothing opted in to",
    """The selection names a model of `vllm`, which is neither declared nor opted in to. Without an opt-in no
request is made: a machine that has no vLLM server hears nothing of Genesis. There are two ways out: set
`VLLM_API_KEY` (any value does where the server asks for no key), and its models are discovered at
`http://127.0.0.1:8000/v1`; or declare `models.providers.vllm`. `genesis check` does not look at the environment and
leaves this to `genesis compile`.""",
    '{ agents: { defaults: { model: { primary: "vllm/llama-3-8b" } } } }  // and VLLM_API_KEY is not set',
    '{ agents: { defaults: { model: { primary: "vllm/llama-3-8b" } } } }  // and VLLM_API_KEY=vllm-local',
)


def check(context: Context, decided: Container[str], only: str | None) -> Iterator[Diagnostic]:
    """Check the selection against the providers that were decided and the models that their servers list.

    Args:
        context: What rules see, with what was discovered.
        decided: The ids of the providers that are configured.
        only: The one provider that is asked for; references to others are left alone.
    """
    for path, text in model_refs(context.value):
        provider = (split_ref(text) or ("",))[0]
        if provider in IMPLICIT_PROVIDERS and provider not in decided and only in {None, provider}:
            reason, help_ = undecided(provider)
            message = f"`{config_path(path)}` names the provider `{provider}`, which is not configured: {reason}"
            yield NOT_CONFIGURED.finding(context, path, message, help_)
    yield from check_discovered(context)
