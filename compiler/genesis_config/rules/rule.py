"""What a rule is, and what it sees."""

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
"""Whether no right manifest can be made without a rule (syntax, types, missing keys, unset variables, leaks)."""


class Context(NamedTuple):
    """What a rule sees of one configuration.

    Attributes:
        config: Its typed views.
        purpose: Why the configuration is processed.
        locked: The providers of the lock whose models count.
        lock: The lock beside the configuration, where it is compared with it.
    """

    config: Config
    purpose: Purpose = "check"
    locked: Mapping[str, LockedProvider] = MappingProxyType({})
    lock: Lock | None = None


class Resolved:
    """What a rule sees once providers are resolved.

    Attributes:
        decisions: Those of the providers that are wanted; references to others are left alone.
        providers: The providers of the manifest, with their models.
        served: The ids of the models that servers list, or that the lock has in their place, by provider.
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
    """One rule: its metadata. The module that has it as `RULE` has the function that finds it, too.

    Attributes:
        name: As in `error[name]`.
        title: One line.
        severity: What its findings are, unless it says otherwise.
        kind: Whether it stops `genesis compile` whatever the settings are, or is advice.
        stage: What reports it.
        why: What it means and why it matters, in Markdown paragraphs.
        bad: A configuration, or what stands for one, that has the finding.
        good: The same put right.
        fixable: Whether `--fix` puts it right.
    """

    # A named tuple takes seven times as long to make, and `genesis check` waits for it.
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
        """Whether its findings are the same whatever the values of variables are."""
        return self.stage in {"text", "references", "schema"}

    @property
    def needs_more(self) -> bool:
        """Whether it needs what `genesis check` may not have: variables, servers, a lock."""
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
        """Make a finding of this rule at a place."""
        span = place if place is None or isinstance(place, Span) else place.span
        return Diagnostic(self.name, message, span, help_, related, severity or self.severity, fix)
