"""The moment until which a completion must be done, retries and fallbacks included."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Self

from genesis_config.runtime.errors import DeadlineError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Deadline"]


class Deadline:
    """What is awaited inside `async with` is given up at that moment.

    Attributes:
        at: When it is, by the loop's clock; infinite where there is none.
    """

    __slots__ = ("_seconds", "_timeout", "at")

    def __init__(self, seconds: float | None) -> None:
        """Set it to `seconds` from now, or to never."""
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

    def left(self) -> float:
        """Give the seconds until then."""
        return self.at - asyncio.get_running_loop().time()

    def error(self) -> DeadlineError:
        """Say that it has passed."""
        message = f"the deadline of {self._seconds:g} seconds passed before the answer ended"
        return DeadlineError(message, help="set a later one, or ask for fewer tokens")
