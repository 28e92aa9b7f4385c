"""What a rule is, and what it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from genesis_config.diagnostics.finding import Diagnostic, Path, Severity

if TYPE_CHECKING:
    from genesis_config.config.expansion import Expansion
    from genesis_config.config.views import Config
    from genesis_config.resolve.lock import Lock, LockedProvider
    from genesis_config.resolve.results import Purpose
    from genesis_config.syntax import Document

__all__ = ["Check", "Context", "Rule"]


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

    @property
    def document(self) -> Document:
        """The text's values and places."""
        return self.config.document

    @property
    def expansion(self) -> Expansion:
        """The same values with references resolved."""
        return self.config.expansion

    @property
    def value(self) -> Any:
        """The configuration, expanded as far as it could be."""
        return self.expansion.value

    def known(self, *path: str | int) -> bool:
        """Tell whether the string at `path` has a known value: it holds no reference, or all of them were resolved."""
        string = self.expansion.strings.get(path)
        return string is None or string.resolved.value is not None

    def text(self, *path: str | int) -> str | None:
        """Give the string at `path`; None where there is none or its value is not known."""
        value = self.value
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value if isinstance(value, str) and self.known(*path) else None


class Rule(NamedTuple):
    """One rule: what `genesis explain` says of it, and the function that finds it.

    Attributes:
        name: As in `error[name]`.
        severity: What its findings are, unless it says otherwise.
        title: One line.
        why: What it means and why it matters, in Markdown paragraphs.
        bad: A configuration, or what stands for one, that has the finding.
        good: The same put right.
        fixable: Whether `--fix` puts it right.
        error_in: The purposes for which its findings are errors, whatever its severity.
    """

    name: str
    severity: Severity
    title: str
    why: str
    bad: str
    good: str
    fixable: bool = False
    error_in: frozenset[Purpose] = frozenset()

    def severity_in(self, purpose: Purpose) -> Severity:
        """Return the severity of its findings in a run for a purpose."""
        return "error" if purpose in self.error_in else self.severity

    def finding(
        self, context: Context, path: Path, message: str, help_: str | None = None, *, key: bool = False
    ) -> Diagnostic:
        """Make a finding of this rule at the value at `path`, or with `key` at its key."""
        span = context.document.key_span(path) if key else context.document.value_span(path)
        return Diagnostic(self.name, message, span, help_, severity=self.severity_in(context.purpose))


Check = Callable[[Context], Iterator[Diagnostic]]
