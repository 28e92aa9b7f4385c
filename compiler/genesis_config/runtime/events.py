"""What a stream hands out."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "Attempt",
    "Choice",
    "Completion",
    "ContextWarning",
    "Event",
    "FellBack",
    "Finish",
    "Logprobs",
    "ReasoningDelta",
    "TextDelta",
    "ToolCall",
    "ToolCallDelta",
    "Usage",
]


class _Event(msgspec.Struct, frozen=True, gc=False):
    """What all events share. They hold only text and numbers, so the garbage collector need not look at them."""


class TextDelta(_Event, frozen=True, gc=False):
    """A piece of the answer's text, as it came in one chunk, and the index of its choice."""

    text: str
    index: int = 0


class ReasoningDelta(_Event, frozen=True, gc=False):
    """A piece of the model's reasoning, and the index of its choice."""

    text: str
    index: int = 0


class ToolCallDelta(_Event, frozen=True, gc=False):
    """A piece of a tool call.

    Attributes:
        call: The number of the call within its choice, from 0.
        id: The call's id, with its first piece; else empty.
        name: The function's name, once, with the piece that has it first; else empty.
        arguments: A piece of the arguments' JSON. Only the whole call's arguments are JSON.
        index: The index of the choice.
    """

    call: int
    id: str
    name: str
    arguments: str
    index: int = 0


class Logprobs(_Event, frozen=True, gc=False):
    """The log probabilities of the tokens of one chunk, after its text: only where `logprobs` were asked for.

    Attributes:
        tokens: An object for each token, as the server sent it: `token`, `logprob`, `top_logprobs`.
        index: The index of the choice.
    """

    tokens: tuple[Any, ...]
    index: int = 0


class Finish(_Event, frozen=True, gc=False):
    """A choice has ended. The reason is the server's own, such as `stop`, `length` or `tool_calls`."""

    reason: str
    index: int = 0


class ContextWarning(_Event, frozen=True, gc=False):
    """More than 90 % of the context window is used: the next turn may not fit. It comes just before `Usage`.

    Attributes:
        used: The share, above 0.9; past 1 the entry's window is smaller than the server's.
        tokens: Input and output.
        window: The context window of the model's entry, in tokens.
    """

    used: float
    tokens: int
    window: int


class Usage(_Event, frozen=True):
    """What the completion used: the last event of every stream that succeeded.

    Attributes:
        input: Tokens of the prompt. None, here as below, where the server did not say.
        output: Tokens of the answer, reasoning included.
        reasoning: Tokens of the answer that are reasoning.
        cached: Tokens of the prompt that the server found in its prefix cache.
        cost: By the model's prices per million tokens, in their currency.
        context_used: Input and output as a share of the context window, 0 to 1; None for several choices, each of
            which has a window of its own, and where the window is only assumed.
        notes: What is worth knowing of a completion that succeeded, such as that the server sent no usage.
    """

    input: int | None = None
    output: int | None = None
    reasoning: int | None = None
    cached: int | None = None
    cost: float | None = None
    context_used: float | None = None
    notes: tuple[str, ...] = ()


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """A try that failed before the first token.

    Attributes:
        model: `provider/model`.
        error: The name of the error's class, such as `RateLimitedError`.
        message: What it said, without secrets.
        status: The HTTP status, where there was an answer.
    """

    model: str
    error: str
    message: str
    status: int | None = None


class FellBack(_Event, frozen=True, gc=False):
    """A model could not be had, and the next one is tried: before any other event of that one.

    Attributes:
        failed: `provider/model` of the one that could not; empty where the manifest has no such model.
        next: That of the one that is tried now.
        error: The name of the error's class, such as `RateLimitedError`.
        reason: Why, without secrets.
        status: The HTTP status, where there was an answer.
    """

    failed: str
    next: str
    error: str
    reason: str
    status: int | None = None


Event = FellBack | TextDelta | ReasoningDelta | ToolCallDelta | Logprobs | Finish | ContextWarning | Usage


class ToolCall(msgspec.Struct, frozen=True):
    """A tool call, put together from its pieces. `arguments` is text: JSON, if the answer was not cut off."""

    id: str
    name: str
    arguments: str


class Choice(msgspec.Struct, frozen=True):
    """One of the answers, or what had arrived of it.

    Attributes:
        index: Which one.
        finish_reason: Why it ended; empty where it has not.
        logprobs: Of its tokens, as the server sent them, where they were asked for.
    """

    index: int
    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    logprobs: tuple[Any, ...] = ()

    @property
    def message(self) -> dict[str, Any]:
        """It as a message, to go on with the conversation: its text and tool calls, no reasoning."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        return message


class Completion(msgspec.Struct, frozen=True):
    """A whole answer. What is of a choice, such as `text`, is of the first one; `choices` has all.

    Attributes:
        provider: The provider's id.
        model: The model's id.
        choices: The answers, by index.
        attempts: What was tried before, in order, and why each failed.
        id: What the server calls it, where it says so; as the next two.
        created: When it began, in seconds from 1970.
        request_id: What the server calls the request (the header `X-Request-Id`).
    """

    provider: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage
    attempts: tuple[Attempt, ...] = ()
    id: str | None = None
    created: int | None = None
    request_id: str | None = None

    @property
    def text(self) -> str:
        """The text of the first choice."""
        return self.choices[0].text

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of all choices."""
        return tuple(choice.text for choice in self.choices)

    @property
    def reasoning(self) -> str:
        """The reasoning of the first choice."""
        return self.choices[0].reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of the first choice."""
        return self.choices[0].tool_calls

    @property
    def logprobs(self) -> tuple[Any, ...]:
        """The log probabilities of the first choice's tokens."""
        return self.choices[0].logprobs

    @property
    def finish_reason(self) -> str:
        """Why the first choice ended."""
        return self.choices[0].finish_reason

    @property
    def finish_reasons(self) -> tuple[str, ...]:
        """Why each choice ended."""
        return tuple(choice.finish_reason for choice in self.choices)

    @property
    def message(self) -> dict[str, Any]:
        """The first choice as a message, to go on with the conversation: its text and tool calls, no reasoning."""
        return self.choices[0].message
