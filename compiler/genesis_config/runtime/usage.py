"""The usage of completions: tokens, their cost, and their share of the context window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from genesis_config.runtime.events import ContextWarning, Usage

if TYPE_CHECKING:
    from genesis_config.manifest import Model
    from genesis_config.runtime.chunks import WireUsage

__all__ = ["Totals", "build_usage", "context_warning"]

_NEARLY_FULL: Final = 0.9  # of the context window


class Totals(msgspec.Struct):
    """The total usage of completions so far, excluding tokens that a server did not report.

    Attributes:
        completions: The number of successful completions.
        failed: The number of failed completions. The sums include what failed requests used.
    """

    completions: int = 0
    failed: int = 0
    input: int = 0
    output: int = 0
    reasoning: int = 0
    cached: int = 0
    cost: float = 0.0

    def add(self, usage: Usage) -> None:
        """Add a successful completion."""
        self.completions += 1
        self._add_usage(usage)

    def add_failure(self, usage: Usage | None, *, is_final: bool) -> None:
        """Add a failed request. If it `is_final`, the completion has failed as well."""
        self.failed += is_final
        if usage is not None:
            self._add_usage(usage)

    def _add_usage(self, usage: Usage) -> None:
        self.input += usage.input or 0
        self.output += usage.output or 0
        self.reasoning += usage.reasoning or 0
        self.cached += usage.cached or 0
        self.cost += usage.cost or 0.0


def context_warning(usage: Usage, model: Model) -> ContextWarning | None:
    """Return a warning if the context window is nearly full."""
    if usage.context_used is None or usage.context_used <= _NEARLY_FULL:
        return None
    return ContextWarning(usage.context_used, (usage.input or 0) + (usage.output or 0), model.context_window)


def build_usage(wire: WireUsage | None, model: Model, notes: tuple[str, ...] = (), *, choices: int = 1) -> Usage:
    """Return the usage of a completion. A value that the server did not report is None, never 0.

    The share of the context window is None if the window is only assumed.
    """
    if wire is None:
        return Usage(notes=notes)
    prompt, output = wire.prompt_tokens, wire.completion_tokens
    cached = wire.prompt_tokens_details.cached_tokens if wire.prompt_tokens_details else None
    reasoning = wire.completion_tokens_details.reasoning_tokens if wire.completion_tokens_details else None
    cost = share = None
    if prompt is not None and output is not None:
        prices = model.cost
        uncached = prompt - (cached or 0)
        cost = (uncached * prices.input + (cached or 0) * prices.cache_read + output * prices.output) / 1_000_000
        if choices == 1 and model.context_window_from != "default":
            share = (prompt + output) / model.context_window
    return Usage(prompt, output, reasoning, cached, cost, share, notes)
