"""A chat completion in the format of vLLM 0.32.0: the chunks of a stream, or a single body.

The keys, their order, and which of them are null or missing are those of the recorded responses (tests/captures).
Counts are deliberately simple: each piece of an answer is a token (vLLM also counts the invisible token that ends it),
and `prompt_tokens` defines the length of a prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from genesis_config.testing.answers import Answer

__all__ = ["CREATED", "VERSION", "Completion", "prompt_tokens"]

VERSION: Final = "0.32.0"
FINGERPRINT: Final = f"vllm-{VERSION}-00000000"

CREATED: Final = 1_795_400_502
"""The creation time of everything, in seconds since 1970."""


def prompt_tokens(messages: list[dict[str, object]]) -> int:
    """Return the length of a prompt: four tokens for each message, and one for each word of its text."""
    return sum(4 + len(_text(message.get("content")).split()) for message in messages)


def _text(content: object) -> str:
    """Return the text of a message: a string, or the joined `text` of its parts."""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The response to one request.

    Attributes:
        id: The completion's id.
        model: The model's id.
        answers: The answer of each choice, with its finish reason set.
        prompt_tokens: The length of the prompt in tokens.
        include_usage: Whether the stream ends with a usage chunk.
        continuous_usage: Whether the other chunks contain usage too.
    """

    id: str
    model: str
    answers: tuple[Answer, ...]
    prompt_tokens: int
    include_usage: bool = False
    continuous_usage: bool = False

    def chunks(self) -> list[dict[str, object]]:
        """Return the chunks of a stream: the roles, the pieces of all choices in turn, and the usage if included."""
        chunks = [self._role_chunk(index) for index in range(len(self.answers))]
        turns = zip_longest(*(self._choice_chunks(index) for index in range(len(self.answers))))
        chunks += [chunk for turn in turns for chunk in turn if chunk is not None]
        if self.include_usage:
            chunks.append(self._usage_chunk())
        return chunks

    def body(self) -> dict[str, object]:
        """Return the body of a response that is not streamed (recorded: nonstream.body)."""
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": CREATED,
            "model": self.model,
            "choices": [_body_choice(index, answer) for index, answer in enumerate(self.answers)],
            "service_tier": None,
            "system_fingerprint": FINGERPRINT,
            "usage": {
                **self._counts(sum(answer.tokens for answer in self.answers)),
                "prompt_tokens_details": None,
                "completion_tokens_details": self._details(sum(map(_reasoning_tokens, self.answers))),
            },
            "prompt_logprobs": None,
            "prompt_token_ids": None,
            "prompt_text": None,
            "kv_transfer_params": None,
            "ec_transfer_params": None,
            "metrics": None,
        }

    def _role_chunk(self, index: int) -> dict[str, object]:
        choice = {
            "index": index,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }
        return self._chunk([choice]) | self._running_usage(0, 0) | {"prompt_token_ids": None, "prompt_text": None}

    def _choice_chunks(self, index: int) -> list[dict[str, object]]:
        """Return the chunks of one choice after its role.

        The reason `length` is in the chunk of the last piece (recorded: stream-usage); any other reason has a chunk of
        its own with an empty delta (recorded: stream-json).
        """
        answer = self.answers[index]
        deltas = answer.deltas()
        if answer.finish_reason != "length" or not deltas:
            deltas.append({})
        chunks = []
        for number, delta in enumerate(deltas, start=1):
            last = number == len(deltas)
            finish = {"finish_reason": answer.finish_reason, "stop_reason": None} if last else {"finish_reason": None}
            choice = {"index": index, "delta": delta, "logprobs": None, **finish, "token_ids": None}
            tokens = min(number, answer.tokens)
            usage = self._running_usage(tokens, min(tokens, _reasoning_tokens(answer)))
            # The fingerprint is in the usage chunk or, if there is none, in the last chunk of each choice.
            end = {"system_fingerprint": FINGERPRINT} if last and not self.include_usage else {}
            chunks.append(self._chunk([choice]) | usage | end)
        return chunks

    def _usage_chunk(self) -> dict[str, object]:
        usage: dict[str, Any] = self._counts(sum(answer.tokens for answer in self.answers))
        details = self._details(sum(map(_reasoning_tokens, self.answers)))
        if details is not None:
            usage["completion_tokens_details"] = details
        return self._chunk([]) | {"usage": usage, "system_fingerprint": FINGERPRINT}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self.model,
            "choices": choices,
        }

    def _running_usage(self, tokens: int, reasoning: int) -> dict[str, object]:
        """Return the usage of one choice so far, if requested (recorded: stream-continuous)."""
        if not self.continuous_usage:
            return {}
        return {"usage": {**self._counts(tokens), "completion_tokens_details": self._details(reasoning)}}

    def _counts(self, completion: int) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + completion,
            "completion_tokens": completion,
        }

    def _details(self, reasoning: int) -> dict[str, int] | None:
        """Return the count of reasoning tokens if any answer has reasoning. vLLM needs a reasoning parser for it."""
        return {"reasoning_tokens": reasoning} if any(map(_reasoning_tokens, self.answers)) else None


def _reasoning_tokens(answer: Answer) -> int:
    return 0 if answer.older else len(answer.reasoning)


def _body_choice(index: int, answer: Answer) -> dict[str, object]:
    text = "".join(answer.text)
    message: dict[str, object] = {
        "role": "assistant",
        # null if a parser found reasoning or tool calls but no text.
        "content": None if not text and (answer.reasoning or answer.tool_calls) else text,
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
    }
    if answer.tool_calls:  # Without tool calls the key is missing; it is never an empty list.
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": "".join(call.arguments)}}
            for call in answer.tool_calls
        ]
    message[answer.reasoning_key] = "".join(answer.reasoning) or None
    return {
        "index": index,
        "message": message,
        "logprobs": None,
        "finish_reason": answer.finish_reason,
        "stop_reason": None,
        "token_ids": None,
        "routed_experts": None,
    }
