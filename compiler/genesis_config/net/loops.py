"""Running coroutines in an event loop that waits for no thread at its end."""

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
    """Run a coroutine in a loop of its own, and return its result."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(coroutine)


class _Loop(asyncio.SelectorEventLoop):
    """Runs what blocks in threads that neither the loop nor the program waits for.

    That is name lookup: the system takes as long as it likes for it, which can be longer than a deadline.
    """

    def run_in_executor(  # type: ignore[override] # typeshed ties the arguments to the function, to no end here
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Run `func` in a thread of its own, or in `executor` if there is one."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            settle: Callable[[Any], None] = future.set_result
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to who waits for it
                settle, result = future.set_exception, error
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                self.call_soon_threadsafe(lambda: None if future.done() else settle(result))

        threading.Thread(target=work, daemon=True).start()
        return future
