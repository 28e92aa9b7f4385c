"""The results of the stages that resolve a configuration. Importing them loads no HTTP and no msgspec."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from genesis_config.diagnostics.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.manifest import Provider
    from genesis_config.resolve.decision import Decision
    from genesis_config.resolve.discovery import ModelList
    from genesis_config.resolve.lock import LockedProvider, Row
    from genesis_config.resolve.queries import QueryPlan

__all__ = ["Decisions", "Discovery", "Purpose", "Resolution"]

Purpose = Literal["check", "compile", "frozen", "lock", "status", "doctor"]
"""Why a configuration is processed: it decides which stages run, and how severe some findings are."""

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


class Decisions(NamedTuple):
    """The decision for each provider.

    Attributes:
        every: All of them, ordered by provider.
        wanted: Those that this run resolves.
        diagnostics: Providers that this run needs, but that are not configured.
    """

    every: tuple[Decision, ...] = ()
    wanted: tuple[Decision, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


class Discovery(NamedTuple):
    """The models that servers list, or that the lock has in their place.

    Attributes:
        plans: The queries for providers' servers, by provider.
        lists: What the servers listed in answer to those that were sent.
        locked: The providers of the lock, where it stands in for the servers.
        diagnostics: Secrets without a value, and servers that gave no models.
    """

    plans: Mapping[str, QueryPlan] = _EMPTY
    lists: Mapping[str, ModelList] = _EMPTY
    locked: Mapping[str, LockedProvider] = _EMPTY
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def used_secrets(self) -> frozenset[Path]:
        """The secret positions whose values the queries need."""
        return frozenset(path for plan in self.plans.values() for path in plan.used_secrets)

    @property
    def rows(self) -> dict[str, Mapping[str, Row]]:
        """The rows of each provider whose models are known, by model id."""
        rows: dict[str, Mapping[str, Row]] = {
            provider: listed.rows for provider, listed in self.lists.items() if listed.failure is None
        }
        return rows | {provider: locked.rows for provider, locked in self.locked.items()}


class Resolution(NamedTuple):
    """The providers of the manifest, with their models; findings about secrets and about what is selected."""

    providers: Mapping[str, Provider] = _EMPTY
    diagnostics: tuple[Diagnostic, ...] = ()
