"""Retries and failover after a failure before the first token, and how they are reported."""

from __future__ import annotations

import asyncio
import itertools
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from genesis_config.runtime import (
    AuthRejectedError,
    BadRequestError,
    Completion,
    CompletionError,
    ConnectionLostError,
    CredentialError,
    DeadlineError,
    FellBack,
    InvalidRequestError,
    ModelNotFoundError,
    RateLimitedError,
    RedirectedError,
    Runtime,
    ServerFailedError,
    ServerUnreachableError,
    StalledStreamError,
    TextDelta,
    TruncatedStreamError,
    UnknownModelError,
    Usage,
    failover,
)
from genesis_config.runtime.failover import choose_next_step
from genesis_config.runtime.reply import parse_retry_after
from genesis_config.testing import Answer, FakeVLLM, ServedModel
from tests.runtime.support import (
    DONE,
    ENVIRONMENT,
    KEY,
    MESSAGES,
    STOP,
    USAGE,
    MemoryResponse,
    MemoryTransport,
    chunk,
    collect,
    manifest_of,
    provider_with,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from genesis_config.manifest import Manifest

SERVED = [ServedModel("org/model")]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 0.001)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RateLimitedError("x"), [0.75, 1.5, "next"]),
        (ServerFailedError("x"), [0.75, 1.5, "next"]),
        (ServerUnreachableError("x"), ["next"] * 3),
        (AuthRejectedError("x"), ["next"] * 3),
        (CredentialError("x"), ["next"] * 3),
        (ModelNotFoundError("x"), ["next"] * 3),
        (StalledStreamError("x"), ["next"] * 3),
        (ConnectionLostError("x"), ["next"] * 3),
        (TruncatedStreamError("x"), ["next"] * 3),
        (BadRequestError("x"), [None] * 3),
        (RedirectedError("x"), [None] * 3),
        (InvalidRequestError("x"), [None] * 3),
        (UnknownModelError("x"), [None] * 3),
        (DeadlineError("x"), [None] * 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_next_step_for_each_error(
    error: CompletionError, expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 1.0)
    steps = [choose_next_step(error, retries, has_fallback=True, jitter=lambda: 0.5) for retries in range(3)]
    assert steps == expected
    steps = [choose_next_step(error, retries, has_fallback=False, jitter=lambda: 0.5) for retries in range(3)]
    assert steps == [None if step == "next" else step for step in expected]


def test_wait_doubles_up_to_a_limit_with_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "RETRIES", 20)
    monkeypatch.setattr(failover, "FIRST_WAIT", 0.5)
    longest = [
        choose_next_step(ServerFailedError("x"), tries, has_fallback=False, jitter=lambda: 1.0) for tries in range(8)
    ]
    assert longest == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    shortest = choose_next_step(ServerFailedError("x"), 0, has_fallback=False, jitter=lambda: 0.0)
    assert shortest == 0.25
    assert len({choose_next_step(ServerFailedError("x"), 0, has_fallback=False) for _ in range(20)}) > 1


