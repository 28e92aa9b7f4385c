"""Implicit discovery or explicit provider: the decision for each provider, and its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from genesis_config.config.lookup import DEFAULT_BASE_URL, IMPLICIT_PROVIDERS, is_dynamic, profile_order, providers
from genesis_config.credentials.names import provider_variable

if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

    from genesis_config.resolve.credentials import Keys

__all__ = ["Decision", "decide"]


class Decision(NamedTuple):
    """What was decided for one provider.

    Attributes:
        kind: Whether it is declared, discovered without being declared, or neither: then it is not configured.
        reason: Why, in words; the manifest keeps them.
        change: What would make it different.
        models_from: Where models come from that are not declared: `config` means that there are none.
        base_url: Expanded, without a trailing slash.
    """

    provider: str
    kind: Literal["explicit", "implicit", "none"]
    reason: str
    change: str
    models_from: Literal["config", "server", "lock"]
    base_url: str


def decide(value: Any, keys: Keys, locked: Container[str] | None = None) -> list[Decision]:
    """Decide every provider that is declared, or that Genesis knows where to look for, in the order of their ids.

    1. It is declared: explicit. Its server is asked only where a wildcard keeps it dynamic.
    2. It is not declared, Genesis knows where to look for it, and there is a key for it: implicit.
    3. Else it is not configured, and nothing is asked of anybody.

    Args:
        value: The expanded configuration.
        keys: What opts in to discovery.
        locked: The providers of a lock that stands for all servers, and for the opt-in, so that nobody is asked.
    """
    decisions = []
    asked: Literal["server", "lock"] = "server" if locked is None else "lock"
    declared = dict(providers(value))
    for name, entry in declared.items():
        here = f"models.providers.{name}"
        reason = f"{here} is defined"
        change = f'add "{name}/*": {{}} to agents.defaults.models to ask its server for models as well'
        dynamic = is_dynamic(value, name)
        if dynamic:
            reason += f', and "{name}/*" in agents.defaults.models keeps it dynamic'
            change = f'remove "{name}/*" from agents.defaults.models to use the declared models alone'
        if "apiKey" not in entry and keys.blank(provider_variable(name)):
            reason += f"; {_empty(name)}"
        url = entry.get("baseUrl", DEFAULT_BASE_URL)
        decisions.append(Decision(name, "explicit", reason, change, asked if dynamic else "config", url.rstrip("/")))
    decisions += [_undeclared(name, value, keys, locked) for name in IMPLICIT_PROVIDERS if name not in declared]
    return sorted(decisions)


def _undeclared(name: str, value: Any, keys: Keys, locked: Container[str] | None) -> Decision:
    """Decide a provider that is not declared, by what opts in to its discovery."""
    url = IMPLICIT_PROVIDERS[name]
    variable = provider_variable(name)
    reason = f"models.providers.{name} is not defined"
    if locked is not None and name not in locked:
        change = f"run `genesis lock` where {variable} is set, or declare models.providers.{name}"
        return Decision(name, "none", f"{reason}, and the lock has no models of it", change, "config", url)
    found = keys.opt_in(name, value)
    if found is not None:
        change = f"define models.providers.{name} to declare its models, without a request"
        empty = f", {_empty(name)}" if found.by != variable and keys.blank(variable) else ""
        reason = f"{reason}{empty}, and {found.by} opts in to discovery"
        return Decision(name, "implicit", reason, change, "server" if locked is None else "lock", url)
    state = _empty(name) if keys.blank(variable) else f"{variable} is not set"
    change = f"set {variable} to any value to discover the models at {url}, or declare models.providers.{name}"
    no_profile = "there is no auth profile for it"
    if profile_order(value, name) is not None:
        no_profile = f"no auth profile for it that auth.order.{name} lists is there"
    reason = f"{reason}, {state}, and {no_profile}"
    return Decision(name, "none", reason, change, "config", url)


def _empty(provider: str) -> str:
    """Say that the variable for a provider's key is set, and has no key."""
    return f"{provider_variable(provider)} is empty, which counts as unset"
