"""The results of the stages that resolve a configuration. Importing this module loads neither HTTP nor msgspec."""

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
"""The purpose of processing a configuration. It determines the stages and the severity of some findings."""

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


class Decisions(NamedTuple):
    """The decision for each provider.

    Attributes:
        every: All decisions, ordered by provider.
        wanted: The decisions for the providers to resolve.
        diagnostics: Findings for providers that are needed but not configured.
    """

    every: tuple[Decision, ...] = ()
    wanted: tuple[Decision, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


class Discovery(NamedTuple):
    """The models that servers list, or that the lock file lists in their place.

    Attributes:
        plans: The queries, by provider.
        lists: The servers' lists for the queries that were sent, by provider.
        locked: The locked providers, if the lock file replaces the servers.
        diagnostics: Findings for secrets without a value and for servers that returned no models.
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
    """The providers of the manifest with their models, and the findings about secrets and the selection."""

    providers: Mapping[str, Provider] = _EMPTY
    diagnostics: tuple[Diagnostic, ...] = ()
