"""`metadata-address`: base URL points to a cloud metadata service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.rules.base_urls import is_metadata_host, valid_base_urls
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "metadata-address",
    title="base URL points to a cloud metadata service",
    severity="warning",
    kind="advice",
    stage="config",
    why="""At link-local addresses such as 169.254.169.254, clouds hand out a machine's credentials to any program on
it. No model is served there. In an untrusted configuration, it may be an attempt to steal those credentials.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://169.254.169.254/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each base URL whose host is a metadata service."""
    for url in valid_base_urls(context.config):
        if is_metadata_host(url.host):
            host = url.place.show(url.host)
            message = f"`{url.place}` points to `{host}`, a cloud metadata service that hands out credentials"
            yield RULE.finding(url.place, message, "use the address of a model server")
