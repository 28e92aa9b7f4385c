"""`cleartext-credential`: key is sent unencrypted over a public network."""

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
    title="key is sent unencrypted over a public network",
    severity="warning",
    kind="advice",
    stage="config",
    why="""With `http://` to a public host, anyone on the network path can read the key, the prompts and the
responses. Use `https://` or a private network.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://llm.example.com/v1", apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "https://llm.example.com/v1", apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each base URL to which a key is sent unencrypted over a public network."""
    for url in valid_base_urls(context.config):
        if url.parts.scheme != "http" or url.is_private or is_metadata_host(url.host):
            continue
        key = _sent_key(url.provider)
        if key:
            host = url.place.show(url.host)
            message = f"{key.format(url.provider.place)} is sent to the public host `{host}` unencrypted"
            yield RULE.finding(url.place, message, "use `https://` if the server supports TLS")


def _sent_key(provider: Provider) -> str:
    """Return a description of the key that a provider's requests carry, with `{}` for the provider; `""` if none."""
    if provider.has_api_key or any(is_secret_header(header.name) for header in provider.all_headers):
        return "the key of `{}`"
    # Without `apiKey` the key comes from the provider's variable. Only an implicit provider is usually set up that way.
    by_variable = not provider.sets(keys.API_KEY) and provider.id in IMPLICIT_PROVIDERS
    return "the key of `{}`, if VLLM_API_KEY is set," if by_variable else ""
