"""The chunks of a streamed completion, as vLLM 0.32 sends them. Unknown fields are passed over."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

__all__ = [
    "UNKNOWN",
    "Choice",
    "ChoiceLogprobs",
    "Chunk",
    "Delta",
    "Function",
    "Head",
    "ToolCallPiece",
    "WireUsage",
    "decode",
    "decode_damaged",
    "decode_head",
]


class _Part(msgspec.Struct, gc=False):
    """What all parts share. Chunks are trees that live for one call, so the garbage collector need not look at them."""


class Function(_Part, gc=False):
    """The function of a tool call: its name with the first piece, then pieces of the arguments."""

    name: str | None = None
    arguments: str | None = None


class ToolCallPiece(_Part, gc=False):
    """A piece of a tool call; the id comes once, with the first one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(_Part, gc=False):
    """What is new of a choice. Reasoning is `reasoning`, from older servers `reasoning_content`."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallPiece] | None = None


class ChoiceLogprobs(_Part, gc=False):
    """The log probabilities of the tokens of a chunk, where they were asked for; as the server has them."""

    content: list[Any] | None = None


class _Words(_Part, gc=False):
    """What of a choice must be UTF-8: a caller acts on it, and a replaced character would change its meaning."""

    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None


class Choice(_Words, gc=False):
    """One of the answers, by its index."""

    logprobs: ChoiceLogprobs | None = None


# Python's numbers have no end, and the arithmetic of costs has.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _PromptDetails(_Part, gc=False):
    cached_tokens: _Count | None = None


class _CompletionDetails(_Part, gc=False):
    reasoning_tokens: _Count | None = None


class WireUsage(_Part, gc=False):
    """Tokens so far."""

    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class Chunk(_Part, gc=False):
    """One event. The usage chunk has no choices; usage may also ride on every chunk."""

    choices: list[Choice] | None = None
    usage: WireUsage | None = None
    error: Any = None
    object: str | None = None
    message: str | None = None


class Head(_Part, gc=False):
    """What every chunk of an answer says alike, so that it is read from the first one alone."""

    id: str | None = None
    created: int | None = None
    model: str | None = None


decode = msgspec.json.Decoder(Chunk).decode


class _ChunkWords(_Part, gc=False):
    choices: list[_Words] | None = None


_decode_words = msgspec.json.Decoder(_ChunkWords).decode


def decode_damaged(data: bytes) -> Chunk:
    """Parse a chunk that is not valid UTF-8, with U+FFFD for what is invalid outside an answer's own words.

    Raises:
        UnicodeDecodeError: The text, the reasoning, a tool call or a finish reason is not valid UTF-8.
        msgspec.DecodeError: The data is not a chunk.
    """
    _decode_words(data)
    return decode(data.decode(errors="replace"))


UNKNOWN: Final = Head()
"""What is known of an answer of which no chunk has come."""

_decode_head = msgspec.json.Decoder(Head).decode


def decode_head(data: bytes) -> Head:
    """Parse what a chunk calls its answer, with U+FFFD for what is not valid UTF-8.

    Nothing of it is kept where it cannot be parsed, since no answer depends on it.
    """
    try:
        try:
            return _decode_head(data)
        except UnicodeDecodeError:
            return _decode_head(data.decode(errors="replace"))
    except msgspec.DecodeError:
        return Head()
