"""`credentials-in-url`: a user name or password in a base URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from genesis_config.rules.base_urls import stated_base_urls
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "credentials-in-url",
    title="a user name or password in a base URL",
    severity="error",
    kind="required",
    stage="config",
    why="""URLs end up in logs, in error messages and in the manifest, and whatever is in them with them. Put the
key into `apiKey`, and basic authentication into `headers`, as references to variables.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://me:secret@10.0.0.5:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the base URLs with user info."""
    for place, url in stated_base_urls(context.config):
        try:
            parts = urlsplit(url)
        except ValueError:
            continue  # invalid-base-url
        if "@" in parts.netloc:
            help_ = 'remove it; put the key into `apiKey: "${VLLM_API_KEY}"`, or basic authentication into `headers`'
            yield RULE.finding(place, f"`{place}` holds a user name or password", help_)
