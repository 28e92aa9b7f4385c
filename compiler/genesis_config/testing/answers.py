"""The answers of the test server: lists of pieces, each of which is one token and one chunk.

Source: the streams recorded from vLLM 0.32.0 in tests/captures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

__all__ = ["DEFAULT_ANSWER", "Answer", "ToolCall"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call in an answer.

    Attributes:
        id: The call's id, such as `chatcmpl-tool-8217db575dbd702e`; streamed once, together with the name.
        name: The function's name.
        arguments: The JSON text of the arguments, in pieces. It is not parsed, so it need not be valid.
    """

    id: str
    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server: reasoning first, then text, then tool calls.

    Attributes:
        text: The pieces of `content`, one chunk each; an empty piece is an empty chunk, as vLLM sends too.
        reasoning: The pieces of the reasoning, one chunk each.
        tool_calls: The tool calls; each starts with a piece for its id and name, followed by those of its arguments.
        finish_reason: None means the value that vLLM uses for a complete answer: `tool_calls` after tool calls (but
            `stop` if `tool_choice` names the function), else `stop`.
        older: Use the name `reasoning_content` and do not count reasoning tokens, as vLLM did before it introduced
            `delta.reasoning`. Everything else is as in 0.32.0.
    """

    text: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    older: bool = False

    @property
    def tokens(self) -> int:
        """The number of tokens: one for each piece."""
        return len(self.reasoning) + len(self.text) + sum(1 + len(call.arguments) for call in self.tool_calls)

    @property
    def reasoning_key(self) -> str:
        """The key of the reasoning, both in a delta and in a message."""
        return "reasoning_content" if self.older else "reasoning"

    def limited(self, max_tokens: int | None) -> Answer:
        """Return the answer cut after `max_tokens` pieces with the reason `length`; unchanged if it is not longer."""
        if max_tokens is None or max_tokens >= self.tokens:
            return self
        text = self.text[: max(max_tokens - len(self.reasoning), 0)]
        left = max_tokens - len(self.reasoning) - len(self.text)
        calls = []
        for call in self.tool_calls:
            if left > 0:
                calls.append(replace(call, arguments=call.arguments[: left - 1]))
            left -= 1 + len(call.arguments)
        return replace(
            self, reasoning=self.reasoning[:max_tokens], text=text, tool_calls=tuple(calls), finish_reason="length"
        )

    def finished(self, *, named_tool: bool) -> Answer:
        """Return the answer with its finish reason set. `named_tool`: the request's `tool_choice` names a function."""
        if self.finish_reason is not None:
            return self
        return replace(self, finish_reason="tool_calls" if self.tool_calls and not named_tool else "stop")

    def deltas(self) -> list[dict[str, object]]:
        """Return the `delta` of each piece in order, as vLLM streams them between the role and the finish reason."""
        deltas: list[dict[str, object]] = [{self.reasoning_key: piece} for piece in self.reasoning]
        deltas += [{"content": piece} for piece in self.text]
        for index, call in enumerate(self.tool_calls):
            opening = {"id": call.id, "type": "function", "index": index, "function": {"name": call.name}}
            pieces = [{"index": index, "function": {"arguments": piece}} for piece in call.arguments]
            deltas += [{"content": None, "tool_calls": [piece]} for piece in (opening, *pieces)]
        return deltas


def _pieces(text: str) -> tuple[str, ...]:
    """Split `text` before each space, as tokenizers typically do."""
    first, *others = text.split(" ")
    return (first, *(f" {word}" for word in others))


DEFAULT_ANSWER: Final = Answer(
    _pieces(
        "This text comes from the test server built into Genesis, not from a model. "
        "It arrives piece by piece, just as vLLM would send it."
    )
)
