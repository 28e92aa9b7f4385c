"""What vLLM 0.32.0 takes and refuses: the model list, the chat request, the shapes of errors.

    RefusedError           an answer that is an error
    ├── BadBodyError       400: no JSON, or not the JSON of a chat request
    └── UnauthorizedError  401: no key, or a wrong one

Recorded (tests/captures): the model list, the unknown model, the window that is exceeded, the malformed JSON, the
missing key. Made up in the same shape, because no recording shows them: other faults of a request's body.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

import msgspec

from genesis_config.testing.completions import CREATED

__all__ = ["BadBodyError", "ChatRequest", "RefusedError", "ServedModel", "UnauthorizedError", "model_list"]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model that the server offers.

    Attributes:
        id: Its id.
        max_model_len: Its window in tokens, prompt and answer together. None is reported as null and enforced nowhere.
        parent: The base model's id, for a LoRA adapter. vLLM reports no window of an adapter: `max_model_len` is None.
    """

    id: str
    max_model_len: int | None = None
    parent: str | None = None

    def __post_init__(self) -> None:
        """Refuse what vLLM never lists.

        Raises:
            ValueError: An adapter with a window.
        """
        if self.parent is not None and self.max_model_len is not None:
            raise ValueError("an adapter has no window of its own: leave max_model_len out, or parent")


def model_list(models: tuple[ServedModel, ...]) -> dict[str, object]:
    """Give the body of `/v1/models` (recorded: models.json)."""
    return {"object": "list", "data": [_model_row(number, model) for number, model in enumerate(models, start=1)]}


def _model_row(number: int, model: ServedModel) -> dict[str, object]:
    permission = {
        "id": f"modelperm-{number:016x}",
        "object": "model_permission",
        "created": CREATED,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    return {
        "id": model.id,
        "object": "model",
        "created": CREATED,
        "owned_by": "vllm",
        "root": model.id,
        "parent": model.parent,
        "max_model_len": model.max_model_len,
        "permission": [permission],
    }


class RefusedError(Exception):
    """A request that is answered with an error; `status` and `body` are that answer."""

    def __init__(self, status: HTTPStatus, message: str, *, kind: str | None = None, param: str | None = None) -> None:
        """Take the error's text; `kind` is its `type`, by default the status's phrase as vLLM's web framework says."""
        super().__init__(message)
        self.status = status
        self.body: dict[str, object] = {
            "error": {"message": message, "type": kind or status.phrase, "param": param, "code": status.value}
        }


class UnauthorizedError(RefusedError):
    """No key or a wrong one: not the shape of the other errors (recorded: models-401.txt, chat-401.txt)."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        self.body = {"error": "Unauthorized"}


class BadBodyError(RefusedError):
    """A body that fails vLLM's validation: one `{…}` of facts in Python's spelling (recorded: bad-json.body)."""

    def __init__(self, kind: str, place: str, message: str, **facts: object) -> None:
        found = {"type": kind, "loc": place, "msg": message, **facts}
        super().__init__(HTTPStatus.BAD_REQUEST, f"1 validation error:\n  {found!r}", param=place)


class StreamOptions(msgspec.Struct, frozen=True):
    """`stream_options`. vLLM includes usage unless told not to, once they are there at all."""

    include_usage: bool | None = True
    continuous_usage_stats: bool | None = False


_Count = Annotated[int, msgspec.Meta(ge=1)]


class ChatRequest(msgspec.Struct, frozen=True):
    """What the server reads of a request to `/v1/chat/completions`. Like vLLM, it takes any further field."""

    messages: list[dict[str, object]]
    model: str | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    n: _Count | None = 1
    tool_choice: str | dict[str, object] | None = None

    @classmethod
    def parse(cls, body: bytes) -> ChatRequest:
        """Read a request's body.

        Raises:
            RefusedError: It is no JSON, or not that of a chat request.
        """
        try:
            request = msgspec.convert(json.loads(body), cls)
        except json.JSONDecodeError as error:
            # The words and the position are json's own, with which vLLM's web framework reads a body.
            facts = {"input": "<dict of 0 items>", "ctx": {"error": error.msg}}
            raise BadBodyError("json_invalid", f"body.{error.pos}", "JSON decode error", **facts) from None
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at `$")
            raise BadBodyError("value_error", _place(path), what) from None
        except (UnicodeDecodeError, RecursionError):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "There was an error parsing the body") from None
        if request.stream_options is not None and not request.stream:
            message = "Stream options can only be defined when `stream=True`."
            raise BadBodyError("value_error", "body.stream_options", message)
        return request

    @property
    def limit(self) -> int | None:
        """The token limit that holds: the newer field, else the older one, else none."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def usage(self) -> tuple[bool, bool]:
        """Whether usage is asked for at the end of the stream, and on every chunk (which the former is needed for)."""
        options = self.stream_options
        if options is None or not options.include_usage:
            return False, False
        return True, bool(options.continuous_usage_stats)


def _place(path: str) -> str:
    """Turn the rest of msgspec's `$.messages[0]`, closing tick included, into vLLM's `body.messages.0`."""
    return "body" + re.sub(r"\[(\d+)\]", r".\1", path.removesuffix("`"))