@pytest.mark.parametrize(("asked", "expected"), [(0.0, 0.0), (29.0, 29.0), (30.0, 30.0), (30.5, "next")])
def test_retry_after_replaces_the_wait(asked: float, expected: object) -> None:
    error = RateLimitedError("x")
    error.retry_after = asked
    assert choose_next_step(error, 0, has_fallback=True) == expected
    assert choose_next_step(error, 2, has_fallback=True) == "next"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("-1", None),
        ("1.5", None),
        ("\u0667", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_parse_retry_after(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header) == seconds


def test_retry_after_date_in_the_future() -> None:
    seconds = parse_retry_after(formatdate(time.time() + 20, usegmt=True))
    assert seconds is not None
    assert 17 < seconds < 21


@pytest.mark.parametrize("form", ["%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S -0000"])
def test_retry_after_date_without_a_zone_is_gmt(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        seconds = parse_retry_after(time.strftime(form, time.gmtime(time.time() + 20)))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert seconds is not None
    assert 17 < seconds < 21


def busy() -> MemoryResponse:
    return MemoryResponse(b'{"error": "busy, %s"}' % KEY.encode(), status=429)


def out_of_order() -> MemoryResponse:
    return MemoryResponse(b'{"error": {"message": "out of order"}}', status=500)


def healthy(text: str) -> MemoryResponse:
    return MemoryResponse(chunk({"content": text}), STOP, USAGE, DONE)


def forever(response: Callable[[], MemoryResponse]) -> Iterator[MemoryResponse]:
    return iter(response, None)


def two() -> Manifest:
    """Return a manifest whose fallback is on another server."""
    manifest = manifest_of(provider_with(base_url="http://first/v1"), fallbacks=("pool/org/model",))
    pool = provider_with(base_url="http://second/v1", credential=None)
    return msgspec.structs.replace(manifest, providers={**manifest.providers, "pool": pool})


def completed(
    answers: Iterable[MemoryResponse | Exception], model: str | None = None, **options: Any
) -> tuple[Completion | CompletionError, int, int]:
    """Run a completion with a first server that gives these answers before it is healthy, and a healthy second one.

    Return the completion or its error, and the number of requests to each server.
    """
    transport = MemoryTransport(
        first=itertools.chain(answers, forever(lambda: healthy("first"))), second=forever(lambda: healthy("second"))
    )

    async def run() -> Completion | CompletionError:
        async with Runtime(two(), environment=ENVIRONMENT, transport=transport) as runtime:
            try:
                return await runtime.complete(model, MESSAGES, **options)
            except CompletionError as error:
                return error

    done = asyncio.run(run())
    assert transport.closed
    return done, transport.count("first"), transport.count("second")


def test_recovered_server_is_kept() -> None:
    done, first, second = completed([busy(), out_of_order()])
    assert isinstance(done, Completion)
    assert (done.text, first, second) == ("first", 3, 0)
    assert [(attempt.model, attempt.error, attempt.status) for attempt in done.attempts] == [
        ("vllm/org/model", "RateLimitedError", 429),
        ("vllm/org/model", "ServerFailedError", 500),
    ]
    assert KEY not in repr(done)
    (note,) = done.usage.notes
    assert note.endswith(f"2 retries: {done.attempts[-1].message}")


def test_failover_after_two_retries() -> None:
    done, first, second = completed(forever(busy))
    assert isinstance(done, Completion)
    assert (done.text, done.provider, first, second) == ("second", "pool", 3, 1)
    assert [attempt.error for attempt in done.attempts] == ["RateLimitedError"] * 3


def test_named_model_has_no_fallback() -> None:
    done, first, second = completed(forever(out_of_order), "vllm/org/model")
    assert isinstance(done, ServerFailedError)
    assert (first, second) == (3, 0)
    assert [attempt.error for attempt in done.attempts] == ["ServerFailedError"] * 2


def test_client_error_does_not_fail_over() -> None:
    done, first, second = completed([MemoryResponse(status=400)])
    assert isinstance(done, BadRequestError)
    assert (first, second, done.attempts) == (1, 0, ())


def test_no_replay_after_the_first_token() -> None:
    done, first, second = completed([MemoryResponse(chunk({"content": "first"}))])
    assert isinstance(done, TruncatedStreamError)
    assert (done.text, first, second) == ("first", 1, 0)


def test_partial_output_of_every_choice_is_kept() -> None:
    done, _, _ = completed(
        [MemoryResponse(chunk({"content": "first"}), chunk({"content": "first"}, index=1))], params={"n": 2}
    )
    assert isinstance(done, TruncatedStreamError)
    assert done.texts == ("first", "first")
    assert done.text == "first"


def test_last_error_lists_all_attempts() -> None:
    transport = MemoryTransport(first=forever(out_of_order), second=[MemoryResponse(status=404)])

    async def run() -> CompletionError:
        async with Runtime(two(), environment=ENVIRONMENT, transport=transport) as runtime:
            with pytest.raises(ModelNotFoundError) as caught:
                await runtime.complete(None, MESSAGES)
            assert runtime.usage[""].completions == 0
            return caught.value

    error = asyncio.run(run())
    assert (error.provider, error.model, error.status) == ("pool", "org/model", 404)
    assert [(attempt.model, attempt.error) for attempt in error.attempts] == [
        ("vllm/org/model", "ServerFailedError")
    ] * 3
    assert all("out of order" in attempt.message for attempt in error.attempts)


def test_usage_counts_for_the_model_that_responded() -> None:
    transport = MemoryTransport(first=[ConnectionResetError()], second=[healthy("second")])

    async def run() -> None:
        async with Runtime(two(), environment=ENVIRONMENT, transport=transport) as runtime:
            events = await collect(runtime)
            assert isinstance(events[0], FellBack)
            assert (events[0].failed, events[0].next, events[0].status) == ("vllm/org/model", "pool/org/model", None)
            assert events[0].error == "ConnectionLostError"
            assert "connection reset by the server" in events[0].reason
            assert isinstance(events[-1], Usage)
            assert {name: totals.completions for name, totals in runtime.usage.items()} == {"": 1, "pool/org/model": 1}

    asyncio.run(run())


@pytest.mark.parametrize(("left", "expected"), [(30.0, 0.75), (0.75, "next"), (0.0, "next"), (-1.0, "next")])
def test_no_wait_beyond_the_deadline(left: float, expected: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 1.0)
    assert (
        choose_next_step(RateLimitedError("x"), 0, has_fallback=True, seconds_left=left, jitter=lambda: 0.5) == expected
    )


def test_failover_at_once_if_there_is_no_time_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 20.0)
    done, first, second = completed(forever(busy), deadline=5)
    assert isinstance(done, Completion)
    assert (done.text, first, second) == ("second", 1, 1)
    done, first, second = completed(forever(busy), "vllm/org/model", deadline=5)
    # The server's error is more useful than the missing time.
    assert isinstance(done, RateLimitedError)
    assert (first, second) == (1, 0)


def test_deadline_that_is_met_has_no_effect() -> None:
    done, first, second = completed([], deadline=30)
    assert isinstance(done, Completion)
    assert (done.text, done.usage.notes, first, second) == ("first", (), 1, 0)


def test_deadline_includes_waiting_for_a_connection() -> None:
    async def run() -> None:
        async with FakeVLLM(SERVED, chunk_delay=0.05) as server:
            provider = provider_with(base_url=server.base_url, max_connections=1)
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                stream = runtime.stream(None, MESSAGES)
                await anext(stream)
                with pytest.raises(DeadlineError, match=r"the deadline of 0\.02 seconds passed"):
                    await runtime.complete(None, MESSAGES, deadline=0.02)
                await stream.aclose()
                # The request that gave up does not occupy a connection.
                assert (await runtime.complete(None, MESSAGES, deadline=30)).finish_reason == "stop"

    asyncio.run(run())


async def _aborted(server: FakeVLLM) -> None:
    async with asyncio.timeout(5):
        while not server.aborted:  # noqa: ASYNC110 - a count that the server keeps
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", ["break", "close", "cancel"])
def test_leaving_a_stream_frees_its_connection(how: str) -> None:
    async def run() -> None:
        answer = Answer(tuple(f"{number} " for number in range(1000)))
        async with FakeVLLM(SERVED, answer=answer, chunk_delay=0.01) as server:
            provider = provider_with(base_url=server.base_url, max_connections=1)
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                stream = runtime.stream(None, MESSAGES)
                if how == "cancel":
                    task = asyncio.create_task(collect(runtime))
                    await asyncio.sleep(0.1)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                else:
                    async for event in stream:
                        assert isinstance(event, TextDelta)
                        break
                    if how == "close":
                        await stream.aclose()
                    else:
                        # Python closes a generator that is no longer referenced.
                        del stream
                await _aborted(server)
                # Its connection is free again.
                async with asyncio.timeout(5):
                    assert isinstance(await anext(runtime.stream(None, MESSAGES)), TextDelta)

    asyncio.run(run())
