"""The metadata of a rule, and the input that rules check."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.diagnostics.source import Span

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from genesis_config.config.views import Config, Place
    from genesis_config.diagnostics.finding import Fix, Related, Severity
    from genesis_config.diagnostics.rule_names import RuleName, Stage
    from genesis_config.manifest import Provider
    from genesis_config.resolve.decision import Decision
    from genesis_config.resolve.lock import Lock, LockedProvider
    from genesis_config.resolve.results import Purpose

__all__ = ["Context", "Kind", "Resolved", "Rule"]

Kind = Literal["required", "advice"]
"""A required rule (syntax, types, missing keys, unset variables, leaks) must pass before a manifest can be written."""


class Context(NamedTuple):
    """The input of a rule: one configuration and the lock file next to it.

    Attributes:
        config: The typed configuration.
        purpose: Why the configuration is processed.
        locked: The locked providers whose models apply to this run.
        lock: The lock file, if the run compares it with the configuration.
    """

    config: Config
    purpose: Purpose = "check"
    locked: Mapping[str, LockedProvider] = MappingProxyType({})
    lock: Lock | None = None


class Resolved:
    """The additional input of a rule once providers are resolved.

    Attributes:
        decisions: The decisions for the providers in use. References to other providers are not checked.
        providers: The providers of the manifest, with their models.
        served: The ids of the models that each server lists, or that the lock file lists in its place, by provider.
    """

    __slots__ = ("decisions", "providers", "served")

    def __init__(
        self,
        decisions: Sequence[Decision],
        providers: Mapping[str, Provider],
        served: Mapping[str, Collection[str]],
    ) -> None:
        self.decisions = decisions
        self.providers = providers
        self.served = served


class Rule:
    """The metadata of a rule. The module that defines it as `RULE` also contains its check.

    Attributes:
        name: The name, as in `error[name]`.
        title: A summary in one line, without a full stop.
        severity: The default severity of its findings.
        kind: Whether it always stops `genesis compile`, whatever the settings, or is advice.
        stage: The stage that reports it.
        why: What it means and why it matters, in Markdown paragraphs.
        bad: A configuration, or a description of one, that violates the rule.
        good: The same configuration, corrected.
        fixable: Whether `--fix` can fix it.
    """

    # Creating a named tuple takes seven times as long, and `genesis check` waits for it.
    __slots__ = ("bad", "fixable", "good", "kind", "name", "severity", "stage", "title", "why")

    def __init__(  # noqa: PLR0913 - a rule's metadata
        self,
        name: RuleName,
        *,
        title: str,
        severity: Severity,
        kind: Kind,
        stage: Stage,
        why: str,
        bad: str,
        good: str,
        fixable: bool = False,
    ) -> None:
        self.name = name
        self.title = title
        self.severity = severity
        self.kind = kind
        self.stage = stage
        self.why = why
        self.bad = bad
        self.good = good
        self.fixable = fixable

    @property
    def sees_only_text(self) -> bool:
        """Whether its findings do not depend on the values of variables."""
        return self.stage in {"text", "references", "schema"}

    @property
    def needs_more(self) -> bool:
        """Whether it needs input that `genesis check` may lack: variables, servers or a lock file."""
        return self.stage in {"variables", "decision", "server", "lock"}

    def finding(  # noqa: PLR0913 - a finding's fields
        self,
        place: Place | Span | None,
        message: str,
        help_: str | None = None,
        *,
        severity: Severity | None = None,
        fix: Fix | None = None,
        related: tuple[Related, ...] = (),
    ) -> Diagnostic:
        """Return a finding of this rule at a place; the rule's severity is the default."""
        span = place if place is None or isinstance(place, Span) else place.span
        return Diagnostic(self.name, message, span, help_, related, severity or self.severity, fix)
