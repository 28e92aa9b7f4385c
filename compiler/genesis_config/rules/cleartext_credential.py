"""`cleartext-credential`: a key that goes over the internet in clear text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.defaults import IMPLICIT_PROVIDERS
from genesis_config.credentials.names import is_secret_header
from genesis_config.rules.base_urls import is_metadata_host, valid_base_urls
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import Provider
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "cleartext-credential",
    title="a key that goes over the internet in clear text",
    severity="warning",
    kind="advice",
    stage="config",
    why="""`http://` to a public host sends the key, the prompts and the answers so that everybody on the way can
read them. Use `https://`, or a private network.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://llm.example.com/v1", apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "https://llm.example.com/v1", apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the base URLs to which a key is sent in clear text, over a public network."""
    for url in valid_base_urls(context.config):
        if url.parts.scheme != "http" or url.is_private or is_metadata_host(url.host):
            continue
        key = _sent_key(url.provider)
        if key:
            message = (
                f"{key.format(url.provider.place)} goes to the public host `{url.place.show(url.host)}` in clear text"
            )
            yield RULE.finding(url.place, message, "write `https://`, if the server speaks TLS")


def _sent_key(provider: Provider) -> str:
    """Return words for the key that requests of a provider carry, with braces for the provider; none if none is."""
    if provider.has_api_key or any(
        is_secret_header(header.name) for owner in (provider, *provider.models) for header in owner.headers
    ):
        return "the key of `{}`"
    # If none is set its variable is the key, and this is the one provider that is usually set up by that alone.
    by_variable = not provider.sets(keys.API_KEY) and provider.id in IMPLICIT_PROVIDERS
    return "the key of `{}`, if VLLM_API_KEY is set," if by_variable else ""
