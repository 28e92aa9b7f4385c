"""Custom transports: the requests they receive, their responses, and the errors their failures become."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from genesis_config.net.causes import Kind
from genesis_config.net.proxies import Proxy
from genesis_config.runtime import (
    Cause,
    Completion,
    CompletionError,
    ConnectionLostError,
    DeadlineError,
    MalformedStreamError,
    Runtime,
    RuntimeClosedError,
    ServerUnreachableError,
    StalledStreamError,
    StatusError,
    TextDelta,
    TransportError,
)
from genesis_config.runtime.errors import transport_error
from tests.e2e.support import ROOT
from tests.runtime.support import (
    DONE,
    ENVIRONMENT,
    HELLO,
    KEY,
    MESSAGES,
    WHOLE,
    MemoryResponse,
    MemoryTransport,
    collect,
    manifest_of,
    provider_with,
)

CAPTURES = Path(__file__).parent.parent / "captures"
MANIFEST = manifest_of(provider_with(base_url="http://vllm/v1", timeout_seconds=7))


def complete(*answers: MemoryResponse | Exception, deadline: float | None = None) -> tuple[Completion, MemoryTransport]:
    """Run a completion without a socket."""
    transport = MemoryTransport(vllm=answers)

    async def run() -> Completion:
        async with Runtime(MANIFEST, environment=ENVIRONMENT, transport=transport) as runtime:
            return await runtime.complete(None, MESSAGES, deadline=deadline)

    return asyncio.run(run()), transport


def failed(*answers: MemoryResponse | Exception, deadline: float | None = None) -> CompletionError:
    with pytest.raises(CompletionError) as caught:
        complete(*answers, deadline=deadline)
    return caught.value


def test_request_is_complete() -> None:
    response = MemoryResponse(WHOLE)
    done, transport = complete(response)
    (request,) = transport.requests
    assert done.text == "Hello"
    assert (request.method, request.url) == ("POST", "http://vllm/v1/chat/completions")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.body is not None
    assert b'"model":"org/model"' in request.body
    assert (request.connect_seconds, request.idle_seconds) == (7, 7)
    assert response.closed
    assert transport.closed


def test_documentation_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "runtime.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)

    async def run() -> Completion:
        async with Runtime(MANIFEST, environment=ENVIRONMENT, transport=names["RecordedTransport"](WHOLE)) as runtime:
            return await runtime.complete(None, MESSAGES)

    assert asyncio.run(run()).text == "Hello"


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_recorded_stream_can_be_replayed(size: int) -> None:
    body = (CAPTURES / "stream-usage.body").read_bytes()
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    done, _ = complete(MemoryResponse(*pieces, X_Request_Id="abc"))
    assert (done.text, done.usage.input, done.usage.output, done.request_id) == ("\n\n\n", 18, 6, "abc")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(111, "x"), ServerUnreachableError),
        (OSError("no route in this transport"), ServerUnreachableError),
        (ConnectionResetError(), ConnectionLostError),
        (TimeoutError(), StalledStreamError),
        (TransportError(Cause("bad-compression", "x", "y")), MalformedStreamError),
    ],
)
def test_send_failure_maps_to_the_same_error_as_over_http(error: Exception, kind: type[CompletionError]) -> None:
    failure = failed(error)
    assert type(failure) is kind
    assert failure.status is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionResetError(), ConnectionLostError),
        (TimeoutError(), StalledStreamError),
        (TransportError(Cause("bad-compression", "x", "y")), MalformedStreamError),
    ],
)
def test_read_failure_keeps_partial_output(error: Exception, kind: type[CompletionError]) -> None:
    failure = failed(MemoryResponse(HELLO, error))
    assert type(failure) is kind
    assert (failure.text, failure.status) == ("Hello", 200)


def test_read_failure_after_a_complete_response_is_ignored() -> None:
    done, _ = complete(MemoryResponse(WHOLE.removesuffix(DONE), ConnectionResetError()))
    assert done.text == "Hello"
    done, _ = complete(MemoryResponse(WHOLE, ConnectionResetError()))
    assert done.text == "Hello"


def test_reason_and_help_come_from_the_cause_without_secrets() -> None:
    failure = failed(TransportError(Cause("refused", f"the recording of {KEY} has ended", f"record {KEY} again")))
    assert str(failure).endswith("failed: the recording of *** has ended")
    assert failure.help == "record *** again"


def test_transport_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        complete(ZeroDivisionError())


PROXY = Proxy("http://me:hunter2@p:1", "http://p:1", "HTTP_PROXY")


@pytest.mark.parametrize(
    "response",
    [
        MemoryResponse(status=400, proxy=PROXY),
        MemoryResponse(b"<p>", kind="text/html", proxy=PROXY),
        MemoryResponse(HELLO, ConnectionResetError(), proxy=PROXY),
    ],
    ids=["status", "page", "reset"],
)
def test_error_names_the_proxy(response: MemoryResponse) -> None:
    assert str(failed(response)).endswith(" (through the proxy http://p:1)")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_cause_maps_to_an_error(kind: Kind) -> None:
    error = transport_error("http://vllm/v1", Cause(kind, "REASON", "HELP"))
    assert str(error) == "request to http://vllm/v1 failed: REASON"
    assert error.help
    assert not isinstance(error, StatusError)


class Silent(MemoryResponse):
    """A response that sends nothing until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._end = asyncio.Event()

    async def read(self) -> bytes:
        await self._end.wait()
        raise OSError("closed")

    def close(self) -> None:
        super().close()
        self._end.set()


def test_deadline_closes_the_response_being_read() -> None:
    assert type(failed(Silent(), deadline=0.05)) is DeadlineError


def test_closed_runtime_sends_nothing() -> None:
    transport = MemoryTransport(vllm=[MemoryResponse(HELLO)])

    async def run() -> None:
        runtime = Runtime(MANIFEST, environment=ENVIRONMENT, transport=transport)
        stream = runtime.stream(None, MESSAGES)
        assert await anext(stream) == TextDelta("Hel")
        await runtime.close()
        await stream.aclose()
        with pytest.raises(RuntimeClosedError):
            await collect(runtime)

    asyncio.run(run())
    assert transport.closed
    assert len(transport.requests) == 1
