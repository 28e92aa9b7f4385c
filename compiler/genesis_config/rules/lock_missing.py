"""`lock-missing`: there is no lock, and one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.config.defaults import IMPLICIT_PROVIDERS
from genesis_config.resolve.lock import LOCK_NAME
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import Config, ModelRef
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check", "lock_users"]

RULE: Final = Rule(
    "lock-missing",
    title="there is no lock, and one is needed",
    severity="error",
    kind="required",
    stage="lock",
    why="""`genesis compile --frozen` asks no server: the models of a provider that is discovered, or kept dynamic by
a wildcard, come from `genesis.lock.json` beside the configuration. `genesis lock` writes it, where the servers can be
reached; it belongs into version control.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }  // and there is no genesis.lock.json""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }  // after `genesis lock`""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the providers that need a lock, if there is none and it stands in for their servers."""
    if context.lock is not None or context.purpose != "frozen":
        return
    for provider, reference in lock_users(context.config):
        message = f"there is no {LOCK_NAME}, which is to say what models `{provider}` has"
        help_ = "run `genesis lock` where its server can be reached, and keep the file beside the configuration"
        yield RULE.finding(reference.place, message, help_)


def lock_users(config: Config) -> Iterator[tuple[str, ModelRef]]:
    """Yield the providers whose models only their servers know, each with the first reference that needs them."""
    declared = {provider.id for provider in config.providers}
    entries = [entry.reference for entry in config.selection.entries]
    seen = set()
    for reference in (*entries, *config.selection.references):
        name = reference.provider
        discovered = reference.is_wildcard if name in declared else name in IMPLICIT_PROVIDERS
        if name is not None and discovered and name not in seen:
            seen.add(name)
            yield name, reference
