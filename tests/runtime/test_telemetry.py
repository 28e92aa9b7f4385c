"""Log records, spans and metrics of completions, without secrets or message content."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.trace import SpanKind, StatusCode

from genesis_config.runtime import CompletionError, Runtime, failover, telemetry
from genesis_config.runtime.decoder import StreamDecoder
from genesis_config.testing import Answer, FakeVLLM, Fault, ServedModel, faults
from tests.runtime.support import ENVIRONMENT, KEY, manifest_of, provider_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.sdk.trace import ReadableSpan

SECRETIVE = [{"role": "user", "content": "canary-question"}]
ANSWER = Answer(("canary-answer ", "two ", "three"))
BUSY = Fault("status", code=429, body='{"error": "busy, sk-canary-5b1c9"}')


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[InMemorySpanExporter, InMemoryMetricReader]]:
    """Collect spans and metrics in memory. A process can set each provider only once."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(tracing)
    metrics.set_meter_provider(MeterProvider([reader]))
    telemetry.get_instruments.cache_clear()
    yield spans, reader
    telemetry.get_instruments.cache_clear()


@pytest.fixture
def signals(
    providers: tuple[InMemorySpanExporter, InMemoryMetricReader],
) -> tuple[InMemorySpanExporter, InMemoryMetricReader]:
    """Return the collected spans and metrics, without the spans of earlier tests."""
    providers[0].clear()
    return providers


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 0.001)


def run(
    wrong: Iterable[Fault | None] = (),
    *,
    leave: bool = False,
    fallback: bool = False,
    params: dict[str, Any] | None = None,
    answer: Answer = ANSWER,
) -> int:
    """Run a completion on a server with these faults, and return its port."""

    async def stream() -> int:
        async with FakeVLLM([ServedModel("org/model")], faults=wrong, answer=answer) as server:
            provider = provider_with(base_url=server.base_url)
            manifest = manifest_of(provider, fallbacks=("vllm/org/model",) if fallback else ())
            async with Runtime(manifest, environment=ENVIRONMENT) as runtime:
                events = runtime.stream(None, SECRETIVE, params=params)
                try:
                    async for _ in events:
                        if leave:
                            break
                except CompletionError:
                    pass
                await events.aclose()
            return int(server.base_url.split(":")[2].split("/")[0])

    return asyncio.run(stream())


def points(reader: InMemoryMetricReader, port: int | None = None) -> dict[str, list[Any]]:
    """Return the data points by metric, with a port only those of its server: other tests record some, too."""
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.scope.name == "genesis_config"
    return {
        metric.name: [
            point for point in metric.data.data_points if port in {None, dict(point.attributes or {})["server.port"]}
        ]
        for metric in scope.metrics
    }


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exporter.get_finished_spans()
    exporter.clear()
    return span


def test_completion_records_a_span_and_three_metrics(
    signals: tuple[InMemorySpanExporter, InMemoryMetricReader],
) -> None:
    spans, reader = signals
    port = run()
    span = only(spans)
    assert (span.name, span.kind, span.status.status_code) == ("chat org/model", SpanKind.CLIENT, StatusCode.UNSET)
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "org/model",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.id": "chatcmpl-0000000000000001",
        "gen_ai.response.model": "org/model",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 3,
        "server.address": "127.0.0.1",
        "server.port": port,
    }
    recorded = points(reader, port)
    assert set(recorded) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.time_to_first_chunk",
    }
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in recorded["gen_ai.client.token.usage"]}
    assert tokens == {"input": 5, "output": 3}
    (duration,) = recorded["gen_ai.client.operation.duration"]
    (first,) = recorded["gen_ai.client.operation.time_to_first_chunk"]
    assert 0 < first.sum < duration.sum
    assert "canary" not in span.to_json()


def test_span_describes_the_request_and_its_usage(
    signals: tuple[InMemorySpanExporter, InMemoryMetricReader],
) -> None:
    spans, _ = signals
    params = {
        "max_completion_tokens": 64, "temperature": 0.5, "top_p": 1, "seed": 7, "n": 2, "stop": "END",
        "response_format": {"type": "json_schema"}, "frequency_penalty": "odd",
    }  # fmt: skip
    answer = Answer(("a",), reasoning=("so",))
    run(params=params, answer=answer)
    attributes = only(spans).attributes or {}
    assert {name: value for name, value in attributes.items() if name.startswith(("gen_ai.request", "gen_ai.out"))} == {
        "gen_ai.request.model": "org/model",
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 1,
        "gen_ai.request.seed": 7,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.output.type": "json",
    }
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 2
    assert attributes["gen_ai.response.finish_reasons"] == ("stop", "stop")
    run(params={"stop": [7], "temperature": "hot", "top_p": True, "response_format": "odd"})
    assert {name for name in only(spans).attributes or {} if name.startswith("gen_ai.request")} == {
        "gen_ai.request.model"
    }


