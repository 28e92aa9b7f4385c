"""Again, elsewhere, or not at all: what follows a failure before the first token, and what is told of it."""

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
from genesis_config.runtime.reply import seconds_until
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
def test_what_follows_each_error(
    error: CompletionError, expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 1.0)
    told = [failover.next_step(error, tries, more=True, jitter=lambda: 0.5) for tries in range(3)]
    assert told == expected
    alone = [failover.next_step(error, tries, more=False, jitter=lambda: 0.5) for tries in range(3)]
    assert alone == [None if each == "next" else each for each in expected]


def test_a_wait_grows_to_its_limit_and_no_two_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "RETRIES", 20)
    monkeypatch.setattr(failover, "FIRST_WAIT", 0.5)
    longest = [failover.next_step(ServerFailedError("x"), tries, more=False, jitter=lambda: 1.0) for tries in range(8)]
    assert longest == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    shortest = failover.next_step(ServerFailedError("x"), 0, more=False, jitter=lambda: 0.0)
    assert shortest == 0.25
    assert len({failover.next_step(ServerFailedError("x"), 0, more=False) for _ in range(20)}) > 1


@pytest.mark.parametrize(("asked", "expected"), [(0.0, 0.0), (29.0, 29.0), (30.0, 30.0), (30.5, "next")])
def test_the_server_says_how_long_to_wait(asked: float, expected: object) -> None:
    error = RateLimitedError("x")
    error.retry_after = asked
    assert failover.next_step(error, 0, more=True) == expected
    assert failover.next_step(error, 2, more=True) == "next"


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
def test_retry_after_in_seconds_and_as_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_until(header) == seconds


def test_retry_after_as_a_date_to_come() -> None:
    seconds = seconds_until(formatdate(time.time() + 20, usegmt=True))
    assert seconds is not None
    assert 17 < seconds < 21


@pytest.mark.parametrize("form", ["%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S -0000"])
def test_a_date_without_a_zone_is_in_gmt(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        seconds = seconds_until(time.strftime(form, time.gmtime(time.time() + 20)))
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
    """Complete with a first server that answers like this before it is healthy, and a second one that is.

    Returns the completion or its error, and the number of requests to each.
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


def test_a_server_that_is_well_again_is_not_left() -> None:
    done, first, second = completed([busy(), out_of_order()])
    assert isinstance(done, Completion)
    assert (done.text, first, second) == ("first", 3, 0)
    assert [(attempt.model, attempt.error, attempt.status) for attempt in done.attempts] == [
        ("vllm/org/model", "RateLimitedError", 429),
        ("vllm/org/model", "ServerFailedError", 500),
    ]
    assert KEY not in repr(done)
    assert done.usage.notes == (f"tried 3 times: {done.attempts[-1].message}",)


def test_after_two_more_tries_the_next_model_is_tried() -> None:
    done, first, second = completed(forever(busy))
    assert isinstance(done, Completion)
    assert (done.text, done.provider, first, second) == ("second", "pool", 3, 1)
    assert [attempt.error for attempt in done.attempts] == ["RateLimitedError"] * 3


def test_a_model_that_is_named_has_no_fallback() -> None:
    done, first, second = completed(forever(out_of_order), "vllm/org/model")
    assert isinstance(done, ServerFailedError)
    assert (first, second) == (3, 0)
    assert [attempt.error for attempt in done.attempts] == ["ServerFailedError"] * 2


def test_what_the_caller_got_wrong_is_tried_nowhere_else() -> None:
    done, first, second = completed([MemoryResponse(status=400)])
    assert isinstance(done, BadRequestError)
    assert (first, second, done.attempts) == (1, 0, ())


def test_after_the_first_token_nothing_is_replayed() -> None:
    done, first, second = completed([MemoryResponse(chunk({"content": "first"}))])
    assert isinstance(done, TruncatedStreamError)
    assert (done.text, first, second) == ("first", 1, 0)


def test_what_had_arrived_of_every_choice_is_kept() -> None:
    done, _, _ = completed(
        [MemoryResponse(chunk({"content": "first"}), chunk({"content": "first"}, index=1))], params={"n": 2}
    )
    assert isinstance(done, TruncatedStreamError)
    assert done.texts == ("first", "first")
    assert done.text == "first"


def test_the_last_error_tells_all_that_was_tried() -> None:
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


def test_usage_is_counted_for_the_model_that_answered() -> None:
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
def test_no_wait_is_begun_that_the_deadline_would_end(
    left: float, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 1.0)
    assert failover.next_step(RateLimitedError("x"), 0, more=True, left=left, jitter=lambda: 0.5) == expected


def test_where_there_is_no_time_to_wait_the_next_model_is_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 20.0)
    done, first, second = completed(forever(busy), deadline=5)
    assert isinstance(done, Completion)
    assert (done.text, first, second) == ("second", 1, 1)
    done, first, second = completed(forever(busy), "vllm/org/model", deadline=5)
    # What the server said is worth more than that there is no time left.
    assert isinstance(done, RateLimitedError)
    assert (first, second) == (1, 0)


def test_a_deadline_that_is_met_changes_nothing() -> None:
    done, first, second = completed([], deadline=30)
    assert isinstance(done, Completion)
    assert (done.text, done.usage.notes, first, second) == ("first", (), 1, 0)


def test_the_wait_for_ones_turn_counts_to_the_deadline() -> None:
    async def run() -> None:
        async with FakeVLLM(SERVED, chunk_delay=0.05) as server:
            provider = provider_with(base_url=server.base_url, max_connections=1)
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                stream = runtime.stream(None, MESSAGES)
                await anext(stream)
                with pytest.raises(DeadlineError, match=r"the deadline of 0\.02 seconds passed"):
                    await runtime.complete(None, MESSAGES, deadline=0.02)
                await stream.aclose()
                # The one that gave up holds no place.
                assert (await runtime.complete(None, MESSAGES, deadline=30)).finish_reason == "stop"

    asyncio.run(run())


async def _aborted(server: FakeVLLM) -> None:
    async with asyncio.timeout(5):
        while not server.aborted:  # noqa: ASYNC110 - a count that the server keeps
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", ["break", "close", "cancel"])
def test_leaving_a_stream_closes_its_connection(how: str) -> None:
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
                        # Python closes a generator that nobody holds any more.
                        del stream
                await _aborted(server)
                # Its place is free again.
                async with asyncio.timeout(5):
                    assert isinstance(await anext(runtime.stream(None, MESSAGES)), TextDelta)

    asyncio.run(run())
