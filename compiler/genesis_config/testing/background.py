"""The test server in a thread with its own event loop, for synchronous tests."""

from __future__ import annotations

import asyncio
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec

from genesis_config.testing.server import FakeVLLM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["serving"]

_P = ParamSpec("_P")


def _in_thread(make: Callable[_P, FakeVLLM]) -> Callable[_P, AbstractContextManager[FakeVLLM]]:
    """Return a context manager with the parameters of `make` that runs the server that `make` returns."""

    @contextmanager
    def run(*args: _P.args, **kwargs: _P.kwargs) -> Iterator[FakeVLLM]:
        """Run a `FakeVLLM` with these arguments in a thread until the block ends.

        Raises:
            OSError: The server cannot listen on the address.
        """
        server = make(*args, **kwargs)
        started: Future[Any] = Future()

        async def serve() -> None:
            end = asyncio.Event()
            loop = asyncio.get_running_loop()
            async with server:
                started.set_result(lambda: loop.call_soon_threadsafe(end.set))
                await end.wait()

        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="genesis-testing") as thread:
            ended: Future[Any] = thread.submit(asyncio.run, serve())
            wait((started, ended), return_when=FIRST_COMPLETED)
            if not started.done():
                ended.result()  # raises the error that kept the server from starting
            stop = started.result()
            try:
                yield server
            finally:
                stop()
                ended.result()

    return run


serving = _in_thread(FakeVLLM)
