"""`credentials-in-url`: user name or password in a base URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from genesis_config.rules.base_urls import declared_base_urls
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "credentials-in-url",
    title="user name or password in a base URL",
    severity="error",
    kind="required",
    stage="config",
    why="""URLs end up in logs, error messages and the manifest, including any credentials in them. Put the key in
`apiKey`, or basic authentication in `headers`, as a reference to a variable.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://me:secret@10.0.0.5:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each base URL that contains user info."""
    for place, url in declared_base_urls(context.config):
        try:
            parts = urlsplit(url)
        except ValueError:
            continue  # reported by `invalid-base-url`
        if "@" in parts.netloc:
            help_ = 'remove it; set `apiKey: "${VLLM_API_KEY}"`, or use `headers` for basic authentication'
            yield RULE.finding(place, f"`{place}` contains a user name or password", help_)
