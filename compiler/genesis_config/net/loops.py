"""Running coroutines in an event loop that does not wait for its threads when it closes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_Result = TypeVar("_Result")

__all__ = ["run_coroutine"]


def run_coroutine(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine in a new event loop, and return its result."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(coroutine)


class _Loop(asyncio.SelectorEventLoop):
    """Event loop that runs blocking calls in threads that neither the loop nor the program waits for.

    The blocking call is the host name lookup, which may take longer than any deadline.
    """

    def run_in_executor(  # type: ignore[override] # typeshed ties the arguments to the function, which is not needed here
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Run `func` in a new thread, or in `executor` if given."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            settle: Callable[[Any], None] = future.set_result
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - it is raised where the future is awaited
                settle, result = future.set_exception, error
            with contextlib.suppress(RuntimeError):  # the loop has closed, so nothing awaits the future
                self.call_soon_threadsafe(lambda: None if future.done() else settle(result))

        threading.Thread(target=work, daemon=True).start()
        return future
