"""Implicit discovery or explicit provider: the decision for each provider, and its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from genesis.config import DEFAULT_BASE_URL, IMPLICIT_PROVIDERS, is_dynamic, profile_order, providers
from genesis.credentials import variable_of

if TYPE_CHECKING:
    from typing import Any

    from genesis.credentials import Keys

__all__ = ["Decision", "decide", "undecided"]


class Decision(NamedTuple):
    """What was decided for one provider.

    Attributes:
        kind: Whether it is declared, or discovered without being declared.
        reason: Why, in words; the manifest keeps them.
        change: What would make it different.
        queried: Whether its server is asked for its models.
        base_url: Expanded, without a trailing slash.
    """

    provider: str
    kind: Literal["explicit", "implicit"]
    reason: str
    change: str
    queried: bool
    base_url: str


def decide(value: Any, keys: Keys) -> list[Decision]:
    """Decide every provider that is configured, in the order of their ids.

    1. It is declared: explicit. Its server is asked only where a wildcard keeps it dynamic.
    2. It is not declared, Genesis knows where to look for it, and there is a key for it: implicit.
    3. Else it is not configured, and nothing is asked of anybody.
    """
    decisions = []
    declared = dict(providers(value))
    for name, entry in declared.items():
        here = f"models.providers.{name}"
        reason = f"{here} is defined"
        change = f'add "{name}/*": {{}} to agents.defaults.models to ask its server for models as well'
        dynamic = is_dynamic(value, name)
        if dynamic:
            reason += f', and "{name}/*" in agents.defaults.models keeps it dynamic'
            change = f'remove "{name}/*" from agents.defaults.models to use the declared models alone'
        url = entry.get("baseUrl", DEFAULT_BASE_URL)
        decisions.append(Decision(name, "explicit", reason, change, dynamic, url.rstrip("/")))
    for name, url in IMPLICIT_PROVIDERS.items():
        found = keys.opt_in(name, value) if name not in declared else None
        if found is not None:
            reason = f"{found.reason}, and models.providers.{name} is not defined"
            change = f"define models.providers.{name} to declare its models, without a request"
            decisions.append(Decision(name, "implicit", reason, change, queried=True, base_url=url))
    return sorted(decisions)


def undecided(provider: str, value: Any) -> tuple[str, str]:
    """Say why a provider with implicit discovery is not configured, and both ways out."""
    variable = variable_of(provider)
    no_profile = "there is no auth profile for it"
    if profile_order(value, provider) is not None:
        no_profile = f"no auth profile for it that auth.order.{provider} lists is there"
    reason = f"models.providers.{provider} is not defined, {variable} is not set, and {no_profile}"
    help_ = f"set {variable} to any value to discover the models at {IMPLICIT_PROVIDERS[provider]}"
    return reason, f"{help_}, or declare models.providers.{provider}"
