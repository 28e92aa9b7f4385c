"""The runtime for minutes under random faults: `python -m benchmarks.soak [MINUTES] [STREAMS]`, by default 10 and 500.

The test server, in a process of its own, answers each request well or with a fault drawn at random. Every ten seconds
a line tells the streams that ended, the tasks, the open files and the memory of this process; at the end each stream
must be accounted for, and the tasks and files must be those of the beginning.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from itertools import repeat
from typing import TYPE_CHECKING, get_args

from genesis.manifest import (
    Compat,
    Cost,
    Generator,
    Manifest,
    Model,
    Provider,
    RequestPolicy,
    Selection,
    SourceInfo,
    Streaming,
)
from genesis.runtime import CompletionError, Runtime
from genesis.testing import Answer, FakeVLLM, Fault, ServedModel
from genesis.testing.faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

_MESSAGES = [{"role": "user", "content": "Hello"}]
_EVERY = 10.0  # seconds between two lines
_WELL = 0.5  # the share of requests that are answered well
_LEFT = 0.1  # the share of streams that are left after their first event
# A stream of 16 MiB takes long enough to be all that is measured.
_KINDS = [kind for kind in get_args(FaultKind) if kind != "too large"]


def main() -> int:
    """Run, and give 0 where nothing was left behind."""
    given = sys.argv[1:]
    minutes, streams = float(next(iter(given), "10")), int(next(iter(given[1:]), "500"))
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        return asyncio.run(_soak(ours.recv(), minutes * 60, streams))
    finally:
        server.kill()


def _serve(pipe: Connection) -> None:
    def faults() -> Iterator[Fault | None]:
        drawn = random.Random(7)
        for _ in repeat(None):
            kind = drawn.choice(_KINDS)
            yield (
                None if drawn.random() < _WELL else Fault(kind, drawn.randrange(5), drawn.choice((403, 429, 500, 503)))
            )

    async def run() -> None:
        answer = Answer(tuple(f"word {number} " for number in range(20)))
        async with FakeVLLM([ServedModel("m")], answer=answer, chunk_delay=0.01, faults=faults()) as server:
            pipe.send(server.base_url)
            while True:
                await asyncio.sleep(1)
                server.requests.clear()

    asyncio.run(run())


async def _soak(base_url: str, seconds: float, streams: int) -> int:
    model = Model("m", "m", False, ("text",), Cost(), 10_000, "config", 64, "default", {}, {}, Compat(), None)
    provider = Provider(
        "explicit", "", "openai-completions", base_url, None, {}, 1, streams, Streaming(), RequestPolicy(), (model,)
    )
    manifest = Manifest(1, Generator(), SourceInfo("", ""), {"vllm": provider}, Selection("vllm/m", ("vllm/m",)))
    outcomes: Counter[str] = Counter()
    begun = 0
    end = time.monotonic() + seconds
    before = _files()

    async def work(runtime: Runtime) -> None:
        nonlocal begun
        drawn = random.Random(begun)
        while time.monotonic() < end:
            begun += 1
            try:
                leave = drawn.random() < _LEFT
                events = runtime.stream(None, _MESSAGES, deadline=5)
                async for _ in events:
                    if leave:
                        break
                await events.aclose()
                outcomes["left" if leave else "done"] += 1
            except CompletionError as error:
                outcomes[type(error).__name__] += 1

    async with Runtime(manifest) as runtime:
        workers = [asyncio.create_task(work(runtime)) for _ in range(streams)]
        while time.monotonic() < end:
            await asyncio.sleep(min(_EVERY, max(0.1, end - time.monotonic())))
            tasks = len(asyncio.all_tasks())
            print(f"{outcomes.total():>8} streams {tasks:>5} tasks {_files():>5} files {_memory():7.1f} MB", flush=True)
        await asyncio.gather(*workers)
    await asyncio.sleep(0.5)
    left = len(asyncio.all_tasks()) - 1
    print(f"\n{begun} streams begun, {outcomes.total()} accounted for; {left} tasks and {_files() - before} files left")
    for name, count in sorted(outcomes.items()):
        print(f"  {name:<24} {count}")
    return int(begun != outcomes.total() or left != 0 or _files() != before)


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _memory() -> float:
    """Give the resident memory in megabytes."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
