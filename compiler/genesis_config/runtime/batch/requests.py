"""The requests: one JSON object a line, as OpenAI's batch files have them.

{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "vllm/m", "messages": […]}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from genesis_config.diagnostics.errors import GenesisError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BatchError", "Request", "parse", "read"]

_URL: Final = "/v1/chat/completions"


class BatchError(GenesisError):
    """A file that no batch can be made of. The message names the line."""


class _Line(msgspec.Struct):
    custom_id: str
    body: dict[str, object]
    method: str = "POST"
    url: str = _URL


class Request(NamedTuple):
    """One request: what the caller calls it, and the body of a chat completion."""

    custom_id: str
    body: dict[str, Any]


def read(path: str) -> Iterator[Request]:
    """Read the requests of a file, in order; empty lines are passed over.

    Raises:
        OSError: It cannot be read.
        BatchError: A line is no request, or has the id of an earlier one.
    """
    seen: set[str] = set()
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                request = parse(line)
            except BatchError as error:
                raise BatchError(f"{path}:{number}: {error}") from None
            if request.custom_id in seen:
                raise BatchError(f"{path}:{number}: duplicate custom_id `{request.custom_id}`")
            seen.add(request.custom_id)
            yield request


def parse(line: bytes | str) -> Request:
    """Read one line.

    Raises:
        BatchError: It is no request.
    """
    try:
        found = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BatchError(f"not a valid batch request: {error}") from None
    if (found.method, found.url) != ("POST", _URL):
        raise BatchError(f"only `POST {_URL}` is supported, not `{found.method} {found.url}`")
    return Request(found.custom_id, found.body)
