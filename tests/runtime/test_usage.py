"""Usage, cost, totals and the context window warning."""

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
    """Return the events of a stream of this data, and the runtime's totals."""

    async def answer(exchange: Exchange) -> None:
        await exchange.stream(*datas)

    async def run() -> tuple[list[Event], dict[str, Totals]]:
        async with raw_server(answer) as server:
            provider = provider_with(base_url=server.base_url, models=(model_with(**model),))
            async with Runtime(manifest_of(provider), environment=ENVIRONMENT) as runtime:
                return await collect(runtime), runtime.usage

    return asyncio.run(run())


def used(prompt: int, output: int, **more: Any) -> bytes:
    return event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": output, **more}})


def test_cached_tokens_have_their_own_price() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 60}, "completion_tokens_details": {"reasoning_tokens": 7}}
    events, totals = streamed(HELLO, STOP, used(100, 20, **details), DONE, cost=PRICES)
    cost = (40 * 2 + 60 * 0.5 + 20 * 10) / 1_000_000
    assert events[-1] == Usage(100, 20, reasoning=7, cached=60, cost=cost, context_used=0.12)
    assert totals == {
        reference: Totals(completions=1, input=100, output=20, reasoning=7, cached=60, cost=cost)
        for reference in ("", "vllm/org/model")
    }


def test_context_usage_is_unknown_for_an_assumed_window() -> None:
    events, _ = streamed(HELLO, STOP, used(950, 20), DONE, context_window_from="default")
    note = "context usage unknown: no contextWindow set"
    assert events[-1] == Usage(950, 20, cost=0.0, notes=(note,))
    assert not any(isinstance(event, ContextWarning) for event in events)


def test_repeated_usage_is_not_summed() -> None:
    running = {"prompt_tokens": 3, "completion_tokens": 1}
    events, totals = streamed(
        chunk({"content": "a"}, usage=running), chunk({"content": "b"}, "stop", usage=running), DONE
    )
    assert events[-1] == Usage(3, 1, cost=0.0, context_used=0.004)
    assert (totals[""].input, totals[""].output) == (3, 1)


def test_unreported_usage_is_none() -> None:
    events, totals = streamed(HELLO, STOP, DONE, cost=PRICES)
    assert events[-1] == Usage(notes=("the server sent no usage",))
    assert totals[""] == Totals(completions=1)


def test_usage_before_a_failure_is_counted() -> None:
    running = {"prompt_tokens": 100, "completion_tokens": 1}

    async def answer(exchange: Exchange) -> None:
        # The first fails before its first token, the second after it. The third fails after it, without usage.
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
    ("prompt", "output", "expected"),
    [
        (800, 100, None),
        (800, 101, ContextWarning(0.901, 901, 1000)),
        (900, 200, ContextWarning(1.1, 1100, 1000)),
    ],
)
def test_context_warning_precedes_usage(prompt: int, output: int, expected: ContextWarning | None) -> None:
    events, _ = streamed(HELLO, STOP, used(prompt, output), DONE)
    assert events[2:-1] == [Finish("stop"), *([expected] if expected else [])]
    assert isinstance(events[-1], Usage)


def test_no_context_usage_for_several_choices() -> None:
    stream = (chunk({"content": "a"}, "stop", 0), chunk({"content": "b"}, "stop", 1), used(500, 600), DONE)
    events, _ = streamed(*stream)
    assert events == [
        *(each for index, text in enumerate("ab") for each in (TextDelta(text, index), Finish("stop", index))),
        Usage(500, 600, cost=0.0),
    ]


def test_runtime_keeps_totals_per_model() -> None:
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
