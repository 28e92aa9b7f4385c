"""Every fault against the runtime, over real sockets; docs/runtime.md has what comes of each."""

from __future__ import annotations

import asyncio
import itertools
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from genesis_config.manifest import SecretRef
from genesis_config.runtime import CompletionError, FellBack, Runtime, TextDelta, Usage, failover, reply
from genesis_config.testing import Answer, FakeVLLM, Fault, ServedModel
from tests.e2e.support import ROOT, beside
from tests.runtime.support import ENVIRONMENT, KEY, MESSAGES, manifest_of, model_with, provider_with

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from syrupy.assertion import SnapshotAssertion

    from genesis_config.manifest import Provider
    from genesis_config.runtime import Event

TEXT = ("One ", "two ", "three ", "four.")
BAD_REQUEST = '{"error": {"message": "bad", "type": "BadRequestError", "param": null, "code": 400}}'


class Case(NamedTuple):
    """A fault in words, the switch for it, and what of the set-up is another than usual."""

    words: str
    fault: Fault | None = None
    setting: str = ""


CASES = [
    Case("nothing listens", setting="closed"),
    Case("no connection within timeoutSeconds", setting="full"),
    Case("the server does not speak TLS", setting="tls"),
    Case("the key's variable is not set", setting="no key"),
    Case("the key is refused: 401", setting="wrong key"),
    Case("403", Fault("status", code=403)),
    Case("the model is not served: 404", setting="model"),
    Case("400", Fault("status", code=400, body=BAD_REQUEST)),
    Case("422", Fault("status", code=422)),
    Case("408", Fault("status", code=408)),
    Case("429", Fault("status", code=429)),
    Case("429, Retry-After: 0", Fault("status", code=429, retry_after="0")),
    Case("429, Retry-After: 60", Fault("status", code=429, retry_after="60")),
    Case("500", Fault("status", code=500)),
    Case("500, and the error's body trickles", Fault("slow error", code=500)),
    Case("204", Fault("status", code=204, body="")),
    Case("503, Retry-After is a date that has passed", Fault("status", retry_after="Wed, 21 Oct 2015 07:28:00 GMT")),
    Case("307, a redirect", Fault("redirect", code=307)),
    Case("a login page", Fault("page")),
    Case("a whole JSON answer", Fault("whole")),
    Case("no answer within timeoutSeconds", Fault("silence")),
    Case("no answer within the caller's deadline", Fault("silence"), "deadline"),
    Case("the headers do not end within timeoutSeconds", Fault("slow headers")),
    Case("a header of a megabyte", Fault("huge headers")),
    Case("the connection is closed without an answer", Fault("no answer")),
    Case("what answers does not speak HTTP", Fault("no http")),
    Case("the stream ends early", Fault("cut")),
    Case("the stream ends before its first token", Fault("cut", after=1)),
    Case("the stream is empty", Fault("cut", after=0)),
    Case("the connection is closed in the middle", Fault("drop")),
    Case("the connection is closed before the first token", Fault("drop", after=1)),
    Case("the connection is reset", Fault("reset")),
    Case("the connection is reset before the first token", Fault("reset", after=0)),
    Case("the connection is reset when all is said", Fault("reset", after=6)),
    Case("the stream stalls", Fault("stall")),
    Case("the stream stalls when all is said", Fault("stall", after=6)),
    Case("the stream stalls, and the caller has a deadline", Fault("stall"), "deadline"),
    Case("the stream stalls before its first token", Fault("stall", after=1)),
    Case("the framing of HTTP is broken", Fault("bad framing")),
    Case("the body is gzip, and cut off", Fault("cut gzip")),
    Case("the body is said to be gzip, and is not", Fault("not gzip")),
    Case("the body is packed in a way that was not asked for", Fault("not asked for")),
    Case("an error event", Fault("error")),
    Case("an error event, then `[DONE]`", Fault("error, then done")),
    Case("an error event before the first token", Fault("error", after=1)),
    Case("an event that is no JSON", Fault("nonsense")),
    Case("an event of another shape", Fault("wrong type")),
    Case("text that is not valid UTF-8", Fault("invalid utf-8")),
    Case("text that is not valid UTF-8, before the first token", Fault("invalid utf-8", after=1)),
    Case("an id that is not valid UTF-8, though all is said", Fault("invalid utf-8 in id")),
    Case("half an event at the end", Fault("half an event")),
    Case("an event of more than 16 MiB", Fault("too large")),
    Case("`[DONE]` and no more", Fault("no content")),
    Case("one of two choices has no finish reason", Fault("cut", after=11), "two choices"),
    Case("`[DONE]` without a finish reason", Fault("no finish reason")),
    Case("no `[DONE]`, though all is said", Fault("no done")),
    Case("no usage", Fault("no usage")),
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
    """Give a port that listens and takes no connection."""
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
    """Run a server that has the fault with every request, and give the provider for it."""
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
                # The one place in the queue of those who want to connect is taken, so that nobody else is answered.
                url = f"http://127.0.0.1:{full(stack)}/v1"
            if case.setting == "tls":
                url = url.replace("http:", "https:")
            credential = SecretRef(template="${NOBODY_KEY}" if case.setting == "no key" else "${VLLM_API_KEY}")
            yield server, provider_with(base_url=url, timeout_seconds=1, credential=credential)


async def tried(runtime: Runtime, case: Case) -> tuple[str, str, list[Event]]:
    """Run a completion, and give what came of it, the text, and the events."""
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
        assert failure.help or "the server failed" in str(failure) or "the server sent" in str(failure)
        return type(failure).__name__, text, events
    last = events[-1]
    assert isinstance(last, Usage)
    return "; ".join(["success", *last.notes]), text, events


def outcome(case: Case) -> Outcome:
    """Run a fault alone, and then with a fallback on a server that is well."""

    async def run() -> Outcome:
        async with faulty(case) as (server, provider):
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                result, text, _ = await tried(runtime, case)
            requests = len(server.requests)
            async with FakeVLLM([ServedModel("org/model")], answer=Answer(("well",))) as well:
                manifest = manifest_of(provider, fallbacks=("pool/org/model",))
                pool = provider_with(base_url=well.base_url, credential=None, models=(model_with(),))
                manifest = msgspec.structs.replace(manifest, providers={**manifest.providers, "pool": pool})
                async with Runtime(manifest, environment=ENVIRONMENT) as runtime:
                    again, second, events = await tried(runtime, case)
                asked = len(well.requests)
        fell_back = [event for event in events if isinstance(event, FellBack)]
        assert len(fell_back) == asked <= 1
        if fell_back:
            # Before anything else, and nothing of the first model is in the answer.
            assert events[0] is fell_back[0]
            assert (fell_back[0].failed, fell_back[0].next) == ("vllm/org/model", "pool/org/model")
            assert (again.partition(";")[0], second) == ("success", "well")
            return Outcome(result, text, requests, "yes")
        assert (again, second) == (result, text)
        return Outcome(result, text, requests, "" if result.startswith("success") else "no")

    return asyncio.run(run())


HEAD = """<!-- Written by tests/runtime/test_matrix.py, which runs every fault: `pytest --snapshot-update`. -->
# The runtime under faults

`genesis_config.runtime` either gives an answer in which every choice has its finish reason, or raises a
`CompletionError`: a class for each kind of failure, with the provider, the model, the HTTP status, what to do, and in
`text`, `reasoning` and `tool_calls` all that had arrived: of the first choice, and in `choices` of each. `error.usage`
has what was used by then, where the server said so, and `error.attempts` what was tried before.

**Again.** 408, 429 and 5xx are tried again twice, after half a second and after one, with jitter; a `Retry-After` of up
to 30 seconds holds, and who asks for more is not asked again. Nothing else is tried again.

**Elsewhere.** Where no model was named, the fallbacks of `agents.defaults.model` follow in order, each with a
`FellBack` event. What the caller got wrong (400, 422) is nobody else's to mend.

**Never twice.** Once a token was handed out nothing is replayed: the error has the text so far.

**Left early.** `async for event in runtime.stream(…)` closes the connection when the loop is left, so that the server
stops. A stream that a variable holds keeps its connection, and its turn among `maxConnections`, until it is closed:
loop inside `async with contextlib.aclosing(runtime.stream(…)) as stream:`. When the Runtime is closed, streams that
still run or wait end with a `RuntimeClosedError`.

**Seen from outside.** The logger `genesis_config.runtime` has a warning for another try and for a fallback, information
for a completion, and requests for debugging. With `pip install 'genesis-config[otel]'`, and an SDK that the program
sets up, each request is a span `chat MODEL` with its tokens, and its duration, tokens and time to the first chunk are
measured, as the semantic conventions for generative AI say. None of it holds a secret. What a server said of an error
may quote a message: it is in the error, in a record for debugging, and nowhere else.

Each row was run over a real socket, with `timeoutSeconds: 1`, alone and then with a fallback on a server that is well.
`requests` is how many the server got when it was alone: 3 are one, and two more tries.

| what goes wrong | what the caller gets | text kept | requests | falls back |
|---|---|---|---|---|
"""


def test_what_comes_of_every_fault(snapshot: SnapshotAssertion) -> None:
    assert len(CASES) >= 25
    lines = []
    # Most of a case is waiting for a time-out.
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, CASES))
    for case, (result, text, requests, fell_back) in zip(CASES, outcomes, strict=True):
        shown = f"`{result}`" if result.endswith("Error") else result
        kept = "whole" if text == "".join(TEXT) else f"`{text.strip()}`" if text else ""
        lines.append(f"| {case.words} | {shown} | {kept} | {requests} | {fell_back} |\n")
        # No fault is a success, but for those after which nothing is missing.
        assert result.endswith("Error") or case.words.endswith(("all is said", "no usage")), case.words
    assert HEAD + "".join(lines) == beside(snapshot, ROOT / "docs" / "runtime.md")
