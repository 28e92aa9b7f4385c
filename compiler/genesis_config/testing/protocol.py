"""The API of vLLM 0.32.0: the model list, chat requests and errors.

    RefusedError           an error response
    ├── BadBodyError       400: not JSON, or not a chat request
    └── UnauthorizedError  401: missing or wrong key

Recorded (tests/captures): the model list, an unknown model, an exceeded window, malformed JSON, a missing key. Other
errors in a request's body were not recorded; they are made up in the same format.
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
    """A model that the server offers.

    Attributes:
        id: The model's id.
        max_model_len: The window in tokens, prompt and answer together. None is reported as null and not enforced.
        parent: The base model's id, for a LoRA adapter. vLLM reports no window for it, so `max_model_len` is None.
    """

    id: str
    max_model_len: int | None = None
    parent: str | None = None

    def __post_init__(self) -> None:
        """Reject a model that vLLM never lists.

        Raises:
            ValueError: The model is an adapter with a window.
        """
        if self.parent is not None and self.max_model_len is not None:
            raise ValueError("an adapter has no window of its own: omit max_model_len or parent")


def model_list(models: tuple[ServedModel, ...]) -> dict[str, object]:
    """Return the body of `/v1/models` (recorded: models.json)."""
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
    """A request that is answered with an error of this `status` and `body`."""

    def __init__(self, status: HTTPStatus, message: str, *, kind: str | None = None, param: str | None = None) -> None:
        """Create an error with a message. `kind` is its `type`, by default the status phrase."""
        super().__init__(message)
        self.status = status
        self.body: dict[str, object] = {
            "error": {"message": message, "type": kind or status.phrase, "param": param, "code": status.value}
        }


class UnauthorizedError(RefusedError):
    """A missing or wrong key, in a different format from other errors (recorded: models-401.txt, chat-401.txt)."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        self.body = {"error": "Unauthorized"}


class BadBodyError(RefusedError):
    """A body that fails vLLM's validation: the details as the `repr` of a dict (recorded: bad-json.body)."""

    def __init__(self, kind: str, place: str, message: str, **details: object) -> None:
        error = {"type": kind, "loc": place, "msg": message, **details}
        super().__init__(HTTPStatus.BAD_REQUEST, f"1 validation error:\n  {error!r}", param=place)


class StreamOptions(msgspec.Struct, frozen=True):
    """`stream_options`. If they are present, vLLM includes usage by default."""

    include_usage: bool | None = True
    continuous_usage_stats: bool | None = False


_Count = Annotated[int, msgspec.Meta(ge=1)]


class ChatRequest(msgspec.Struct, frozen=True):
    """The fields of a request to `/v1/chat/completions` that the server uses. Like vLLM, it accepts any other field."""

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
        """Parse a request's body.

        Raises:
            RefusedError: It is not JSON, or not a chat request.
        """
        try:
            request = msgspec.convert(json.loads(body), cls)
        except json.JSONDecodeError as error:
            # The message and the position are those of `json`, which vLLM's web framework uses too.
            details = {"input": "<dict of 0 items>", "ctx": {"error": error.msg}}
            raise BadBodyError("json_invalid", f"body.{error.pos}", "JSON decode error", **details) from None
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            raise BadBodyError("value_error", _place(path), message) from None
        except (UnicodeDecodeError, RecursionError):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "There was an error parsing the body") from None
        if request.stream_options is not None and not request.stream:
            message = "Stream options can only be defined when `stream=True`."
            raise BadBodyError("value_error", "body.stream_options", message)
        return request

    @property
    def limit(self) -> int | None:
        """The token limit: the newer field, else the older one, else None."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def usage(self) -> tuple[bool, bool]:
        """Whether usage is requested at the end of the stream, and also in every chunk."""
        options = self.stream_options
        if options is None or not options.include_usage:
            return False, False
        return True, bool(options.continuous_usage_stats)


def _place(path: str) -> str:
    """Convert the rest of msgspec's `$.messages[0]`, including its closing backtick, to vLLM's `body.messages.0`."""
    return "body" + re.sub(r"\[(\d+)\]", r".\1", path.removesuffix("`"))
