"""The same, on a Ray cluster: for those who outgrow one machine.

Each worker has the manifest, and nothing else: the variables that it refers to are looked up in the worker's own
environment, so that no secret goes through Ray. Results come back here, to the one file that is the journal.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from genesis_config.manifest import dumps, loads
from genesis_config.runtime import Runtime
from genesis_config.runtime.batch.requests import Request, parse
from genesis_config.runtime.batch.running import Summary, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from genesis_config.manifest import Manifest
    from genesis_config.runtime.batch.results import Results

__all__ = ["run_on_ray"]


class _Worker:
    """Answers batches of requests, in a process of its own; Ray makes it there and calls it."""

    def __init__(self, manifest: bytes) -> None:
        self._manifest = loads(manifest)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Give the results of the requests, all of which are under way at the same time."""
        requests = [parse(line) for line in batch["request"]]
        return {"result": [msgspec.json.encode(result).decode() for result in asyncio.run(self._answered(requests))]}

    async def _answered(self, requests: list[Request]) -> list[dict[str, object]]:
        async with Runtime(self._manifest) as runtime:
            return list(await asyncio.gather(*(answer(runtime, request) for request in requests)))


def run_on_ray(  # noqa: PLR0913 - what a run depends on
    manifest: Manifest,
    requests: Iterable[Request],
    results: Results,
    *,
    workers: int,
    at_once: int,
    on_result: Callable[[], None] = lambda: None,
) -> Summary:
    """Answer the requests that have no result yet, on the cluster that Ray finds, or else on this machine.

    Args:
        manifest: What the workers answer with.
        requests: In the order in which they begin.
        results: Where results go, on disk before they count.
        workers: How many processes answer.
        at_once: How many requests are under way at the same time in each of them.
        on_result: Called for each result.

    Raises:
        ImportError: Ray is not installed.
        OSError: The results cannot be written.
    """
    import ray
    import ray.data

    waiting = [
        {"request": msgspec.json.encode({"custom_id": request.custom_id, "body": request.body}).decode()}
        for request in requests
        if request.custom_id not in results.done
    ]
    if not waiting:
        return Summary()
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False
    summary = Summary()
    answered = ray.data.from_items(waiting, override_num_blocks=-(-len(waiting) // at_once)).map_batches(
        _Worker,
        fn_constructor_args=(dumps(manifest),),
        batch_size=at_once,
        compute=ray.data.ActorPoolStrategy(size=workers),
    )
    for row in answered.iter_rows():
        result = msgspec.json.decode(row["result"])
        results.write([result])
        summary = summary.with_result(result)
        on_result()
    return summary
