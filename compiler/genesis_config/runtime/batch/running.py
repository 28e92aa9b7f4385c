"""Run the requests of a batch concurrently, and write each result as it becomes available."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from genesis_config.diagnostics.crash import describe
from genesis_config.runtime import CompletionError, Runtime, UnknownModelError
from genesis_config.runtime.request import LIMIT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from genesis_config.manifest import Manifest
    from genesis_config.runtime import Completion, Usage
    from genesis_config.runtime.batch.requests import Request
    from genesis_config.runtime.batch.results import Results

__all__ = ["Summary", "complete_request", "run_batch"]

# Body fields that `Runtime.complete` takes as arguments, and fields that are ignored because it always streams.
_ARGUMENTS = ("model", "messages", *LIMIT_FIELDS, "tools", "tool_choice")
_STREAMING = ("stream", "stream_options")


class Summary(NamedTuple):
    """The result of a run: the number of requests, and their tokens and cost as far as they are known."""

    succeeded: int = 0
    failed: int = 0
    input: int = 0
    output: int = 0
    cost: float = 0.0

    def with_result(self, result: dict[str, Any]) -> Summary:
        """Return the summary with one more result."""
        failed = result["error"] is not None
        usage = (result["error"] if failed else result["response"]["body"])["usage"] or {}
        return Summary(
            self.succeeded + (not failed),
            self.failed + failed,
            self.input + usage.get("prompt_tokens", 0),
            self.output + usage.get("completion_tokens", 0),
            self.cost + usage.get("cost", 0.0),
        )


async def run_batch(  # noqa: PLR0913 - what a run depends on
    manifest: Manifest,
    environment: Mapping[str, str],
    requests: Iterable[Request],
    results: Results,
    *,
    concurrency: int,
    on_result: Callable[[], None] = lambda: None,
) -> Summary:
    """Complete the requests that have no result yet.

    Results are flushed to disk before `on_result` reports them, so a killed run loses nothing it has reported.

    Args:
        manifest: The manifest.
        environment: The variables to look up secrets in.
        requests: The requests, in the order in which they start.
        results: The results file, in the order in which the requests finish.
        concurrency: The number of concurrent requests.
        on_result: Called for each result.

    Raises:
        OSError: The results cannot be written.
    """
    pending = (request for request in requests if request.custom_id not in results.done)
    finished: asyncio.Queue[dict[str, object] | None] = asyncio.Queue(concurrency)  # None after the last one
    summary = Summary()

    async def complete_pending(runtime: Runtime) -> None:
        # The workers share the generator: each takes the next request.
        for request in pending:
            await finished.put(await complete_request(runtime, request))

    async def write_results() -> None:
        nonlocal summary
        is_last = False
        while not is_last:
            # Write everything that has finished at once: flushing takes milliseconds.
            items = [await finished.get()]
            while not finished.empty():
                items.append(finished.get_nowait())
            lines = [result for result in items if result is not None]
            is_last = len(lines) < len(items)
            await asyncio.to_thread(results.write, lines)
            for result in lines:
                summary = summary.with_result(result)
                on_result()

    async def complete_all() -> None:
        async with Runtime(manifest, environment=environment) as runtime, asyncio.TaskGroup() as workers:
            for _ in range(concurrency):
                workers.create_task(complete_pending(runtime))
        await finished.put(None)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(complete_all())
            tasks.create_task(write_results())
    except* OSError as group:
        raise group.exceptions[0] from None
    return summary


async def complete_request(runtime: Runtime, request: Request) -> dict[str, Any]:
    """Return the result line of one request. A failure is recorded in the line and does not affect other requests."""
    body = request.body
    try:
        model = _find_reference(runtime.manifest, body.get("model"))
        limits = (body.get(name) for name in LIMIT_FIELDS)
        completion = await runtime.complete(
            model,
            body.get("messages"),  # type: ignore[arg-type] # the runtime validates it
            max_tokens=next((limit for limit in limits if limit is not None), None),
            params={key: value for key, value in body.items() if key not in (*_ARGUMENTS, *_STREAMING)},
            tools=body.get("tools"),
            tool_choice=body.get("tool_choice"),
        )
    except CompletionError as error:
        return _result_line(request, None, _error_to_dict(error))
    except Exception as error:  # noqa: BLE001 - otherwise one request would end this run and every resumed one
        bug = CompletionError(f"this is a bug in Genesis, please report it:\n{describe(error)}")
        return _result_line(request, None, _error_to_dict(bug) | {"code": "InternalError"})
    response = {"status_code": 200, "request_id": completion.request_id, "body": _completion_to_dict(completion)}
    return _result_line(request, response, None)


def _result_line(request: Request, response: dict[str, Any] | None, error: dict[str, Any] | None) -> dict[str, Any]:
    """Return a line of the results file. Its id derives from the request, so it is the same in every run."""
    return {
        "id": f"batch_req_{request.custom_id}",
        "custom_id": request.custom_id,
        "response": response,
        "error": error,
    }


def _find_reference(manifest: Manifest, name: object) -> str | None:
    """Return the reference for a body's `model`: a reference, an alias, or an id that only one provider has.

    Raises:
        UnknownModelError: Several providers have a model with this id, or the name is not a string.
    """
    if name is None:
        return None
    if not isinstance(name, str):
        raise UnknownModelError("the `model` must be a string")
    references = [
        f"{provider_id}/{model.id}"
        for provider_id, provider in manifest.providers.items()
        for model in provider.models
        if model.id == name
    ]
    if len(references) > 1 and name not in manifest.selection.aliases:
        help_ = f"use one of {', '.join(references)}"
        raise UnknownModelError(f"`{name}` is ambiguous: several providers have this model", help=help_)
    is_reference = name in manifest.selection.aliases or name.partition("/")[0] in manifest.providers
    return references[0] if references and not is_reference else name


def _completion_to_dict(completion: Completion) -> dict[str, object]:
    """Return a completion in the format of the API."""
    return {
        "id": completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "provider": completion.provider,
        "choices": [
            {
                "index": choice.index,
                "message": choice.message | ({"reasoning": choice.reasoning} if choice.reasoning else {}),
                "logprobs": {"content": choice.logprobs} if choice.logprobs else None,
                "finish_reason": choice.finish_reason,
            }
            for choice in completion.choices
        ],
        "usage": _usage_to_dict(completion.usage),
    }


def _usage_to_dict(usage: Usage | None) -> dict[str, object] | None:
    if usage is None or usage.input is None or usage.output is None:
        return None
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "cost": usage.cost,
    }


def _error_to_dict(error: CompletionError) -> dict[str, object]:
    """Return an error with its partial output."""
    return {
        "code": type(error).__name__,
        "message": str(error),
        "status": error.status,
        "text": error.text,
        "usage": _usage_to_dict(error.usage),
        "attempts": [
            {"model": attempt.model, "code": attempt.error, "status": attempt.status} for attempt in error.attempts
        ],
    }
