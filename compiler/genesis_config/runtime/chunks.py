"""The chunks of a streamed completion, as vLLM 0.32 sends them. Unknown fields are ignored."""

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
    "decode_head",
    "decode_lenient",
]


class _Part(msgspec.Struct, gc=False):
    """Base of all parts. Chunks are short-lived trees, so the garbage collector does not need to track them."""


class Function(_Part, gc=False):
    """The function of a tool call: the name comes with the first piece, the arguments come in pieces."""

    name: str | None = None
    arguments: str | None = None


class ToolCallPiece(_Part, gc=False):
    """A piece of a tool call. The id comes once, with the first piece."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(_Part, gc=False):
    """New output of a choice. Reasoning is in `reasoning`; older servers call it `reasoning_content`."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallPiece] | None = None


class ChoiceLogprobs(_Part, gc=False):
    """The log probabilities of a chunk's tokens, if they were requested, in the server's format."""

    content: list[Any] | None = None


class _StrictChoice(_Part, gc=False):
    """The fields of a choice that must be valid UTF-8: a replaced character could change their meaning."""

    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None


class Choice(_StrictChoice, gc=False):
    """One of the requested choices, identified by its index."""

    logprobs: ChoiceLogprobs | None = None


# The cost is computed with floats, which arbitrarily large integers would overflow.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _PromptDetails(_Part, gc=False):
    cached_tokens: _Count | None = None


class _CompletionDetails(_Part, gc=False):
    reasoning_tokens: _Count | None = None


class WireUsage(_Part, gc=False):
    """The tokens used so far."""

    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class Chunk(_Part, gc=False):
    """The data of one event. The final usage chunk has no choices; some servers send the usage with every chunk."""

    choices: list[Choice] | None = None
    usage: WireUsage | None = None
    error: Any = None
    object: str | None = None
    message: str | None = None


class Head(_Part, gc=False):
    """The fields that are the same in every chunk of a response, so only the first chunk is parsed for them."""

    id: str | None = None
    created: int | None = None
    model: str | None = None


decode = msgspec.json.Decoder(Chunk).decode


class _StrictChunk(_Part, gc=False):
    choices: list[_StrictChoice] | None = None


_decode_strict = msgspec.json.Decoder(_StrictChunk).decode


def decode_lenient(data: bytes) -> Chunk:
    """Parse a chunk that is not valid UTF-8, with U+FFFD for invalid bytes outside the model's output.

    Raises:
        UnicodeDecodeError: The text, the reasoning, a tool call or a finish reason is not valid UTF-8.
        msgspec.DecodeError: The data is not a chunk.
    """
    _decode_strict(data)
    return decode(data.decode(errors="replace"))


UNKNOWN: Final = Head()
"""The head before the first chunk has arrived."""

_decode_head = msgspec.json.Decoder(Head).decode


def decode_head(data: bytes) -> Head:
    """Parse the head of a chunk, with U+FFFD for invalid UTF-8. A head that cannot be parsed is empty."""
    try:
        try:
            return _decode_head(data)
        except UnicodeDecodeError:
            return _decode_head(data.decode(errors="replace"))
    except msgspec.DecodeError:
        return Head()
