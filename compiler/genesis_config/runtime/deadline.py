"""The deadline of a completion, including its retries and fallbacks."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Self

from genesis_config.runtime.errors import DeadlineError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Deadline"]


class Deadline:
    """A point in time at which the body of `async with` is cancelled.

    Attributes:
        at: The time on the event loop's clock; infinite without a deadline.
    """

    __slots__ = ("_seconds", "_timeout", "at")

    def __init__(self, seconds: float | None) -> None:
        """Set the deadline to `seconds` from now; None means no deadline."""
        self._seconds = seconds
        self._timeout: asyncio.Timeout | None = None
        self.at = math.inf if seconds is None else asyncio.get_running_loop().time() + seconds

    async def __aenter__(self) -> Self:
        self._timeout = asyncio.timeout_at(None if self.at == math.inf else self.at)
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._timeout is not None
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise self.error() from None

    def seconds_left(self) -> float:
        """Return the seconds until the deadline."""
        return self.at - asyncio.get_running_loop().time()

    def error(self) -> DeadlineError:
        """Return the error for a deadline that has passed."""
        message = f"the deadline of {self._seconds:g} seconds passed before the response was complete"
        return DeadlineError(message, help="allow more time, or request fewer tokens")
