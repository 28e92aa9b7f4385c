"""From the tokens that a server reports to what they cost and how much of the window they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from genesis_config.runtime.events import ContextWarning, Usage

if TYPE_CHECKING:
    from genesis_config.manifest import Model
    from genesis_config.runtime.chunks import WireUsage

__all__ = ["Totals", "account", "warning"]

_NEARLY_FULL: Final = 0.9  # of the context window


class Totals(msgspec.Struct):
    """What the completions of a runtime used together, so far; tokens that a server did not report are not in it.

    Attributes:
        completions: Those that succeeded.
        failed: Those that ended with an error. What a request that failed had used is in the sums all the same.
    """

    completions: int = 0
    failed: int = 0
    input: int = 0
    output: int = 0
    reasoning: int = 0
    cached: int = 0
    cost: float = 0.0

    def add(self, usage: Usage) -> None:
        """Count one completion."""
        self.completions += 1
        self._sum(usage)

    def add_failed(self, usage: Usage | None, *, ended: bool) -> None:
        """Count a request that failed; `ended` where its completion did too, and nothing more is tried."""
        self.failed += ended
        if usage is not None:
            self._sum(usage)

    def _sum(self, usage: Usage) -> None:
        self.input += usage.input or 0
        self.output += usage.output or 0
        self.reasoning += usage.reasoning or 0
        self.cached += usage.cached or 0
        self.cost += usage.cost or 0.0


def warning(usage: Usage, model: Model) -> ContextWarning | None:
    """Warn of a context window that is nearly full."""
    if usage.context_used is None or usage.context_used <= _NEARLY_FULL:
        return None
    return ContextWarning(usage.context_used, (usage.input or 0) + (usage.output or 0), model.context_window)


def account(wire: WireUsage | None, model: Model, notes: tuple[str, ...] = (), *, choices: int = 1) -> Usage:
    """Give the usage of a completion; what the server did not report is None, and never 0.

    Of a context window that is only assumed no share is known.
    """
    if wire is None:
        return Usage(notes=notes)
    given, made = wire.prompt_tokens, wire.completion_tokens
    cached = wire.prompt_tokens_details.cached_tokens if wire.prompt_tokens_details else None
    reasoning = wire.completion_tokens_details.reasoning_tokens if wire.completion_tokens_details else None
    cost = share = None
    if given is not None and made is not None:
        prices = model.cost
        fresh = given - (cached or 0)
        cost = (fresh * prices.input + (cached or 0) * prices.cache_read + made * prices.output) / 1_000_000
        if choices == 1 and model.context_window_from != "default":
            share = (given + made) / model.context_window
    return Usage(given, made, reasoning, cached, cost, share, notes)
