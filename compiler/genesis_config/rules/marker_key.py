"""`marker-key`: key is a marker, but the server is on a public host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.credentials.markers import is_marker
from genesis_config.credentials.names import AUTH_SCHEME
from genesis_config.rules.base_urls import valid_base_urls
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "marker-key",
    title="key is a marker, but the server is on a public host",
    severity="info",
    kind="advice",
    stage="config",
    why="""Markers such as `EMPTY`, `none`, `not-needed` and `dummy` mean that a server needs no key. They are not
secrets, but most servers on public hosts require a key and respond with 401 without one.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "https://llm.example.com/v1", apiKey: "EMPTY",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "https://llm.example.com/v1", apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each provider on a public host whose key is a marker."""
    for url in valid_base_urls(context.config):
        place = url.provider.at(keys.API_KEY)
        text = url.provider.value.get(keys.API_KEY)
        if url.is_private or not isinstance(text, str) or not text.strip():
            continue
        if is_marker(re.sub(AUTH_SCHEME, "", text, count=1)):
            message = f"`{place}` is a marker instead of a key, but the server is on a public host"
            yield RULE.finding(place, message, "set a key if the server needs one")
