"""What a completion tells those who operate the program: log records, and where OpenTelemetry is installed its signals.

Log records go to the logger `genesis_config.runtime`: a fallback or another try is a warning, a completion is
information, a request, and a server's own words, which may quote what it was asked, are for debugging. Spans and
metrics follow the semantic conventions for generative AI (OpenTelemetry semantic conventions 1.44): a span `chat MODEL`
for each request, the duration, the tokens, and the time to the first chunk with a piece of the answer. None of it holds
a secret, and nothing above debugging holds the content of a message.
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

__all__ = ["Operation", "instruments", "kind", "log"]

log = logging.getLogger("genesis_config.runtime")
# Who asks for nothing is told nothing: errors are raised, and fallbacks are events.
logging.getLogger("genesis_config").addHandler(logging.NullHandler())

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)


class _Instruments(NamedTuple):
    tracer: Tracer
    duration: Histogram
    tokens: Histogram
    first_chunk: Histogram


class Operation:
    """One request for a completion, from its beginning to its end."""

    __slots__ = ("_attributes", "_began", "_first", "_instruments", "_span", "_target")

    def __init__(self, target: Target, fields: Mapping[str, object]) -> None:
        """Begin, with the fields of the request's body."""
        self._target = target
        self._began = time.perf_counter()
        self._first: float | None = None
        self._instruments = instruments()
        self._attributes: dict[str, Any] = {}
        self._span: Span | None = None
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s is asked at %s", self._name, target.provider.base_url)
        if self._instruments is not None:
            parts = urlsplit(target.provider.base_url)
            self._attributes = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": target.provider_id,
                "gen_ai.request.model": target.model.id,
                "server.address": parts.hostname or "",
                "server.port": parts.port or (443 if parts.scheme == "https" else 80),
            }
            from opentelemetry.trace import SpanKind  # it is installed

            # Not made the current one: a generator is left and entered in contexts that are not its own.
            self._span = self._instruments.tracer.start_span(
                f"chat {target.model.id}", kind=SpanKind.CLIENT, attributes={**self._attributes, **_request(fields)}
            )

    @property
    def _name(self) -> str:
        return f"{self._target.provider_id}/{self._target.model.id}"

    def first(self) -> None:
        """Take note of the first event."""
        self._first = time.perf_counter() - self._began

    def failed(self, error: CompletionError) -> None:
        """End with an error."""
        if self._instruments is None or self._span is None:
            return
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR, kind(error)))
        self._end({"error.type": type(error).__name__})

    def succeeded(self, usage: Usage, finish_reasons: tuple[str, ...], head: Head) -> None:
        """End with an answer."""
        if log.isEnabledFor(logging.INFO):
            seconds = time.perf_counter() - self._began
            log.info("%s: %s input + %s output tokens in %.2f s", self._name, usage.input, usage.output, seconds)
        if self._instruments is None or self._span is None:
            return
        more = {} if head.model is None else {"gen_ai.response.model": head.model}
        of_the_answer = {
            "gen_ai.response.id": head.id,
            "gen_ai.response.finish_reasons": finish_reasons,
            "gen_ai.usage.input_tokens": usage.input,
            "gen_ai.usage.output_tokens": usage.output,
            "gen_ai.usage.cache_read.input_tokens": usage.cached,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        }
        self._span.set_attributes({name: value for name, value in of_the_answer.items() if value is not None})
        for which, count in (("input", usage.input), ("output", usage.output)):
            if count is not None:
                self._instruments.tokens.record(count, {**self._attributes, **more, "gen_ai.token.type": which})
        self._end(more)

    def left(self) -> None:
        """End where the caller has left, or where something broke that is no error of a completion."""
        if self._span is None:
            return
        from opentelemetry.trace import Status, StatusCode

        error = sys.exception()
        if isinstance(error, Exception):
            self._span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            self._end({"error.type": type(error).__name__})
        else:
            self._end({"error.type": "cancelled"})

    def _end(self, more: dict[str, str]) -> None:
        assert self._instruments is not None
        assert self._span is not None
        self._span.set_attributes(more)
        attributes = {**self._attributes, **more}
        if self._first is not None:
            self._instruments.first_chunk.record(self._first, attributes)
        self._instruments.duration.record(time.perf_counter() - self._began, attributes)
        self._span.end()
        self._span = None


def _request(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give the attributes of a span for what was asked, as far as it has the types that the conventions state."""
    stop = fields.get("stop")
    limit = next((fields[name] for name in LIMIT_FIELDS if name in fields), None)
    form = fields.get("response_format")
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
    if isinstance(stops, list) and all(isinstance(each, str) for each in stops):
        attributes["gen_ai.request.stop_sequences"] = stops
    if isinstance(form, Mapping) and isinstance(form.get("type"), str):
        attributes["gen_ai.output.type"] = "text" if form["type"] == "text" else "json"
    return attributes


def kind(error: CompletionError) -> str:
    """Say which error it is, without its words: they may be the server's, and quote a message."""
    return type(error).__name__ + (f" ({error.status})" if error.status is not None else "")


@cache
def instruments() -> _Instruments | None:
    """Give what is measured with; None where OpenTelemetry is not installed."""
    try:
        from opentelemetry import metrics, trace
    except ImportError:
        return None
    from genesis_config import __version__

    meter = metrics.get_meter("genesis_config", __version__)

    def histogram(name: str, unit: str, words: str, limits: tuple[float, ...]) -> Histogram:
        return meter.create_histogram(name, unit, words, explicit_bucket_boundaries_advisory=limits)

    return _Instruments(
        trace.get_tracer("genesis_config", __version__),
        histogram("gen_ai.client.operation.duration", "s", "Duration of a request.", _SECONDS),
        histogram("gen_ai.client.token.usage", "{token}", "Tokens of a request.", _TOKENS),
        histogram("gen_ai.client.operation.time_to_first_chunk", "s", "Time to the first chunk.", _SECONDS),
    )
