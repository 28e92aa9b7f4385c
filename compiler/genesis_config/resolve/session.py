"""The session: one configuration on its way through the stages, and the request that it serves."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from genesis_config.config.expansion import Variables
from genesis_config.config.includes import complete_findings
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
    """A command's request: what to do with a configuration, and what may be used for it.

    Attributes:
        purpose: Why the configuration is processed.
        variables: The values for references. If the set is not complete, a missing variable is merely unknown.
        profiles: The user's auth profiles, by id.
        lock: The lock file next to the configuration.
        provider: The only provider to resolve, so that no other server is queried; None for all.
        inline: Whether the manifest contains the values of secrets instead of references.
        withheld: Whether the configuration's text must not be shown.
    """

    purpose: Purpose = "check"
    variables: Variables = Variables()
    profiles: Mapping[str, Profile] = MappingProxyType({})
    lock: Lock | None = None
    provider: str | None = None
    inline: bool = False
    withheld: bool = False

    def wants(self, provider: str) -> bool:
        """Return whether to resolve a provider."""
        return self.provider is None or self.provider == provider


class LoadResult(NamedTuple):
    """A loaded configuration.

    Attributes:
        name: The path that findings show.
        data: The bytes of the file.
        config: The configuration with its references expanded.
        files: The included files.
        locked: The locked providers that match this configuration, if the lock file replaces their servers.
        diagnostics: The findings about the text, its includes and its references.
    """

    name: str
    data: bytes
    config: Config
    files: tuple[IncludedFile, ...]
    locked: Mapping[str, LockedProvider]
    diagnostics: tuple[Diagnostic, ...]


class LintResult(NamedTuple):
    """The findings in the configuration itself, in order: from loading, validation and the rules."""

    diagnostics: tuple[Diagnostic, ...] = ()


class Session(NamedTuple):
    """One configuration on its way through the stages. Each stage returns a new session with its result added."""

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
        """The typed configuration."""
        return self.loaded.config

    @property
    def files(self) -> tuple[IncludedFile, ...]:
        """The included files."""
        return self.loaded.files

    @property
    def credentials(self) -> Credentials:
        """The sources of keys."""
        from genesis_config.resolve.credentials import (
            Credentials,
        )  # msgspec takes 20 ms to import, and `check` does not need it

        return Credentials(self.request.variables, self.request.profiles)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """The findings of all stages so far, in order."""
        later = (*self.decisions.diagnostics, *self.discovery.diagnostics, *self.resolution.diagnostics)
        return sort_findings((*self.linted.diagnostics, *complete_findings(self.files, later)))

    @property
    def stopped(self) -> bool:
        """Whether no further stage can run. A failing server stops `lock`, but not the other purposes."""
        return has_severity(self.diagnostics if self.request.purpose == "lock" else self.linted.diagnostics)

    @property
    def manifest(self) -> Manifest | None:
        """The manifest; None if there is an error. The draft contains what could be resolved despite errors."""
        return None if has_severity(self.diagnostics) else self.draft

    def narrow(self, provider: str) -> Session:
        """Return the session limited to one provider."""
        wanted = tuple(decision for decision in self.decisions.wanted if decision.provider == provider)
        decisions = self.decisions._replace(wanted=wanted)
        return self._replace(request=self.request._replace(provider=provider), decisions=decisions)
