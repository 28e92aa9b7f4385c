"""`missing-base-url`: provider has no base URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.defaults import IMPLICIT_PROVIDERS
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "missing-base-url",
    title="provider has no base URL",
    severity="error",
    kind="required",
    stage="config",
    why="""Every declared provider needs a base URL, which determines where requests and the key are sent. Only `vllm`
has a default: `http://127.0.0.1:8000/v1`.""",
    bad='{ models: { providers: { pool: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
    good="""{ models: { providers: { pool: { baseUrl: "http://10.0.0.5:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each declared provider that has neither a base URL nor a default one."""
    for provider in context.config.providers:
        if provider.sets(keys.BASE_URL) or provider.id in IMPLICIT_PROVIDERS or provider.place.is_damaged:
            continue
        message = f"the provider `{provider.place}` has no `baseUrl`"
        yield RULE.finding(provider.place.key, message, 'add `baseUrl: "http://HOST:PORT/v1"`')
