"""The requests of a batch: one JSON object per line, in OpenAI's batch file format.

{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "vllm/m", "messages": […]}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from genesis_config.diagnostics.errors import GenesisError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BatchError", "Request", "parse_request", "read_requests"]

_URL: Final = "/v1/chat/completions"


class BatchError(GenesisError):
    """A request file that is not valid. The message names the line."""


class _Line(msgspec.Struct):
    custom_id: str
    body: dict[str, object]
    method: str = "POST"
    url: str = _URL


class Request(NamedTuple):
    """One request: the caller's id and the body of a chat completion."""

    custom_id: str
    body: dict[str, Any]


def read_requests(path: str) -> Iterator[Request]:
    """Yield the requests in a file, in order. Empty lines are ignored.

    Raises:
        OSError: The file cannot be read.
        BatchError: A line is not a valid request, or repeats an earlier id.
    """
    seen: set[str] = set()
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                request = parse_request(line)
            except BatchError as error:
                raise BatchError(f"{path}:{number}: {error}") from None
            if request.custom_id in seen:
                raise BatchError(f"{path}:{number}: duplicate custom_id `{request.custom_id}`")
            seen.add(request.custom_id)
            yield request


def parse_request(line: bytes | str) -> Request:
    """Parse one line of a request file.

    Raises:
        BatchError: The line is not a valid request.
    """
    try:
        fields = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BatchError(f"not a valid batch request: {error}") from None
    if (fields.method, fields.url) != ("POST", _URL):
        raise BatchError(f"only `POST {_URL}` is supported, not `{fields.method} {fields.url}`")
    return Request(fields.custom_id, fields.body)
