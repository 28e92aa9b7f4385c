"""What a caller passes, looked at before anything is sent: its shape, and the kinds of input that a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from genesis_config.runtime.errors import InvalidRequestError

if TYPE_CHECKING:
    from genesis_config.manifest import Model

__all__ = ["check"]

# The kinds of input that parts of a message are, by their type. These are vLLM's; others are the server's to judge.
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


def check(model: Model, messages: Any, params: Any, tools: Any) -> None:
    """Refuse what no request can be made of. What a server might take is the server's to judge.

    Raises:
        InvalidRequestError: The messages are no list of objects, the params no object, the tools no list of objects, or
            a message holds what the model's entry does not take, such as a picture.
    """
    if not isinstance(params, Mapping):
        raise _shape("the params are no object", "`params` is an object of request fields")
    if tools is not None and not _objects(tools):
        raise _shape("the tools are no list of objects", "each tool is an object with `type` and `function`")
    if not _objects(messages):
        raise _shape("the messages are no list of objects", "each message is an object with `role` and `content`")
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list | tuple) else ():
            for kind in _kinds(part) if isinstance(part, Mapping) else ():
                if kind not in model.input:
                    raise InvalidRequestError(
                        f"a message holds {kind}, and `{model.id}` takes {', '.join(model.input)} alone",
                        help=f'name a model that takes it; if this one does, add "{kind}" to the `input` of its entry',
                    )


def _objects(value: object) -> bool:
    """Say whether it is a list of objects. A text is a sequence too, and no list."""
    return (
        isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(each, Mapping) for each in value)
    )


def _kinds(part: Mapping[str, object]) -> list[str]:
    """Give the kinds of a part: by its type, or where it has none or a `uuid`, by its keys, as vLLM 0.32 does.

    Raises:
        InvalidRequestError: Its type is no text.
    """
    type_ = part.get("type")
    if type_ is None or "uuid" in part:
        return [kind for key, kind in _KINDS.items() if key in part]
    if not isinstance(type_, str):
        raise _shape("the `type` of a part of a message is no text", 'a part is such as {"type": "text", "text": "…"}')
    return [_KINDS[type_]] if type_ in _KINDS else []


def _shape(message: str, help_: str) -> InvalidRequestError:
    return InvalidRequestError(message, help=help_)
