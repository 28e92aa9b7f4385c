"""Soak test of the runtime under random faults: `python -m benchmarks.soak [MINUTES] [STREAMS]`, by default 10 and 500.

The test server, in a separate process, answers each request correctly or with a random fault. Every ten seconds a line
shows the number of finished streams and this process's tasks, open files and memory. The test fails if a stream is not
accounted for or was ended by its deadline, if tasks or files are left, or if memory has grown since the second quarter
of the time, when everything that is kept had been allocated.
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
_INTERVAL = 10.0  # seconds between two lines
_CORRECT = 0.5  # share of requests that are answered correctly
_ABANDONED = 0.1  # share of streams that are abandoned after their first event
_KINDS = get_args(FaultKind)
_SMALL = [kind for kind in _KINDS if kind != "too large"]
# Events of 16 MiB must be rare, or they would dominate the measurement.
_LARGE = 0.002
# Seconds. More than any stream needs: both of its models may be silent three times, for a second each.
_DEADLINE = 60.0
_MAX_GROWTH = 1.2  # memory of the last quarter in relation to the second


def main() -> int:
    """Run the soak test. Return 0 if nothing was left behind."""
    arguments = sys.argv[1:]
    minutes, streams = float(next(iter(arguments), "10")), int(next(iter(arguments[1:]), "500"))
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        return asyncio.run(_soak(ours.recv(), minutes * 60, streams))
    finally:
        server.kill()


def _serve(pipe: Connection) -> None:
    def faults() -> Iterator[Fault | None]:
        generator = random.Random(7)
        for _ in repeat(None):
            kind: FaultKind = "too large" if generator.random() < _LARGE else generator.choice(_SMALL)
            yield (
                None
                if generator.random() < _CORRECT
                else Fault(kind, generator.randrange(5), generator.choice((403, 429, 500, 503)))
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
    started = 0
    end = time.monotonic() + seconds
    before = _files()
    memory: list[float] = []

    async def work(runtime: Runtime) -> None:
        nonlocal started
        generator = random.Random(started)
        while time.monotonic() < end:
            started += 1
            try:
                abandon = generator.random() < _ABANDONED
                events = runtime.stream(None, _MESSAGES, deadline=_DEADLINE)
                async for _ in events:
                    if abandon:
                        break
                await events.aclose()
                outcomes["abandoned" if abandon else "completed"] += 1
            except CompletionError as error:
                outcomes[type(error).__name__] += 1

    async with Runtime(manifest) as runtime:
        workers = [asyncio.create_task(work(runtime)) for _ in range(streams)]
        shown = 0.0
        while time.monotonic() < end:
            await asyncio.sleep(min(1.0, max(0.1, end - time.monotonic())))
            memory.append(_memory())
            if time.monotonic() - shown >= _INTERVAL:
                shown = time.monotonic()
                tasks = len(asyncio.all_tasks())
                print(
                    f"{outcomes.total():>8} streams {tasks:>5} tasks {_files():>5} files {memory[-1]:7.1f} MB",
                    flush=True,
                )
        # A stream still running long after its deadline waits for something that never comes.
        await asyncio.wait(workers, timeout=2 * _DEADLINE)
        for worker in workers:
            worker.cancel()
    await asyncio.sleep(0.5)
    left = len(asyncio.all_tasks()) - 1
    print(
        f"\n{started} streams started, {outcomes.total()} accounted for; "
        f"{left} tasks and {_files() - before} files left"
    )
    for name, count in sorted(outcomes.items()):
        print(f"  {name:<24} {count}")
    quarter = len(memory) // 4
    early, late = median(memory[quarter : 2 * quarter] or memory), median(memory[-quarter:] or memory)
    print(f"  {early:.1f} MB in the second quarter, {late:.1f} MB in the last")
    failures = {
        "streams are not accounted for": started != outcomes.total(),
        "streams were ended by their deadline": outcomes[DeadlineError.__name__] > 0,
        "tasks are left": left != 0,
        "files are left": _files() != before,
        "memory has grown": late > _MAX_GROWTH * early,
    }
    print(
        "\n".join(f"FAILED: {failure}" for failure, occurred in failures.items() if occurred)
        or "nothing was left behind"
    )
    return int(any(failures.values()))


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _memory() -> float:
    """Return the resident memory in megabytes."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
