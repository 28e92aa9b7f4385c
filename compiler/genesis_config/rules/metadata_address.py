"""`metadata-address`: a base URL that leads to a cloud's metadata service."""

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
    title="a base URL that leads to a cloud's metadata service",
    severity="warning",
    kind="advice",
    stage="config",
    why="""Link-local addresses such as 169.254.169.254 are where clouds hand out credentials to the machine that
asks. No model is served there; in a configuration from somebody else it is an attempt to have them fetched.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://169.254.169.254/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the base URLs whose host is a metadata service."""
    for url in valid_base_urls(context.config):
        if is_metadata_host(url.host):
            message = f"`{url.place}` leads to `{url.place.show(url.host)}`, where clouds keep a machine's credentials"
            yield RULE.finding(url.place, message, "write the address of a model server")
