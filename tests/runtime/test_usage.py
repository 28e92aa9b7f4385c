"""What is counted, what it costs, and when a window is nearly full."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.manifest import Cost
from genesis_config.runtime import (
    ContextWarning,
    FellBack,
    Finish,
    Runtime,
    TextDelta,
    Totals,
    TruncatedStreamError,
    Usage,
)
from genesis_config.testing import FakeVLLM, Fault, ServedModel
from tests.runtime.support import (
    DONE,
    ENVIRONMENT,
    HELLO,
    MESSAGES,
    STOP,
    Exchange,
    chunk,
    collect,
    event,
    manifest_of,
    model_with,
    provider_with,
    raw_server,
)

if TYPE_CHECKING:
    from genesis_config.manifest import Manifest
    from genesis_config.runtime import Event

PRICES = Cost(input=2, output=10, cache_read=0.5, cache_write=4)


def streamed(*datas: bytes, **model: Any) -> tuple[list[Event], dict[str, Totals]]:
    """Stream what a server sends; give the events and the runtime's totals."""

    async def answer(exchange: Exchange) -> None:
        await exchange.stream(*datas)

    async def run() -> tuple[list[Event], dict[str, Totals]]:
        async with raw_server(answer) as server:
            provider = provider_with(base_url=server.base_url, models=(model_with(**model),))
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                return await collect(runtime), runtime.usage

    return asyncio.run(run())


def used(given: int, made: int, **more: Any) -> bytes:
    return event({"choices": [], "usage": {"prompt_tokens": given, "completion_tokens": made, **more}})


def test_cached_tokens_have_a_price_of_their_own() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 60}, "completion_tokens_details": {"reasoning_tokens": 7}}
    events, totals = streamed(HELLO, STOP, used(100, 20, **details), DONE, cost=PRICES)
    cost = (40 * 2 + 60 * 0.5 + 20 * 10) / 1_000_000
    assert events[-1] == Usage(100, 20, reasoning=7, cached=60, cost=cost, context_used=0.12)
    assert totals == {
        each: Totals(completions=1, input=100, output=20, reasoning=7, cached=60, cost=cost)
        for each in ("", "vllm/org/model")
    }


def test_of_an_assumed_window_no_share_is_known() -> None:
    events, _ = streamed(HELLO, STOP, used(950, 20), DONE, context_window_from="default")
    note = "how much of its context window is used is not known: nobody stated one"
    assert events[-1] == Usage(950, 20, cost=0.0, notes=(note,))
    assert not any(isinstance(each, ContextWarning) for each in events)


def test_usage_on_every_chunk_is_no_sum() -> None:
    running = {"prompt_tokens": 3, "completion_tokens": 1}
    events, totals = streamed(
        chunk({"content": "a"}, usage=running), chunk({"content": "b"}, "stop", usage=running), DONE
    )
    assert events[-1] == Usage(3, 1, cost=0.0, context_used=0.004)
    assert (totals[""].input, totals[""].output) == (3, 1)


def test_what_the_server_does_not_say_is_none_and_costs_nothing_that_is_known() -> None:
    events, totals = streamed(HELLO, STOP, DONE, cost=PRICES)
    assert events[-1] == Usage(notes=("the server sent no usage",))
    assert totals[""] == Totals(completions=1)


def test_what_a_stream_used_before_it_failed_is_counted() -> None:
    running = {"prompt_tokens": 100, "completion_tokens": 1}

    async def answer(exchange: Exchange) -> None:
        # The first fails before its first token and the second after it, as the third does, which says no usage.
        number = len(exchange.server.requests)
        first = event({"choices": [], "usage": running}) if number == 1 else HELLO
        await exchange.stream(*([used(100, 20)] if number < 3 else []), first)

    async def run() -> None:
        async with raw_server(answer) as server:
            provider = provider_with(base_url=server.base_url, models=(model_with(cost=PRICES), model_with(id="b")))
            manifest = manifest_of(provider, fallbacks=("vllm/b",))
            async with Runtime(manifest, environment=ENVIRONMENT) as runtime:
                with pytest.raises(TruncatedStreamError) as caught:
                    await collect(runtime)
                assert caught.value.usage == Usage(100, 20, cost=0.0, context_used=0.12)
                with pytest.raises(TruncatedStreamError) as caught:
                    await collect(runtime, "vllm/b")
                assert caught.value.usage is None
        cost = (100 * 2 + 10) / 1_000_000
        assert runtime.usage == {
            "": Totals(failed=2, input=200, output=21, cost=cost),
            "vllm/org/model": Totals(input=100, output=1, cost=cost),
            "vllm/b": Totals(failed=2, input=100, output=20),
        }

    asyncio.run(run())


@pytest.mark.parametrize(
    ("given", "made", "expected"),
    [
        (800, 100, None),
        (800, 101, ContextWarning(0.901, 901, 1000)),
        (900, 200, ContextWarning(1.1, 1100, 1000)),
    ],
)
def test_a_window_that_is_nearly_full_is_warned_of_before_the_usage(
    given: int, made: int, expected: ContextWarning | None
) -> None:
    events, _ = streamed(HELLO, STOP, used(given, made), DONE)
    assert events[2:-1] == [Finish("stop"), *([expected] if expected else [])]
    assert isinstance(events[-1], Usage)


def test_several_choices_have_a_window_each_so_that_their_sum_fills_none() -> None:
    stream = (chunk({"content": "a"}, "stop", 0), chunk({"content": "b"}, "stop", 1), used(500, 600), DONE)
    events, _ = streamed(*stream)
    assert events == [
        *(each for index, text in enumerate("ab") for each in (TextDelta(text, index), Finish("stop", index))),
        Usage(500, 600, cost=0.0),
    ]


def test_totals_are_kept_for_each_model_over_the_life_of_a_runtime() -> None:
    async def run() -> None:
        models = [ServedModel("one"), ServedModel("two")]
        async with FakeVLLM(models, faults=[None, None, Fault("status", code=404)]) as server:
            provider = provider_with(
                base_url=server.base_url, models=tuple(model_with(id=each.id, cost=PRICES) for each in models)
            )
            manifest: Manifest = manifest_of(provider, primary="vllm/one", fallbacks=("vllm/two",))
            async with Runtime(manifest, environment=ENVIRONMENT) as runtime:
                single = (await runtime.complete("vllm/one", MESSAGES)).usage
                await runtime.complete("vllm/one", MESSAGES)
                broken = runtime.stream(None, MESSAGES)
                assert isinstance(await anext(broken), FellBack)
                assert isinstance(await anext(broken), TextDelta)
                await broken.aclose()
                await runtime.complete("vllm/two", MESSAGES, max_tokens=2)
        assert runtime.usage.keys() == {"", "vllm/one", "vllm/two"}
        assert (runtime.usage["vllm/one"].completions, runtime.usage["vllm/two"].completions) == (2, 1)
        assert runtime.usage["vllm/one"].output == 2 * (single.output or 0)
        assert runtime.usage["vllm/two"].output == 2
        assert runtime.usage[""].completions == 3
        assert runtime.usage[""].cost == pytest.approx(sum(runtime.usage[f"vllm/{each.id}"].cost for each in models))

    asyncio.run(run())
