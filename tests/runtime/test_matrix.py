"""Every fault against the runtime, over real sockets. The outcomes are in docs/runtime.md."""

from __future__ import annotations

import asyncio
import itertools
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from genesis_config.credentials.lookup import SecretRef
from genesis_config.runtime import CompletionError, FellBack, Runtime, TextDelta, Usage, failover, reply
from genesis_config.testing import Answer, FakeVLLM, Fault, ServedModel
from tests.e2e.support import ROOT, snapshot_file
from tests.runtime.support import ENVIRONMENT, KEY, MESSAGES, manifest_of, model_with, provider_with

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from syrupy.assertion import SnapshotAssertion

    from genesis_config.manifest import Provider
    from genesis_config.runtime import Event

TEXT = ("One ", "two ", "three ", "four.")
BAD_REQUEST = '{"error": {"message": "bad", "type": "BadRequestError", "param": null, "code": 400}}'


class Case(NamedTuple):
    """A failure: its description, the fault of the server that causes it, and what differs in the setup."""

    description: str
    fault: Fault | None = None
    setting: str = ""


CASES = [
    Case("connection refused", setting="closed"),
    Case("no connection within `timeoutSeconds`", setting="full"),
    Case("server does not use TLS", setting="tls"),
    Case("variable for the key is not set", setting="no key"),
    Case("401: key rejected", setting="wrong key"),
    Case("403", Fault("status", code=403)),
    Case("404: model not found", setting="model"),
    Case("400", Fault("status", code=400, body=BAD_REQUEST)),
    Case("422", Fault("status", code=422)),
    Case("408", Fault("status", code=408)),
    Case("429", Fault("status", code=429)),
    Case("429, `Retry-After: 0`", Fault("status", code=429, retry_after="0")),
    Case("429, `Retry-After: 60`", Fault("status", code=429, retry_after="60")),
    Case("500", Fault("status", code=500)),
    Case("500 with an error body that arrives slowly", Fault("slow error", code=500)),
    Case("204 No Content", Fault("status", code=204, body="")),
    Case("503, `Retry-After` with a date in the past", Fault("status", retry_after="Wed, 21 Oct 2015 07:28:00 GMT")),
    Case("307 redirect", Fault("redirect", code=307)),
    Case("HTML login page", Fault("page")),
    Case("JSON response instead of a stream", Fault("whole")),
    Case("no response within `timeoutSeconds`", Fault("silence")),
    Case("no response within the caller's deadline", Fault("silence"), "deadline"),
    Case("headers incomplete after `timeoutSeconds`", Fault("slow headers")),
    Case("header of 1 MB", Fault("huge headers")),
    Case("connection closed without a response", Fault("no answer")),
    Case("response is not HTTP", Fault("no http")),
    Case("stream ends early", Fault("cut")),
    Case("stream ends before the first token", Fault("cut", after=1)),
    Case("empty stream", Fault("cut", after=0)),
    Case("connection closed mid-stream", Fault("drop")),
    Case("connection closed before the first token", Fault("drop", after=1)),
    Case("connection reset mid-stream", Fault("reset")),
    Case("connection reset before the first token", Fault("reset", after=0)),
    Case("connection reset after the finish reason", Fault("reset", after=6)),
    Case("stream stalls", Fault("stall")),
    Case("stream stalls after the finish reason", Fault("stall", after=6)),
    Case("stream stalls until the caller's deadline", Fault("stall"), "deadline"),
    Case("stream stalls before the first token", Fault("stall", after=1)),
    Case("invalid HTTP framing", Fault("bad framing")),
    Case("truncated gzip body", Fault("cut gzip")),
    Case("body declared as gzip, but not gzip", Fault("not gzip")),
    Case("compression that was not requested", Fault("not asked for")),
    Case("error event", Fault("error")),
    Case("error event, then `[DONE]`", Fault("error, then done")),
    Case("error event before the first token", Fault("error", after=1)),
    Case("event is not valid JSON", Fault("nonsense")),
    Case("event has an unexpected structure", Fault("wrong type")),
    Case("text is not valid UTF-8", Fault("invalid utf-8")),
    Case("first token is not valid UTF-8", Fault("invalid utf-8", after=1)),
    Case("id is not valid UTF-8, response is complete", Fault("invalid utf-8 in id")),
    Case("truncated last event", Fault("half an event")),
    Case("event larger than 16 MiB", Fault("too large")),
    Case("`[DONE]` without any content", Fault("no content")),
    Case("one of two choices has no finish reason", Fault("cut", after=11), "two choices"),
    Case("`[DONE]` without a finish reason", Fault("no finish reason")),
    Case("no `[DONE]`, response is complete", Fault("no done")),
    Case("no usage, response is complete", Fault("no usage")),
]


