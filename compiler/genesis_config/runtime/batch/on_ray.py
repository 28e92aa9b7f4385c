"""Batches on a Ray cluster, for work that outgrows one machine.

Each worker receives only the manifest. It looks up the variables in its own environment, so that no secret goes through
Ray. The results come back to this process, which writes them to the one results file.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from genesis_config.manifest import dumps, loads
from genesis_config.runtime import Runtime
from genesis_config.runtime.batch.requests import Request, parse_request
from genesis_config.runtime.batch.running import Summary, complete_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from genesis_config.manifest import Manifest
    from genesis_config.runtime.batch.results import Results

__all__ = ["run_on_ray"]


class _Worker:
    """Worker process that completes batches of requests. Ray creates it and calls it."""

    def __init__(self, manifest: bytes) -> None:
        self._manifest = loads(manifest)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Return the results of the requests, which run concurrently."""
        requests = [parse_request(line) for line in batch["request"]]
        results = asyncio.run(self._complete_all(requests))
        return {"result": [msgspec.json.encode(result).decode() for result in results]}

    async def _complete_all(self, requests: list[Request]) -> list[dict[str, object]]:
        async with Runtime(self._manifest) as runtime:
            return list(await asyncio.gather(*(complete_request(runtime, request) for request in requests)))


def run_on_ray(  # noqa: PLR0913 - what a run depends on
    manifest: Manifest,
    requests: Iterable[Request],
    results: Results,
    *,
    workers: int,
    concurrency: int,
    on_result: Callable[[], None] = lambda: None,
) -> Summary:
    """Complete the requests that have no result yet, on the cluster that Ray finds or on this machine.

    Args:
        manifest: The manifest for all workers.
        requests: The requests, in the order in which they start.
        results: The results file.
        workers: The number of worker processes.
        concurrency: The number of concurrent requests in each worker.
        on_result: Called for each result.

    Raises:
        ImportError: Ray is not installed.
        OSError: The results cannot be written.
    """
    import ray
    import ray.data

    pending = [
        {"request": msgspec.json.encode({"custom_id": request.custom_id, "body": request.body}).decode()}
        for request in requests
        if request.custom_id not in results.done
    ]
    if not pending:
        return Summary()
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False
    summary = Summary()
    rows = ray.data.from_items(pending, override_num_blocks=-(-len(pending) // concurrency)).map_batches(
        _Worker,
        fn_constructor_args=(dumps(manifest),),
        batch_size=concurrency,
        compute=ray.data.ActorPoolStrategy(size=workers),
    )
    for row in rows.iter_rows():
        result = msgspec.json.decode(row["result"])
        results.write([result])
        summary = summary.with_result(result)
        on_result()
    return summary
