"""`authorization-conflict`: a key and an `Authorization` header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.credentials.names import is_authorization
from genesis_config.diagnostics.finding import Related
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "authorization-conflict",
    title="key and Authorization header are both set",
    severity="warning",
    kind="advice",
    stage="config",
    why="""`apiKey` is sent as `Authorization: Bearer …`. If `headers` declares its own `Authorization`, that header is
sent and the key is not used for requests to this provider or model. Set only one of them.""",
    bad='{ models: { providers: { vllm: { apiKey: "${VLLM_API_KEY}", headers: { Authorization: "Basic ${LOGIN}" },\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
    good='{ models: { providers: { vllm: { headers: { Authorization: "Basic ${LOGIN}" },\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the headers that replace a key."""
    for provider in context.config.providers:
        if not provider.has_api_key:
            continue
        key = provider.at(keys.API_KEY)
        for header in provider.all_headers:
            if is_authorization(header.name):
                message = f"`{header.place}` is sent instead of the key in `{key}`"
                related = (Related("the key is set here", key.span),)
                yield RULE.finding(header.place.key, message, "keep only one of the two", related=related)
