"""Running the requests: so many at once, each result written as it ends."""

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

__all__ = ["Summary", "answer", "run"]

# Fields that are arguments of their own, and those that no result could come of.
_ARGUMENTS = ("model", "messages", *LIMIT_FIELDS, "tools", "tool_choice")
_STREAMING = ("stream", "stream_options")


class Summary(NamedTuple):
    """What a run did: how many requests, and what they used, as far as it is known, with the cost by their entries."""

    succeeded: int = 0
    failed: int = 0
    input: int = 0
    output: int = 0
    cost: float = 0.0

    def with_result(self, result: dict[str, Any]) -> Summary:
        """Count one line."""
        failed = result["error"] is not None
        usage = (result["error"] if failed else result["response"]["body"])["usage"] or {}
        return Summary(
            self.succeeded + (not failed),
            self.failed + failed,
            self.input + usage.get("prompt_tokens", 0),
            self.output + usage.get("completion_tokens", 0),
            self.cost + usage.get("cost", 0.0),
        )


async def run(  # noqa: PLR0913 - what a run depends on
    manifest: Manifest,
    environment: Mapping[str, str],
    requests: Iterable[Request],
    results: Results,
    *,
    at_once: int,
    on_result: Callable[[], None] = lambda: None,
) -> Summary:
    """Answer the requests that have no result yet.

    A result is on disk before the next request takes its place, so that a killed run has lost nothing that it told of.

    Args:
        manifest: What they are answered with.
        environment: Where its variables are looked up.
        requests: In the order in which they begin.
        results: Where results go, in the order in which they end.
        at_once: How many are under way at the same time.
        on_result: Called for each result.

    Raises:
        OSError: The results cannot be written.
    """
    waiting = (request for request in requests if request.custom_id not in results.done)
    ended: asyncio.Queue[dict[str, object] | None] = asyncio.Queue(at_once)
    summary = Summary()

    async def work(runtime: Runtime) -> None:
        # An iterator is shared: each takes the next one.
        for request in waiting:
            await ended.put(await answer(runtime, request))

    async def write() -> None:
        nonlocal summary
        over = False
        while not over:
            # All that has ended by now goes to disk at once: syncing takes milliseconds.
            some = [await ended.get()]
            while not ended.empty():
                some.append(ended.get_nowait())
            lines = [result for result in some if result is not None]
            over = len(lines) < len(some)
            await asyncio.to_thread(results.write, lines)
            for result in lines:
                summary = summary.with_result(result)
                on_result()

    async def work_all() -> None:
        async with Runtime(manifest, environment=environment) as runtime, asyncio.TaskGroup() as workers:
            for _ in range(at_once):
                workers.create_task(work(runtime))
        await ended.put(None)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work_all())
            tasks.create_task(write())
    except* OSError as group:
        raise group.exceptions[0] from None
    return summary


async def answer(runtime: Runtime, request: Request) -> dict[str, Any]:
    """Answer one request: its line of the results. Whatever goes wrong with it is in the line, and ends no other."""
    body = request.body
    try:
        model = _model(runtime.manifest, body.get("model"))
        limits = (body.get(name) for name in LIMIT_FIELDS)
        completion = await runtime.complete(
            model,
            body.get("messages"),  # type: ignore[arg-type] # whatever it is, the runtime looks at it
            max_tokens=next((limit for limit in limits if limit is not None), None),
            params={key: value for key, value in body.items() if key not in (*_ARGUMENTS, *_STREAMING)},
            tools=body.get("tools"),
            tool_choice=body.get("tool_choice"),
        )
    except CompletionError as error:
        return _line(request, None, _error(error))
    except Exception as error:  # noqa: BLE001 - else one line would end the run, and each run that resumes it
        bug = CompletionError(f"this is a bug in Genesis, please report it:\n{describe(error)}")
        return _line(request, None, _error(bug) | {"code": "InternalError"})
    response = {"status_code": 200, "request_id": completion.request_id, "body": _body(completion)}
    return _line(request, response, None)


def _line(request: Request, response: dict[str, Any] | None, error: dict[str, Any] | None) -> dict[str, Any]:
    """Write a line of the results. Its id is the request's own, so that it is the same however often it is made."""
    return {
        "id": f"batch_req_{request.custom_id}",
        "custom_id": request.custom_id,
        "response": response,
        "error": error,
    }


def _model(manifest: Manifest, stated: object) -> str | None:
    """Find the model that a body names: a reference, an alias, or an id that one provider alone has.

    Raises:
        UnknownModelError: Several providers have it.
    """
    if stated is None:
        return None
    if not isinstance(stated, str):
        raise UnknownModelError("the body's `model` is no text")
    found = [
        f"{name}/{model.id}"
        for name, provider in manifest.providers.items()
        for model in provider.models
        if model.id == stated
    ]
    if len(found) > 1 and stated not in manifest.selection.aliases:
        raise UnknownModelError(f"`{stated}` is a model of several providers", help=f"name one: {', '.join(found)}")
    whole = stated in manifest.selection.aliases or stated.partition("/")[0] in manifest.providers
    return found[0] if found and not whole else stated


def _body(completion: Completion) -> dict[str, object]:
    """Write a completion as the API does."""
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
        "usage": _usage(completion.usage),
    }


def _usage(usage: Usage | None) -> dict[str, object] | None:
    if usage is None or usage.input is None or usage.output is None:
        return None
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "cost": usage.cost,
    }


def _error(error: CompletionError) -> dict[str, object]:
    """Write an error, with what had arrived until then."""
    return {
        "code": type(error).__name__,
        "message": str(error),
        "status": error.status,
        "text": error.text,
        "usage": _usage(error.usage),
        "attempts": [{"model": each.model, "code": each.error, "status": each.status} for each in error.attempts],
    }
