"""The decision for each provider (explicit, implicit or not configured) and its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from genesis_config.config import keys
from genesis_config.config.defaults import DEFAULT_BASE_URL, IMPLICIT_PROVIDERS
from genesis_config.credentials.lookup import SecretRef
from genesis_config.credentials.names import provider_variable
from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.resolve.credentials import declared_credential, find_opt_in
from genesis_config.resolve.lock import LOCK_NAME
from genesis_config.resolve.results import Decisions

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from genesis_config.config.views import Config, Provider
    from genesis_config.diagnostics.source import Span
    from genesis_config.resolve.credentials import Credentials

__all__ = ["Decision", "decide_providers", "decision_span", "lock_decisions"]


class Decision(NamedTuple):
    """The decision for one provider.

    Attributes:
        provider: The provider's id.
        kind: Declared, discovered without a declaration, or not configured.
        reason: The reason, which becomes part of the manifest.
        change: How to change the decision.
        models_from: The source of models that are not declared; `config` if there is none.
        base_url: The expanded base URL, without a trailing slash.
        credential: The reference to the key; None means that no Authorization header is sent.
    """

    provider: str
    kind: Literal["explicit", "implicit", "none"]
    reason: str
    change: str
    models_from: Literal["config", "server", "lock"]
    base_url: str
    credential: SecretRef | None = None


def decide_providers(config: Config, credentials: Credentials, locked: Container[str] | None = None) -> list[Decision]:
    """Return the decision for every provider that is declared or that Genesis can discover, ordered by id.

    1. A declared provider is explicit. Its server is queried only if a wildcard keeps it dynamic.
    2. A provider that is not declared is implicit if Genesis can discover it and has a key for it.
    3. Any other provider is not configured, and no request is made.

    Args:
        config: The configuration.
        credentials: The sources of keys, which enable discovery.
        locked: The providers of a lock file that replaces all servers and keys, so that no server is queried.
    """
    source: Literal["server", "lock"] = "server" if locked is None else "lock"
    decisions = [_decide_declared(provider, credentials, source) for provider in config.providers]
    decisions += [
        _decide_undeclared(provider, config, credentials, locked)
        for provider in IMPLICIT_PROVIDERS
        if config.provider(provider) is None
    ]
    return sorted(decisions, key=lambda decision: decision.provider)


def _decide_declared(provider: Provider, credentials: Credentials, source: Literal["server", "lock"]) -> Decision:
    """Return the decision for a declared provider, which is explicit."""
    name = provider.id
    here = f"models.providers.{name}"
    reason = f"{here} is defined"
    change = f'add "{name}/*": {{}} to agents.defaults.models to discover more models from its server'
    if provider.is_dynamic:
        reason += f', and "{name}/*" in agents.defaults.models keeps it dynamic'
        change = f'remove "{name}/*" from agents.defaults.models to use only the declared models'
    if provider.api_key is None and credentials.is_blank(provider_variable(name)):
        reason += f"; {_describe_blank(name)}"
    return Decision(
        name,
        "explicit",
        reason,
        change,
        models_from=source if provider.is_dynamic else "config",
        base_url=(provider.base_url or DEFAULT_BASE_URL).rstrip("/"),
        credential=declared_credential(provider, credentials),
    )


def _decide_undeclared(name: str, config: Config, credentials: Credentials, locked: Container[str] | None) -> Decision:
    """Return the decision for a provider that is not declared, depending on the key that enables its discovery."""
    url = IMPLICIT_PROVIDERS[name]
    variable = provider_variable(name)
    reason = f"models.providers.{name} is not defined"
    if locked is not None and name not in locked:
        change = f"run `genesis lock` where {variable} is set, or declare models.providers.{name}"
        return Decision(name, "none", f"{reason}, and the lock file has no models for it", change, "config", url)
    opt_in = find_opt_in(name, config, credentials)
    if opt_in is not None or locked is not None:
        by = variable if opt_in is None else opt_in.by
        # The lock file shows that the variable was set when the file was written.
        ref = SecretRef(template=f"${{{variable}}}") if opt_in is None else opt_in.ref
        blank = f", {_describe_blank(name)}" if by != variable and credentials.is_blank(variable) else ""
        reason = f"{reason}{blank}, and {by} opts in to discovery"
        change = f"define models.providers.{name} to declare its models, without a request"
        return Decision(name, "implicit", reason, change, "server" if locked is None else "lock", url, ref)
    state = _describe_blank(name) if credentials.is_blank(variable) else f"{variable} is not set"
    change = f"set {variable} to any value to discover the models at {url}, or declare models.providers.{name}"
    no_profile = "there is no auth profile for it"
    if config.auth.order(name) is not None:
        no_profile = f"none of the auth profiles in auth.order.{name} exists"
    return Decision(name, "none", f"{reason}, {state}, and {no_profile}", change, "config", url)


def lock_decisions(config: Config, decisions: Iterable[Decision], locked: Iterable[str]) -> Decisions:
    """Return the decisions of the providers to lock, and report those that are not configured.

    A provider that is not declared is locked only if the configuration or the lock file names it: its key may be in the
    environment for another purpose.
    """
    named = {*config.named_providers, *locked}
    every = tuple(decision for decision in decisions if decision.provider in named)
    wanted = tuple(decision for decision in every if decision.models_from == "server")
    return Decisions(every, wanted, tuple(_report_unconfigured(config, every)))


def _report_unconfigured(config: Config, decisions: Iterable[Decision]) -> Iterator[Diagnostic]:
    for decision in decisions:
        if decision.kind == "none":
            name, help_ = decision.provider, decision.change
            span = decision_span(config, decision)
            if span is None:
                help_ += f", or remove it from {LOCK_NAME} if it should no longer be locked"
            message = f"cannot lock the models of `{name}`, which is not configured: {decision.reason}"
            yield Diagnostic("not-configured", message, span, help_)


def decision_span(config: Config, decision: Decision) -> Span | None:
    """Return the place for findings about a provider: its base URL, its entry, or the first reference to it."""
    provider = config.provider(decision.provider)
    if provider is not None:
        return provider.place.key.span if provider.base_url is None else provider.at(keys.BASE_URL).span
    return next((ref.place.span for ref in config.references if ref.provider == decision.provider), None)


def _describe_blank(provider: str) -> str:
    """Return the description of a provider's variable that is set but empty."""
    return f"{provider_variable(provider)} is empty, which counts as unset"
