"""Decoder of a streamed completion: bytes in, events out. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from genesis_config.net.error_bodies import error_text
from genesis_config.runtime.chunks import UNKNOWN, WireUsage, decode, decode_head, decode_lenient
from genesis_config.runtime.errors import (
    CompletionError,
    ErrorInStreamError,
    EventTooLargeError,
    MalformedStreamError,
    TruncatedStreamError,
)
from genesis_config.runtime.events import Choice, Finish, Logprobs, ReasoningDelta, TextDelta, ToolCall, ToolCallDelta
from genesis_config.runtime.sse import MAX_EVENT, EventSplitter

if TYPE_CHECKING:
    from genesis_config.runtime.chunks import Chunk, ToolCallPiece
    from genesis_config.runtime.events import Event

__all__ = ["PartialChoice", "StreamDecoder"]

_DONE: Final = b"[DONE]"


class _PartialToolCall:
    """A tool call that is still being assembled."""

    __slots__ = ("arguments", "id", "name", "number")

    def __init__(self, number: int, identifier: str) -> None:
        self.number = number
        self.id = identifier
        self.name = ""
        self.arguments: list[str] = []


class PartialChoice:
    """The output of one choice so far. Pieces are joined on access, not for every chunk."""

    __slots__ = ("_calls", "_open", "finish_reason", "logprobs", "reasoning_pieces", "text_pieces")

    def __init__(self) -> None:
        self.text_pieces: list[str] = []
        self.reasoning_pieces: list[str] = []
        self.logprobs: list[object] = []
        self.finish_reason: str | None = None
        self._calls: list[_PartialToolCall] = []
        self._open: dict[int, _PartialToolCall] = {}  # by the server's index

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.text_pieces)

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return "".join(self.reasoning_pieces)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls so far."""
        return tuple(ToolCall(call.id, call.name, "".join(call.arguments)) for call in self._calls)

    def to_choice(self, index: int) -> Choice:
        """Return the output so far as an immutable `Choice`."""
        return Choice(index, self.text, self.reasoning, self.tool_calls, self.finish_reason or "", tuple(self.logprobs))

    def add_tool_call_piece(self, piece: ToolCallPiece, choice: int) -> ToolCallDelta:
        """Add a piece of a tool call: a new, non-empty id starts another call, any other piece continues one."""
        index = piece.index or 0
        call = self._open.get(index)
        if call is None or (piece.id and piece.id != call.id):
            call = self._open[index] = _PartialToolCall(len(self._calls), piece.id or "")
            self._calls.append(call)
            identifier = call.id
        else:
            identifier = ""
        arguments = piece.function.arguments or "" if piece.function else ""
        name = ""
        if not call.name and piece.function and piece.function.name:
            # Only once: some servers repeat the name with every piece.
            name = call.name = piece.function.name
        call.arguments.append(arguments)
        return ToolCallDelta(call.number, identifier, name, arguments, choice)