def test_names_follow_the_conventions(signals: tuple[InMemorySpanExporter, InMemoryMetricReader]) -> None:
    spans, reader = signals
    run(params={"max_tokens": 1, "temperature": 0, "top_p": 1, "seed": 1, "n": 1, "stop": ["x"]})
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    assert {name for name in only(spans).attributes or {} if name.startswith("gen_ai.")} <= known
    assert points(reader).keys() <= {value for name, value in vars(gen_ai_metrics).items() if name.startswith("GEN_AI")}


def test_only_an_early_exit_is_recorded_as_cancelled(
    signals: tuple[InMemorySpanExporter, InMemoryMetricReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    spans, _ = signals
    run(leave=True)
    span = only(spans)
    assert (span.status.status_code, (span.attributes or {})["error.type"]) == (StatusCode.UNSET, "cancelled")

    def feed(*_: object) -> None:
        raise ZeroDivisionError(KEY)

    monkeypatch.setattr(StreamDecoder, "feed", feed)
    with pytest.raises(ZeroDivisionError):
        run()
    span = only(spans)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ZeroDivisionError")
    assert (span.attributes or {})["error.type"] == "ZeroDivisionError"


def test_each_attempt_has_its_own_span(signals: tuple[InMemorySpanExporter, InMemoryMetricReader]) -> None:
    spans, _ = signals
    run([BUSY, Fault("cut")])
    first, second = spans.get_finished_spans()
    spans.clear()
    assert [(span.attributes or {})["error.type"] for span in (first, second)] == [
        "RateLimitedError",
        "TruncatedStreamError",
    ]
    assert first.status.status_code is StatusCode.ERROR
    assert (first.status.description, second.status.description) == (
        "RateLimitedError (429)",
        "TruncatedStreamError (200)",
    )
    assert KEY not in first.to_json() + second.to_json()


def test_log_records_contain_no_secret_and_no_message(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="genesis_config.runtime")
    run([BUSY])
    records = [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name == "genesis_config.runtime"
    ]
    assert [level for level, _ in records] == ["DEBUG", "WARNING", "DEBUG", "DEBUG", "INFO"]
    assert records[1][1] == "vllm/org/model: RateLimitedError (429); retrying"
    assert records[2][1].endswith("/chat/completions answered 429: busy, ***")
    assert records[4][1].startswith("vllm/org/model: 5 input + 3 output tokens in ")
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", code=500, body='{"error": {"message": "cannot answer canary-question"}}'),
        Fault("nonsense", after=1),
    ],
)
def test_server_quotes_appear_at_debug_level_only(
    fault: Fault,
    signals: tuple[InMemorySpanExporter, InMemoryMetricReader],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spans, _ = signals
    monkeypatch.setitem(faults._WRITTEN, "nonsense", b"data: {canary-answer\n\n")  # noqa: SLF001 - no other fault quotes
    caplog.set_level(logging.DEBUG, logger="genesis_config.runtime")
    run(repeat(fault), fallback=True)
    quoting = [record for record in caplog.records if "canary" in record.getMessage()]
    assert {record.levelname for record in quoting} == {"DEBUG"}
    assert any(record.levelname == "WARNING" for record in caplog.records)
    shown = "".join(span.to_json() for span in spans.get_finished_spans())
    spans.clear()
    assert "canary" not in shown


def test_no_output_and_no_opentelemetry_by_default() -> None:
    script = (
        "import sys\n"
        "sys.modules['opentelemetry'] = None\n"
        "import asyncio, itertools\n"
        "from genesis_config.runtime import CompletionError, Runtime, failover\n"
        "from genesis_config.testing import FakeVLLM, Fault, ServedModel\n"
        "from tests.runtime.support import ENVIRONMENT, MESSAGES, manifest_of, provider_with\n"
        "failover.FIRST_WAIT = 0.001\n"
        "async def main():\n"
        "    async with FakeVLLM([ServedModel('org/model')], faults=[Fault('status')]) as server:\n"
        "        manifest = manifest_of(provider_with(base_url=server.base_url))\n"
        "        async with Runtime(manifest, environment=ENVIRONMENT) as runtime:\n"
        "            print((await runtime.complete(None, MESSAGES)).finish_reason)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stop\n", "")