class Outcome(NamedTuple):
    result: str
    text: str
    requests: int
    fell_back: str


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(reply, "_ERROR_SECONDS", 0.2)


def full(stack: ExitStack) -> int:
    """Return a port that listens but accepts no connections."""
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(3):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
    port: int = listener.getsockname()[1]
    return port


@asynccontextmanager
async def faulty(case: Case) -> AsyncIterator[tuple[FakeVLLM, Provider]]:
    """Run a server that fails every request in this way, and yield it with its provider."""
    key = "another" if case.setting == "wrong key" else KEY
    models = [ServedModel("other" if case.setting == "model" else "org/model")]
    faults = () if case.fault is None else itertools.repeat(case.fault)
    async with FakeVLLM(models, api_key=key, answer=Answer(TEXT), faults=faults) as server:
        url = server.base_url
        with socket.socket() as closed, ExitStack() as stack:
            if case.setting == "closed":
                closed.bind(("127.0.0.1", 0))
                url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
            if case.setting == "full":
                # The listen queue is full, so that no further connection is accepted.
                url = f"http://127.0.0.1:{full(stack)}/v1"
            if case.setting == "tls":
                url = url.replace("http:", "https:")
            credential = SecretRef(template="${NOBODY_KEY}" if case.setting == "no key" else "${VLLM_API_KEY}")
            yield server, provider_with(base_url=url, timeout_seconds=1, credential=credential)


async def run_completion(runtime: Runtime, case: Case) -> tuple[str, str, list[Event]]:
    """Run a completion, and return its result, its text and its events."""
    options: dict[str, Any] = {"deadline": 0.4} if case.setting == "deadline" else {}
    if case.setting == "two choices":
        options["params"] = {"n": 2}
    events: list[Event] = []
    failure: CompletionError | None = None
    try:
        async with asyncio.timeout(10):
            async for event in runtime.stream(None, MESSAGES, **options):
                events.append(event)  # noqa: PERF401 - those before an error are wanted too
    except CompletionError as error:
        failure = error
    text = "".join(event.text for event in events if isinstance(event, TextDelta) and event.index == 0)
    if failure is not None:
        assert KEY not in str(failure)
        assert failure.text == text
        assert failure.help or "the server reported" in str(failure) or "the server sent" in str(failure)
        return type(failure).__name__, text, events
    last = events[-1]
    assert isinstance(last, Usage)
    return "; ".join(["success", *last.notes]), text, events


def outcome(case: Case) -> Outcome:
    """Run a fault with a single model, and then with a fallback on a healthy server."""

    async def run() -> Outcome:
        async with faulty(case) as (server, provider):
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                result, text, _ = await run_completion(runtime, case)
            requests = len(server.requests)
            async with FakeVLLM([ServedModel("org/model")], answer=Answer(("healthy",))) as healthy:
                manifest = manifest_of(provider, fallbacks=("pool/org/model",))
                pool = provider_with(base_url=healthy.base_url, credential=None, models=(model_with(),))
                manifest = msgspec.structs.replace(manifest, providers={**manifest.providers, "pool": pool})
                async with Runtime(manifest, environment=ENVIRONMENT) as runtime:
                    again, second, events = await run_completion(runtime, case)
                fallback_requests = len(healthy.requests)
        fell_back = [event for event in events if isinstance(event, FellBack)]
        assert len(fell_back) == fallback_requests <= 1
        if fell_back:
            # It comes first, and no output of the failed model is in the response.
            assert events[0] is fell_back[0]
            assert (fell_back[0].failed, fell_back[0].next) == ("vllm/org/model", "pool/org/model")
            assert (again.partition(";")[0], second) == ("success", "healthy")
            return Outcome(result, text, requests, "yes")
        assert (again, second) == (result, text)
        return Outcome(result, text, requests, "" if result.startswith("success") else "no")

    return asyncio.run(run())


