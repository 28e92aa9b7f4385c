"""The runtime for synchronous code: scripts, and notebooks, where an event loop is already running.

The client is the same. It runs on its own event loop in its own thread.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from genesis_config.manifest import Manifest, load
from genesis_config.runtime.client import Runtime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator, Iterator, Mapping, Sequence

    from genesis_config.runtime.events import Completion, Event

__all__ = ["complete", "stream_sync"]

_Result = TypeVar("_Result")


def complete(
    manifest: Manifest | str | os.PathLike[str],
    model: str | None,
    messages: Sequence[Mapping[str, object]],
    **options: Any,
) -> Completion:
    """Return a whole completion from synchronous code. Takes the options of `Runtime.complete`.

    Raises:
        genesis_config.manifest.ManifestError: The manifest cannot be read or is not valid.
        CompletionError: The completion failed.
    """
    with _runtime_thread(manifest) as (run, runtime):
        return run(runtime.complete(model, messages, **options))


def stream_sync(
    manifest: Manifest | str | os.PathLike[str],
    model: str | None,
    messages: Sequence[Mapping[str, Any]],
    **options: Any,
) -> Generator[Event, None, None]:
    """Stream a completion from synchronous code. Takes the options of `Runtime.stream`.

    Leaving the loop early closes the connection, so that the server stops generating.

    Raises:
        genesis_config.manifest.ManifestError: The manifest cannot be read or is not valid.
        CompletionError: The completion failed.
    """
    with _runtime_thread(manifest) as (run, runtime):
        stream = runtime.stream(model, messages, **options)
        try:
            while True:
                try:
                    event = run(anext(stream))
                except StopAsyncIteration:
                    return
                yield event
        finally:
            run.clean_up(stream.aclose())


class _LoopRunner:
    """Runs awaitables on the thread's event loop and waits for the result. Ctrl-C cancels the running one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __call__(self, awaitable: Awaitable[_Result]) -> _Result:
        future = asyncio.run_coroutine_threadsafe(_await(awaitable), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def clean_up(self, awaitable: Awaitable[object]) -> None:
        """Run a cleanup step, unless the interpreter is exiting: other threads have stopped by then."""
        if not sys.is_finalizing():
            self(awaitable)


async def _await(awaitable: Awaitable[_Result]) -> _Result:
    """Wrap an awaitable in a coroutine: `run_coroutine_threadsafe` does not accept a generator's next item."""
    return await awaitable


@contextmanager
def _runtime_thread(manifest: Manifest | str | os.PathLike[str]) -> Iterator[tuple[_LoopRunner, Runtime]]:
    """Run an event loop and a runtime in a thread until the block ends."""
    loaded = manifest if isinstance(manifest, Manifest) else load(os.fspath(manifest))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="genesis-runtime", daemon=True)
    thread.start()
    run = _LoopRunner(loop)
    runtime = Runtime(loaded)
    try:
        yield run, runtime
    finally:
        run.clean_up(runtime.close())
        if not sys.is_finalizing():
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