class StreamDecoder:
    """Decoder of one stream.

    Attributes:
        expected_choices: The number of choices that were requested.
        choices: The output so far, by the index of the choice.
        usage: The latest usage that the server reported.
        head: The id, time and model from the first chunk.
        done: Whether the stream has ended, with `[DONE]` or with an error.
        error: Why the stream failed. The events before it have already been returned.
    """

    __slots__ = ("_splitter", "choices", "done", "error", "expected_choices", "head", "usage")

    def __init__(self, expected_choices: int = 1) -> None:
        self._splitter = EventSplitter()
        self.expected_choices = expected_choices
        self.choices: dict[int, PartialChoice] = {0: PartialChoice()}
        self.usage: WireUsage | None = None
        self.head = UNKNOWN
        self.done = False
        self.error: CompletionError | None = None

    @property
    def finished(self) -> bool:
        """Whether every requested choice has a finish reason."""
        return not self._count_unfinished()

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete. Malformed data sets `error` and never raises."""
        events: list[Event] = []
        if self.done:
            return events
        for text in self._splitter.feed(data):
            self._decode_event(text, events)
        if self._splitter.too_large and not self.done:
            self._fail(EventTooLargeError(f"the server sent an event larger than {MAX_EVENT // (1024 * 1024)} MiB"))
        return events

    def finish(self) -> list[Event]:
        """Return the events that the end of the stream completes.

        Sets `error` unless every choice has a finish reason: neither `[DONE]` nor the end of the stream proves that the
        response is complete.
        """
        events: list[Event] = []
        if not self.done:
            for text in self._splitter.finish():
                before = self.error
                self._decode_event(text, events)
                if isinstance(self.error, MalformedStreamError):
                    # The event was cut off in the middle: the fault is the early end, not the event.
                    self.error = before
        self._end("the stream ended")
        return events

    def _decode_event(self, data: bytes, events: list[Event]) -> None:
        """Decode the data of one event. Events after the end are ignored."""
        if self.done:
            return
        try:
            try:
                chunk = decode(data)
            except UnicodeDecodeError:
                chunk = decode_lenient(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._handle_other_data(data, error)
            return
        if chunk.error is not None or chunk.object == "error":
            reason = error_text(chunk.error if chunk.error is not None else chunk.message)
            self._fail(ErrorInStreamError(f"the server reported an error in the stream: {reason}"))
            return
        if self.head is UNKNOWN:
            self.head = decode_head(data)
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.choices:
            self._decode_choices(chunk, events)

    def _decode_choices(self, chunk: Chunk, events: list[Event]) -> None:
        for choice in chunk.choices or ():
            index = choice.index
            partial = self.choices.get(index)
            if partial is None:
                partial = self.choices[index] = PartialChoice()
            delta = choice.delta
            if delta is not None:
                reasoning = delta.reasoning or delta.reasoning_content
                if reasoning:
                    partial.reasoning_pieces.append(reasoning)
                    events.append(ReasoningDelta(reasoning, index))
                if delta.content:
                    partial.text_pieces.append(delta.content)
                    events.append(TextDelta(delta.content, index))
                if delta.tool_calls:
                    events += [partial.add_tool_call_piece(piece, index) for piece in delta.tool_calls]
            if choice.logprobs is not None and (tokens := choice.logprobs.content):
                partial.logprobs += tokens
                events.append(Logprobs(tuple(tokens), index))
            if choice.finish_reason and partial.finish_reason is None:
                partial.finish_reason = choice.finish_reason
                events.append(Finish(choice.finish_reason, index))

    def _handle_other_data(self, data: bytes, error: Exception) -> None:
        """Handle data that is not a chunk: the end marker, a keepalive, or malformed data."""
        text = data.strip()
        if text == _DONE:
            self._end("[DONE] arrived")
        elif text and not text.startswith(b":"):
            # msgspec's message names the type and the path, but never the value.
            reason = f" ({error})" if isinstance(error, msgspec.ValidationError) else ""
            message = f"the server sent an event that is not a completion chunk{reason}"
            if isinstance(error, UnicodeDecodeError):
                message = "the server sent output that is not valid UTF-8"
            self._fail(MalformedStreamError(message, event=text.decode(errors="replace")))

    def _count_unfinished(self) -> int:
        """Count the choices without a finish reason, whether they were requested or not."""
        finished = sum(choice.finish_reason is not None for choice in self.choices.values())
        return max(self.expected_choices, len(self.choices)) - finished

    def _end(self, what: str) -> None:
        """End the stream. Set `error` if a choice has no finish reason."""
        self.done = True
        if self.error is None and (missing := self._count_unfinished()):
            total = max(self.expected_choices, len(self.choices))
            which = "" if total == 1 else f" for {missing} of {total} choices"
            self.error = TruncatedStreamError(
                f"{what} before the response was complete: no finish reason{which}", help="see the server's log"
            )

    def _fail(self, error: CompletionError) -> None:
        self.error = error
        self.done = True
