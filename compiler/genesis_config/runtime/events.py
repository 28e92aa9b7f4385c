"""The events of a stream, and the completion that they add up to."""

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
    """Base of all events. They contain only text and numbers, so the garbage collector does not track them."""


class TextDelta(_Event, frozen=True, gc=False):
    """A piece of the text, as it came in one chunk, and the index of its choice."""

    text: str
    index: int = 0


class ReasoningDelta(_Event, frozen=True, gc=False):
    """A piece of the model's reasoning, and the index of its choice."""

    text: str
    index: int = 0


class ToolCallDelta(_Event, frozen=True, gc=False):
    """A piece of a tool call.

    Attributes:
        call: The index of the call within its choice, from 0.
        id: The call's id in its first piece, otherwise empty.
        name: The function's name in the first piece that has it, otherwise empty.
        arguments: A piece of the arguments. Only the arguments of the whole call are valid JSON.
        index: The index of the choice.
    """

    call: int
    id: str
    name: str
    arguments: str
    index: int = 0


class Logprobs(_Event, frozen=True, gc=False):
    """The log probabilities of one chunk's tokens, if `logprobs` was requested. It follows the chunk's text.

    Attributes:
        tokens: One object per token, as the server sent it: `token`, `logprob`, `top_logprobs`.
        index: The index of the choice.
    """

    tokens: tuple[Any, ...]
    index: int = 0


class Finish(_Event, frozen=True, gc=False):
    """A choice has ended. The reason is the server's own, such as `stop`, `length` or `tool_calls`."""

    reason: str
    index: int = 0


class ContextWarning(_Event, frozen=True, gc=False):
    """More than 90 % of the context window is used, so the next turn may not fit. It comes just before `Usage`.

    Attributes:
        used: The used share of the window, above 0.9. Above 1 if the server's window is larger than the entry's.
        tokens: Input and output tokens.
        window: The context window of the model's entry, in tokens.
    """

    used: float
    tokens: int
    window: int


class Usage(_Event, frozen=True):
    """The usage of the completion, and the last event of every successful stream.

    A value that the server did not report is None.

    Attributes:
        input: Tokens of the prompt.
        output: Tokens of the output, including reasoning.
        reasoning: Output tokens that are reasoning.
        cached: Prompt tokens that were in the server's prefix cache.
        cost: The cost according to the model's prices per million tokens, in the currency of those prices.
        context_used: Input and output as a share of the context window, 0 to 1. None for several choices, which each
            have a window of their own, and if the window is only assumed.
        notes: Remarks on a successful completion, for example that the server sent no usage.
    """

    input: int | None = None
    output: int | None = None
    reasoning: int | None = None
    cached: int | None = None
    cost: float | None = None
    context_used: float | None = None
    notes: tuple[str, ...] = ()


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """An attempt that failed before the first token.

    Attributes:
        model: `provider/model`.
        error: The name of the error's class, such as `RateLimitedError`.
        message: The error's message, without secrets.
        status: The HTTP status, if there was a response.
    """

    model: str
    error: str
    message: str
    status: int | None = None


class FellBack(_Event, frozen=True, gc=False):
    """A model failed and the next one is tried. It precedes all other events of the next model.

    Attributes:
        failed: `provider/model` of the failed model; empty if the manifest does not have the model.
        next: `provider/model` of the model that is tried now.
        error: The name of the error's class, such as `RateLimitedError`.
        reason: The error's message, without secrets.
        status: The HTTP status, if there was a response.
    """

    failed: str
    next: str
    error: str
    reason: str
    status: int | None = None


Event = FellBack | TextDelta | ReasoningDelta | ToolCallDelta | Logprobs | Finish | ContextWarning | Usage


class ToolCall(msgspec.Struct, frozen=True):
    """A tool call, assembled from its pieces. `arguments` is text, and valid JSON unless the output was cut off."""

    id: str
    name: str
    arguments: str


class Choice(msgspec.Struct, frozen=True):
    """One of the requested choices, or its partial output.

    Attributes:
        index: The index of the choice.
        finish_reason: Why the choice ended; empty if it did not.
        logprobs: The log probabilities of its tokens, as the server sent them, if they were requested.
    """

    index: int
    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    logprobs: tuple[Any, ...] = ()

    @property
    def message(self) -> dict[str, Any]:
        """The choice as a message that continues the conversation: text and tool calls, without reasoning."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        return message


class Completion(msgspec.Struct, frozen=True):
    """A whole completion. Properties such as `text` refer to the first choice; `choices` has all.

    Attributes:
        provider: The provider's id.
        model: The model's id.
        choices: The choices, by index.
        usage: The tokens used, and their cost.
        attempts: The earlier attempts, in order, and why each failed.
        id: The server's id for the completion, if it sent one.
        created: The server's time of creation, in seconds since 1970, if it sent one.
        request_id: The header `X-Request-Id` of the response, if it has one.
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
        """The first choice as a message that continues the conversation: text and tool calls, without reasoning."""
        return self.choices[0].message
