"""The session: one configuration on its way through the stages, and what was asked of it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from genesis_config.config.expansion import Variables
from genesis_config.config.includes import add_include_origins
from genesis_config.diagnostics.finding import has_severity, sort_findings
from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.resolve.results import Decisions, Discovery, Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.config.includes import IncludedFile
    from genesis_config.config.views import Config
    from genesis_config.credentials.profiles import Profile
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.manifest import Manifest
    from genesis_config.resolve.credentials import Credentials
    from genesis_config.resolve.lock import Lock, LockedProvider
    from genesis_config.resolve.results import Purpose

__all__ = ["LintResult", "LoadResult", "Request", "Session"]


class Request(NamedTuple):
    """What a command wants of a configuration, and what it may use.

    Attributes:
        purpose: Why the configuration is processed.
        variables: Values for references. Without a complete set a variable that is not there is merely unknown.
        profiles: The user's auth profiles, by id.
        lock: The lock next to the configuration.
        provider: The only provider to resolve; no other server is queried.
        inline: Whether the manifest holds the values of secrets instead of references.
        withheld: Whether nothing of the configuration's text may be shown.
    """

    purpose: Purpose = "check"
    variables: Variables = Variables()
    profiles: Mapping[str, Profile] = MappingProxyType({})
    lock: Lock | None = None
    provider: str | None = None
    inline: bool = False
    withheld: bool = False

    def wants(self, provider: str) -> bool:
        """Return whether a provider is to be resolved."""
        return self.provider is None or self.provider == provider


class LoadResult(NamedTuple):
    """A configuration as it was read.

    Attributes:
        name: The path that findings show.
        data: Its bytes.
        config: Its values, with references expanded.
        files: The files that it includes.
        locked: The providers of the lock that are of this configuration, where the lock stands in for their servers.
        diagnostics: What is wrong with the text, its includes and its references.
    """

    name: str
    data: bytes
    config: Config
    files: tuple[IncludedFile, ...]
    locked: Mapping[str, LockedProvider]
    diagnostics: tuple[Diagnostic, ...]


class LintResult(NamedTuple):
    """The findings in a configuration itself, in order: those of loading, validation and the rules."""

    diagnostics: tuple[Diagnostic, ...] = ()


class Session(NamedTuple):
    """One configuration on its way through the stages, each of which adds its result; immutable."""

    request: Request
    loaded: LoadResult
    linted: LintResult = LintResult()
    decisions: Decisions = Decisions()
    discovery: Discovery = Discovery()
    resolution: Resolution = Resolution()
    draft: Manifest | None = None
    locked: Mapping[str, LockedProvider] | None = None

    @property
    def config(self) -> Config:
        """The configuration, typed."""
        return self.loaded.config

    @property
    def files(self) -> tuple[IncludedFile, ...]:
        """The files that the configuration includes."""
        return self.loaded.files

    @property
    def credentials(self) -> Credentials:
        """Where keys can be found."""
        from genesis_config.resolve.credentials import Credentials  # msgspec takes 20 ms, and `check` needs none

        return Credentials(self.request.variables, self.request.profiles)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """The findings of all stages so far, in order."""
        later = (*self.decisions.diagnostics, *self.discovery.diagnostics, *self.resolution.diagnostics)
        return sort_findings((*self.linted.diagnostics, *add_include_origins(self.files, later)))

    @property
    def stopped(self) -> bool:
        """Whether no further stage can run: a draft survives a server that fails, but a lock does not."""
        return has_severity(self.diagnostics if self.request.purpose == "lock" else self.linted.diagnostics)

    @property
    def manifest(self) -> Manifest | None:
        """The manifest; None where a finding is an error. The draft has what could be resolved nevertheless."""
        return None if has_severity(self.diagnostics) else self.draft

    def narrow(self, provider: str) -> Session:
        """Return the session for one of the providers alone."""
        wanted = tuple(decision for decision in self.decisions.wanted if decision.provider == provider)
        decisions = self.decisions._replace(wanted=wanted)
        return self._replace(request=self.request._replace(provider=provider), decisions=decisions)
