"""`lock-missing`: lock file is required but missing."""

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
    title="lock file is required but missing",
    severity="error",
    kind="required",
    stage="lock",
    why="""`genesis compile --frozen` does not contact any server. It takes the models of discovered and wildcard
providers from `genesis.lock.json` next to the configuration. Run `genesis lock` where the servers can be reached to
create the file, and commit it.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }  // there is no genesis.lock.json""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }  // after `genesis lock`""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each provider that needs the lock file, if the run depends on it and it is missing."""
    if context.lock is not None or context.purpose != "frozen":
        return
    for provider, reference in lock_users(context.config):
        message = f"{LOCK_NAME} is missing; it is needed to know the models of `{provider}`"
        help_ = "run `genesis lock` where the server can be reached, and commit the file next to the configuration"
        yield RULE.finding(reference.place, message, help_)


def lock_users(config: Config) -> Iterator[tuple[str, ModelRef]]:
    """Yield each provider whose models only its server knows, with the first reference that needs them."""
    declared = {provider.id for provider in config.providers}
    entries = [entry.reference for entry in config.selection.entries]
    seen = set()
    for reference in (*entries, *config.selection.references):
        name = reference.provider
        discovered = reference.is_wildcard if name in declared else name in IMPLICIT_PROVIDERS
        if name is not None and discovered and name not in seen:
            seen.add(name)
            yield name, reference