HEAD = """<!-- Written by tests/runtime/test_matrix.py, which runs every fault: `pytest --snapshot-update`. -->
# Runtime failures

`genesis_config.runtime` either returns a complete response, in which every choice has a finish reason, or raises a
subclass of `CompletionError`. This page describes what the error contains, what is retried, and the outcome of each
failure.

## The error

| attribute | contents |
|---|---|
| `provider`, `model`, `status` | the provider, the model, and the HTTP status if there was a response |
| `help` | what to do, unless only the server is at fault |
| `text`, `reasoning`, `tool_calls` | the partial output of the first choice |
| `choices` | the partial output of every choice |
| `usage` | the tokens used so far, if the server reported them |
| `attempts` | the earlier attempts, and why each failed |

## Retries and failover

**Retries.** 408, 429 and 5xx are retried twice on the same model, after up to 0.5 and then 1 second, with jitter. A
`Retry-After` of up to 30 seconds replaces these waits; with a longer one there is no retry. Nothing else is retried.

**Failover.** If the caller did not name a model, the runtime tries the fallbacks of `agents.defaults.model` in order.
Each produces a `FellBack` event. Client errors (400, 422) do not trigger failover, because the request itself is at
fault.

**No replay.** After the first token, a request is never sent again. The error contains the partial output.

**Deadline.** `deadline=SECONDS` limits the whole completion, including retries and fallbacks.

**Early exit.** Leaving the loop `async for event in runtime.stream(…)` closes the connection, so the server stops
generating. A stream that you keep in a variable holds its connection, and its share of `maxConnections`, until you
close it: use `async with contextlib.aclosing(runtime.stream(…)) as stream:`. Closing the Runtime ends running and
waiting streams with a `RuntimeClosedError`.

## Logging and tracing

The logger `genesis_config.runtime` records retries and fallbacks as warnings, completions at level INFO and requests
at level DEBUG.

With `pip install 'genesis-config[otel]'` and an OpenTelemetry SDK that your program sets up, each request is a span
`chat MODEL` with its token counts. Duration, tokens and time to the first chunk are recorded as metrics. Both follow
the semantic conventions for generative AI.

Logs, spans and metrics contain no secrets. An error message from the server may quote a prompt, so it appears only in
the error and in DEBUG records.

## Transport

Requests go over HTTP, through the proxies that the environment names. `Runtime(manifest, transport=…)` takes another
way to the server, for example a recording for tests that need no socket:

```python
from genesis_config.runtime import Request, Response


class RecordedResponse:
    status = 200
    headers = {"Content-Type": "text/event-stream"}
    proxy = None  # of the environment, which messages would name

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def read(self) -> bytes:
        \"""Return what has arrived; nothing at the end.\"""
        body, self.body = self.body, b""
        return body

    def close(self) -> None:
        pass


class RecordedTransport:
    def __init__(self, body: bytes) -> None:
        self.body = body

    async def send(self, request: Request) -> Response:
        return RecordedResponse(self.body)

    async def close(self) -> None:
        pass
```

`send` and `read` raise what Python raises for sockets (`ConnectionRefusedError`, `ConnectionResetError`,
`TimeoutError`, any other `OSError`), or a `TransportError` with a `Cause` of its own. The errors, retries and failover
are the same as over HTTP. The transport keeps the limits `request.connect_seconds` and `request.idle_seconds`.

## Every failure

Each row was run over a real socket with `timeoutSeconds: 1`: first with a single model, then with a fallback on a
healthy server. *Requests* is the number of requests that the single server received; 3 means one request and two
retries.

| failure | result | partial text | requests | failover |
|---|---|---|---|---|
"""


def test_outcome_of_every_fault(snapshot: SnapshotAssertion) -> None:
    assert len(CASES) >= 25
    lines = []
    # Each case spends most of its time waiting for a timeout.
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, CASES))
    for case, (result, text, requests, fell_back) in zip(CASES, outcomes, strict=True):
        shown = f"`{result}`" if result.endswith("Error") else result
        kept = "complete" if text == "".join(TEXT) else f"`{text.strip()}`" if text else ""
        lines.append(f"| {case.description} | {shown} | {kept} | {requests} | {fell_back} |\n")
        # A failure counts as a success only if nothing of the response is missing.
        assert result.endswith("Error") or case.description.endswith(("response is complete", "the finish reason")), (
            case.description
        )
    assert HEAD + "".join(lines) == snapshot_file(snapshot, ROOT / "docs" / "runtime.md")
