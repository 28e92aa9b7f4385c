"""Validation of the caller's arguments before anything is sent: their types, and the inputs the model accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from genesis_config.runtime.errors import InvalidRequestError

if TYPE_CHECKING:
    from genesis_config.manifest import Model

__all__ = ["check_arguments"]

# The kind of input for each type of message part that vLLM knows. Unknown types are left to the server.
_KINDS: Final = {
    "image_url": "image",
    "input_image": "image",
    "image_pil": "image",
    "image_embeds": "image",
    "input_audio": "audio",
    "audio_url": "audio",
    "audio_embeds": "audio",
    "video_url": "video",
    "video_embeds": "video",
}


def check_arguments(model: Model, messages: Any, params: Any, tools: Any) -> None:
    """Reject arguments that cannot form a request. Anything a server might accept is left to the server.

    Raises:
        InvalidRequestError: `messages` or `tools` is not a list of objects, `params` is not an object, or a message
            contains input that the model's entry does not accept, such as an image.
    """
    if not isinstance(params, Mapping):
        raise _type_error("`params` must be an object", "pass an object of request fields")
    if tools is not None and not _is_list_of_objects(tools):
        raise _type_error("`tools` must be a list of objects", "each tool is an object with `type` and `function`")
    if not _is_list_of_objects(messages):
        raise _type_error("`messages` must be a list of objects", "each message is an object with `role` and `content`")
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list | tuple) else ():
            for kind in _input_kinds(part) if isinstance(part, Mapping) else ():
                if kind not in model.input:
                    raise InvalidRequestError(
                        f"`{model.id}` does not accept {kind} input, only {', '.join(model.input)}",
                        help=f'choose a model that does; if this one does, add "{kind}" to the `input` of its entry',
                    )


def _is_list_of_objects(value: object) -> bool:
    """Return whether the value is a list of objects. A string is a sequence too, but not a list."""
    return (
        isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, Mapping) for item in value)
    )


def _input_kinds(part: Mapping[str, object]) -> list[str]:
    """Return the kinds of input in a message part.

    The part's type decides; without a type, or with a `uuid`, its keys do, as in vLLM 0.32.

    Raises:
        InvalidRequestError: The type is not a string.
    """
    type_ = part.get("type")
    if type_ is None or "uuid" in part:
        return [kind for key, kind in _KINDS.items() if key in part]
    if not isinstance(type_, str):
        raise _type_error("the `type` of a message part must be a string", 'for example, {"type": "text", "text": "…"}')
    return [_KINDS[type_]] if type_ in _KINDS else []


def _type_error(message: str, help_: str) -> InvalidRequestError:
    return InvalidRequestError(message, help=help_)
