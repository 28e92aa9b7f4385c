"""The runtime for minutes under random faults: `python -m benchmarks.soak [MINUTES] [STREAMS]`, by default 10 and 500.

The test server, in a process of its own, answers each request well or with a fault drawn at random. Every ten seconds
a line tells the streams that ended, the tasks, the open files and the memory of this process. It fails where a stream
is not accounted for or had to be ended by its deadline, where tasks or files are left, and where memory has grown:
that of the last quarter is held against that of the second, by when all that is kept is there.
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
from statistics import median
from typing import TYPE_CHECKING, get_args

from genesis_config.manifest import (
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
from genesis_config.runtime import CompletionError, DeadlineError, Runtime
from genesis_config.testing import Answer, FakeVLLM, Fault, ServedModel
from genesis_config.testing.faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

_MESSAGES = [{"role": "user", "content": "Hello"}]
_EVERY = 10.0  # seconds between two lines
_WELL = 0.5  # the share of requests that are answered well
_LEFT = 0.1  # the share of streams that are left after their first event
_KINDS = get_args(FaultKind)
_SMALL = [kind for kind in _KINDS if kind != "too large"]
# Events of 16 MiB are rare, or they would be all that is measured.
_LARGE = 0.002
# Seconds that no stream needs: both its models may be silent three times, each time for a second.
_DEADLINE = 60.0
_GROWN = 1.2  # times the memory


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
            kind: FaultKind = "too large" if drawn.random() < _LARGE else drawn.choice(_SMALL)
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
    memory: list[float] = []

    async def work(runtime: Runtime) -> None:
        nonlocal begun
        drawn = random.Random(begun)
        while time.monotonic() < end:
            begun += 1
            try:
                leave = drawn.random() < _LEFT
                events = runtime.stream(None, _MESSAGES, deadline=_DEADLINE)
                async for _ in events:
                    if leave:
                        break
                await events.aclose()
                outcomes["left" if leave else "done"] += 1
            except CompletionError as error:
                outcomes[type(error).__name__] += 1

    async with Runtime(manifest) as runtime:
        workers = [asyncio.create_task(work(runtime)) for _ in range(streams)]
        shown = 0.0
        while time.monotonic() < end:
            await asyncio.sleep(min(1.0, max(0.1, end - time.monotonic())))
            memory.append(_memory())
            if time.monotonic() - shown >= _EVERY:
                shown = time.monotonic()
                tasks = len(asyncio.all_tasks())
                print(
                    f"{outcomes.total():>8} streams {tasks:>5} tasks {_files():>5} files {memory[-1]:7.1f} MB",
                    flush=True,
                )
        # What is not over long after its deadline waits for something that never comes.
        await asyncio.wait(workers, timeout=2 * _DEADLINE)
        for worker in workers:
            worker.cancel()
    await asyncio.sleep(0.5)
    left = len(asyncio.all_tasks()) - 1
    print(f"\n{begun} streams begun, {outcomes.total()} accounted for; {left} tasks and {_files() - before} files left")
    for name, count in sorted(outcomes.items()):
        print(f"  {name:<24} {count}")
    quarter = len(memory) // 4
    early, late = median(memory[quarter : 2 * quarter] or memory), median(memory[-quarter:] or memory)
    print(f"  {early:.1f} MB in the second quarter, {late:.1f} MB in the last")
    wrong = {
        "streams are not accounted for": begun != outcomes.total(),
        "streams were ended by their deadline": outcomes[DeadlineError.__name__] > 0,
        "tasks are left": left != 0,
        "files are left": _files() != before,
        "memory has grown": late > _GROWN * early,
    }
    print("\n".join(f"FAILED: {what}" for what, is_so in wrong.items() if is_so) or "nothing was left behind")
    return int(any(wrong.values()))


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _memory() -> float:
    """Give the resident memory in megabytes."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
