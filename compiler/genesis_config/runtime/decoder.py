"""Bytes of a streamed completion in, events out. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from genesis_config.net.error_bodies import error_text
from genesis_config.runtime.chunks import UNKNOWN, WireUsage, decode, decode_damaged, decode_head
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

__all__ = ["Answer", "StreamDecoder"]

_DONE: Final = b"[DONE]"


class _Call:
    """A tool call that is being put together."""

    __slots__ = ("arguments", "id", "name", "number")

    def __init__(self, number: int, identifier: str) -> None:
        self.number = number
        self.id = identifier
        self.name = ""
        self.arguments: list[str] = []


class Answer:
    """What has arrived of one choice. Pieces are joined when somebody asks, not for each chunk."""

    __slots__ = ("_calls", "_open", "finish_reason", "logprobs", "reasoning_pieces", "text_pieces")

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.text_pieces: list[str] = []
        self.reasoning_pieces: list[str] = []
        self.logprobs: list[object] = []
        self.finish_reason: str | None = None
        self._calls: list[_Call] = []
        self._open: dict[int, _Call] = {}  # by the index that the server counts them with

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

    def choice(self, index: int) -> Choice:
        """Give what has arrived."""
        return Choice(index, self.text, self.reasoning, self.tool_calls, self.finish_reason or "", tuple(self.logprobs))

    def add(self, piece: ToolCallPiece, choice: int) -> ToolCallDelta:
        """Take a piece of a tool call: a new id that is not empty opens a new call, anything else goes on with one."""
        index = piece.index or 0
        call = self._open.get(index)
        if call is None or (piece.id and piece.id != call.id):
            call = self._open[index] = _Call(len(self._calls), piece.id or "")
            self._calls.append(call)
            identifier = call.id
        else:
            identifier = ""
        arguments = piece.function.arguments or "" if piece.function else ""
        name = ""
        if not call.name and piece.function and piece.function.name:
            # Once: some servers repeat it with every piece.
            name = call.name = piece.function.name
        call.arguments.append(arguments)
        return ToolCallDelta(call.number, identifier, name, arguments, choice)


class StreamDecoder:
    """Decodes one stream.

    Attributes:
        answers: What has arrived, by the index of the choice.
        usage: The last usage that came.
        head: What the first chunk calls the answer.
        done: Whether the stream has ended, by `[DONE]` or by an error.
        error: What is wrong with it. The events that came before it were handed out first.
    """

    __slots__ = ("_splitter", "answers", "choices", "done", "error", "head", "usage")

    def __init__(self, choices: int = 1) -> None:
        """Expect this many choices."""
        self._splitter = EventSplitter()
        self.choices = choices
        self.answers: dict[int, Answer] = {0: Answer()}
        self.usage: WireUsage | None = None
        self.head = UNKNOWN
        self.done = False
        self.error: CompletionError | None = None

    @property
    def finished(self) -> bool:
        """Whether every choice that was asked for has its finish reason."""
        return not self._unfinished()

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes and give the events that they complete. Never raises for what a server sends: see `error`."""
        events: list[Event] = []
        if self.done:
            return events
        for text in self._splitter.feed(data):
            self._event(text, events)
        if self._splitter.too_large and not self.done:
            self._fail(EventTooLargeError(f"the server sent an event of more than {MAX_EVENT // (1024 * 1024)} MiB"))
        return events

    def finish(self) -> list[Event]:
        """Take the end of the stream, and give the events that it completes.

        Sets `error` unless every choice has its finish reason: neither `[DONE]` nor the end itself proves anything.
        """
        events: list[Event] = []
        if not self.done:
            for text in self._splitter.finish():
                before = self.error
                self._event(text, events)
                if isinstance(self.error, MalformedStreamError):
                    # The event was cut in the middle: that the stream ended too early is what is wrong.
                    self.error = before
        self._end("the stream ended")
        return events

    def _event(self, data: bytes, events: list[Event]) -> None:
        """Take the data of one event; what follows the end is passed over."""
        if self.done:
            return
        try:
            try:
                chunk = decode(data)
            except UnicodeDecodeError:
                chunk = decode_damaged(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._no_chunk(data, error)
            return
        if chunk.error is not None or chunk.object == "error":
            said = error_text(chunk.error if chunk.error is not None else chunk.message)
            self._fail(ErrorInStreamError(f"the server failed in the middle of the answer: {said}"))
            return
        if self.head is UNKNOWN:
            self.head = decode_head(data)
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.choices:
            self._choices(chunk, events)

    def _choices(self, chunk: Chunk, events: list[Event]) -> None:
        for choice in chunk.choices or ():
            index = choice.index
            answer = self.answers.get(index)
            if answer is None:
                answer = self.answers[index] = Answer()
            delta = choice.delta
            if delta is not None:
                reasoning = delta.reasoning or delta.reasoning_content
                if reasoning:
                    answer.reasoning_pieces.append(reasoning)
                    events.append(ReasoningDelta(reasoning, index))
                if delta.content:
                    answer.text_pieces.append(delta.content)
                    events.append(TextDelta(delta.content, index))
                if delta.tool_calls:
                    events += [answer.add(piece, index) for piece in delta.tool_calls]
            if choice.logprobs is not None and (tokens := choice.logprobs.content):
                answer.logprobs += tokens
                events.append(Logprobs(tuple(tokens), index))
            if choice.finish_reason and answer.finish_reason is None:
                answer.finish_reason = choice.finish_reason
                events.append(Finish(choice.finish_reason, index))

    def _no_chunk(self, data: bytes, error: Exception) -> None:
        """Take data that is no chunk: the end, a keepalive, or nonsense."""
        text = data.strip()
        if text == _DONE:
            self._end("[DONE] came")
        elif text and not text.startswith(b":"):
            # msgspec tells which type stands where, and no value.
            reason = f" ({error})" if isinstance(error, msgspec.ValidationError) else ""
            message = f"the server sent an event that is no chunk of a completion{reason}"
            if isinstance(error, UnicodeDecodeError):
                message = "the server sent part of the answer in bytes that are not valid UTF-8"
            self._fail(MalformedStreamError(message, event=text.decode(errors="replace")))

    def _unfinished(self) -> int:
        """Count the choices that were asked for, or came all the same, and have no finish reason."""
        ended = sum(answer.finish_reason is not None for answer in self.answers.values())
        return max(self.choices, len(self.answers)) - ended

    def _end(self, how: str) -> None:
        """End the stream, which by itself proves nothing."""
        self.done = True
        if self.error is None and (missing := self._unfinished()):
            asked = max(self.choices, len(self.answers))
            of = "" if asked == 1 else f" for {missing} of {asked} choices"
            self.error = TruncatedStreamError(
                f"{how} before the answer had ended: no finish reason came{of}", help="look at the server's log"
            )

    def _fail(self, error: CompletionError) -> None:
        self.error = error
        self.done = True
