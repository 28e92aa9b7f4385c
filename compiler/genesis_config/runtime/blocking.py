"""The runtime for code that is not asynchronous: scripts, and notebooks, in which a loop runs already.

The client is the same one: it runs on a loop of its own, in a thread of its own.
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
    """Give a whole completion, without asynchronous code around it; `options` as for `Runtime.complete`.

    Raises:
        genesis_config.manifest.ManifestError: The file cannot be used.
        CompletionError: What went wrong.
    """
    with _thread(manifest) as (run, runtime):
        return run(runtime.complete(model, messages, **options))


def stream_sync(
    manifest: Manifest | str | os.PathLike[str],
    model: str | None,
    messages: Sequence[Mapping[str, Any]],
    **options: Any,
) -> Generator[Event, None, None]:
    """Stream a completion, without asynchronous code around it; `options` as for `Runtime.stream`.

    Leaving the loop early closes the connection, so that the server stops generating.

    Raises:
        genesis_config.manifest.ManifestError: The file cannot be used.
        CompletionError: What went wrong.
    """
    with _thread(manifest) as (run, runtime):
        stream = runtime.stream(model, messages, **options)
        try:
            while True:
                try:
                    event = run(anext(stream))
                except StopAsyncIteration:
                    return
                yield event
        finally:
            run.last(stream.aclose())


class _Run:
    """Runs coroutines on the thread's loop, and waits for them; Ctrl-C ends the one that is waited for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __call__(self, step: Awaitable[_Result]) -> _Result:
        future = asyncio.run_coroutine_threadsafe(_awaited(step), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def last(self, step: Awaitable[object]) -> None:
        """Run what closes. When the interpreter ends no other thread runs any more, and connections end with it."""
        if not sys.is_finalizing():
            self(step)


async def _awaited(step: Awaitable[_Result]) -> _Result:
    """Await what need not be a coroutine: the next item of a generator is none."""
    return await step


@contextmanager
def _thread(manifest: Manifest | str | os.PathLike[str]) -> Iterator[tuple[_Run, Runtime]]:
    """Run a loop with a runtime in a thread, until the block ends."""
    loaded = manifest if isinstance(manifest, Manifest) else load(os.fspath(manifest))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="genesis-runtime", daemon=True)
    thread.start()
    run = _Run(loop)
    runtime = Runtime(loaded)
    try:
        yield run, runtime
    finally:
        run.last(runtime.close())
        if not sys.is_finalizing():
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
