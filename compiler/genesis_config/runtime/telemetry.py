"""Log records of completions, and spans and metrics if OpenTelemetry is installed.

The logger is `genesis_config.runtime`. Retries and fallbacks are logged as warnings, completions at level INFO, and
requests and the server's error texts, which may quote the prompt, at level DEBUG. Spans and metrics follow the semantic
conventions for generative AI (OpenTelemetry semantic conventions 1.44): a span `chat MODEL` for each request, its
duration, its tokens, and the time to the first chunk with output. None of them contains a secret, and only DEBUG
records may contain part of a message.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from genesis_config.runtime.request import LIMIT_FIELDS

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Span, Tracer

    from genesis_config.runtime.chunks import Head
    from genesis_config.runtime.errors import CompletionError
    from genesis_config.runtime.events import Usage
    from genesis_config.runtime.request import Target

__all__ = ["Operation", "error_label", "get_instruments", "log"]

log = logging.getLogger("genesis_config.runtime")
# Without logging configured, nothing is printed: errors are raised, and fallbacks are events.
logging.getLogger("genesis_config").addHandler(logging.NullHandler())

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)


class _Instruments(NamedTuple):
    tracer: Tracer
    duration: Histogram
    tokens: Histogram
    first_chunk: Histogram


class Operation:
    """The log records, span and metrics of one completion request."""

    __slots__ = ("_attributes", "_instruments", "_seconds_to_first", "_span", "_started", "_target")

    def __init__(self, target: Target, fields: Mapping[str, object]) -> None:
        """Start the operation with the fields of the request's body."""
        self._target = target
        self._started = time.perf_counter()
        self._seconds_to_first: float | None = None
        self._instruments = get_instruments()
        self._attributes: dict[str, Any] = {}
        self._span: Span | None = None
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s: sending a request to %s", self._name, target.provider.base_url)
        if self._instruments is not None:
            parts = urlsplit(target.provider.base_url)
            self._attributes = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": target.provider_id,
                "gen_ai.request.model": target.model.id,
                "server.address": parts.hostname or "",
                "server.port": parts.port or (443 if parts.scheme == "https" else 80),
            }
            from opentelemetry.trace import SpanKind  # installed, or there would be no instruments

            # Not made the current span: a generator may be resumed and closed in different contexts.
            self._span = self._instruments.tracer.start_span(
                f"chat {target.model.id}",
                kind=SpanKind.CLIENT,
                attributes={**self._attributes, **_request_attributes(fields)},
            )

    @property
    def _name(self) -> str:
        return f"{self._target.provider_id}/{self._target.model.id}"

    def mark_first_event(self) -> None:
        """Record the time to the first event."""
        self._seconds_to_first = time.perf_counter() - self._started

    def record_failure(self, error: CompletionError) -> None:
        """End the operation with an error."""
        if self._instruments is None or self._span is None:
            return
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR, error_label(error)))
        self._end({"error.type": type(error).__name__})

    def record_success(self, usage: Usage, finish_reasons: tuple[str, ...], head: Head) -> None:
        """End the operation with a complete response."""
        if log.isEnabledFor(logging.INFO):
            seconds = time.perf_counter() - self._started
            log.info("%s: %s input + %s output tokens in %.2f s", self._name, usage.input, usage.output, seconds)
        if self._instruments is None or self._span is None:
            return
        model_attribute = {} if head.model is None else {"gen_ai.response.model": head.model}
        response_attributes = {
            "gen_ai.response.id": head.id,
            "gen_ai.response.finish_reasons": finish_reasons,
            "gen_ai.usage.input_tokens": usage.input,
            "gen_ai.usage.output_tokens": usage.output,
            "gen_ai.usage.cache_read.input_tokens": usage.cached,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        }
        self._span.set_attributes({name: value for name, value in response_attributes.items() if value is not None})
        for token_type, count in (("input", usage.input), ("output", usage.output)):
            if count is not None:
                attributes = {**self._attributes, **model_attribute, "gen_ai.token.type": token_type}
                self._instruments.tokens.record(count, attributes)
        self._end(model_attribute)

    def close(self) -> None:
        """End the operation if it is still open: the caller left early, or an unexpected error was raised."""
        if self._span is None:
            return
        from opentelemetry.trace import Status, StatusCode

        error = sys.exception()
        if isinstance(error, Exception):
            self._span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            self._end({"error.type": type(error).__name__})
        else:
            self._end({"error.type": "cancelled"})

    def _end(self, result_attributes: dict[str, str]) -> None:
        assert self._instruments is not None
        assert self._span is not None
        self._span.set_attributes(result_attributes)
        attributes = {**self._attributes, **result_attributes}
        if self._seconds_to_first is not None:
            self._instruments.first_chunk.record(self._seconds_to_first, attributes)
        self._instruments.duration.record(time.perf_counter() - self._started, attributes)
        self._span.end()
        self._span = None


def _request_attributes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the span attributes of a request's fields. Values of an unexpected type are left out."""
    stop = fields.get("stop")
    limit = next((fields[name] for name in LIMIT_FIELDS if name in fields), None)
    response_format = fields.get("response_format")
    numbers = {
        "max_tokens": limit,
        "temperature": fields.get("temperature"),
        "top_p": fields.get("top_p"),
        "seed": fields.get("seed"),
        "choice.count": fields.get("n"),
    }
    attributes: dict[str, object] = {
        f"gen_ai.request.{name}": value for name, value in numbers.items() if type(value) in {int, float}
    }
    stops = [stop] if isinstance(stop, str) else stop
    if isinstance(stops, list) and all(isinstance(item, str) for item in stops):
        attributes["gen_ai.request.stop_sequences"] = stops
    if isinstance(response_format, Mapping) and isinstance(response_format.get("type"), str):
        attributes["gen_ai.output.type"] = "text" if response_format["type"] == "text" else "json"
    return attributes


def error_label(error: CompletionError) -> str:
    """Return the error's class and status, without its message, in which the server may quote the prompt."""
    return type(error).__name__ + (f" ({error.status})" if error.status is not None else "")


@cache
def get_instruments() -> _Instruments | None:
    """Return the tracer and the histograms; None if OpenTelemetry is not installed."""
    try:
        from opentelemetry import metrics, trace
    except ImportError:
        return None
    from genesis_config import __version__

    meter = metrics.get_meter("genesis_config", __version__)

    def histogram(name: str, unit: str, description: str, boundaries: tuple[float, ...]) -> Histogram:
        return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=boundaries)

    return _Instruments(
        trace.get_tracer("genesis_config", __version__),
        histogram("gen_ai.client.operation.duration", "s", "Duration of a request.", _SECONDS),
        histogram("gen_ai.client.token.usage", "{token}", "Tokens of a request.", _TOKENS),
        histogram("gen_ai.client.operation.time_to_first_chunk", "s", "Time to the first chunk.", _SECONDS),
    )
