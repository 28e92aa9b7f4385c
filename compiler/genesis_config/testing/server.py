"""A server with the API of vLLM 0.32.0: `/v1/models`, `/v1/chat/completions`, `/health`, `/version`.

It listens on a local port, answers with fixed text, and records every request for assertions.
`ChatRequest.parse` parses a chat request, `_completion` builds a `Completion` for it, whose `chunks` are the whole
stream as a list, and `_stream` writes that list.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import msgspec
from aiohttp import web

from genesis_config.testing import faults
from genesis_config.testing.answers import DEFAULT_ANSWER, Answer
from genesis_config.testing.completions import VERSION, Completion, prompt_tokens
from genesis_config.testing.protocol import ChatRequest, RefusedError, ServedModel, UnauthorizedError, model_list

if TYPE_CHECKING:
    from types import TracebackType

    from genesis_config.testing.faults import Fault

__all__ = ["DEFAULT_MODEL", "FakeVLLM", "RecordedRequest", "UsageMode"]

UsageMode = Literal["requested", "continuous", "never"]

DEFAULT_MODEL: Final = ServedModel("tiny-llama", max_model_len=2048)

_SHUTDOWN_SECONDS: Final = 0.1

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it was sent, whether or not the response was an error.

    Attributes:
        method: The method, such as `POST`.
        path: The request target as sent, including the query.
        headers: Names and values in the order and case in which they were sent.
        body: The bytes of the body, without chunked framing.
    """

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        """Decode the body.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)


class FakeVLLM:
    """A vLLM-shaped server that listens within an `async with` block.

    The same requests in the same order get the same responses: ids come from a counter, `created` is fixed, and tokens
    are the pieces of the answer. Only the `Date` header depends on the time.

    Args:
        models: The models, in the order of the model list. A request without a model gets the first.
        api_key: The key that requests under `/v1` need; None if they need none.
        answer: The answer to every request. Several answers go to the choices of one request (`n`) in turn.
        usage: `requested` follows `stream_options`; `continuous` adds usage to every chunk of a stream if any usage
            was requested; `never` ignores `stream_options`.
        host: The IPv4 address to listen on.
        port: The port; 0 for any free port.
        chunk_delay: Seconds between the chunks of a stream.
        faults: The faults of the first chat request, the second, and so on; None for no fault. Requests after the last
            one have no fault. Use `itertools.repeat` for a fault in every request.

    Attributes:
        base_url: `http://HOST:PORT/v1`; empty until the server listens.
        requests: All requests so far, oldest first.
        aborted: The number of streams whose client disconnected before the last chunk was written.
    """

    def __init__(  # noqa: PLR0913  (properties of a server, all with defaults)
        self,
        models: Sequence[ServedModel] = (DEFAULT_MODEL,),
        *,
        api_key: str | None = None,
        answer: Answer | Sequence[Answer] = DEFAULT_ANSWER,
        usage: UsageMode = "requested",
        host: str = "127.0.0.1",
        port: int = 0,
        chunk_delay: float = 0.0,
        faults: Iterable[Fault | None] = (),
    ) -> None:
        self.base_url = ""
        self.requests: list[RecordedRequest] = []
        self.aborted = 0
        self._models = tuple(models)
        self._api_key = api_key
        self._answers = (answer,) if isinstance(answer, Answer) else tuple(answer)
        self._usage = usage
        self._address = (host, port)
        self._chunk_delay = chunk_delay
        self._faults = iter(faults)
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Start listening.

        Raises:
            OSError: The server cannot listen on the address.
        """
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, *self._address).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        host, port = runner.addresses[0]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening and close all connections, even in the middle of a stream."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        # 0: no size limit, since images make bodies large.
        application = web.Application(middlewares=[self._record, self._refuse], client_max_size=0)
        application.add_routes(
            [
                web.get("/v1/models", self._list_models, allow_head=False),
                web.post("/v1/chat/completions", self._chat),
                web.get("/health", self._health, allow_head=False),
                web.get("/version", self._version, allow_head=False),
            ]
        )
        application.on_response_prepare.append(_set_headers)
        return application

    @web.middleware
    async def _record(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Record the request, whatever the response will be."""
        headers = [(_wire_text(name), _wire_text(value)) for name, value in request.raw_headers]
        try:
            body = await request.read()
        except ConnectionError:  # The client disconnected before its request was complete.
            return web.Response()
        self.requests.append(RecordedRequest(request.method, request.raw_path, headers, body))
        return await handler(request)

    @web.middleware
    async def _refuse(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Require the key, only under `/v1` as vLLM does, and send every error in vLLM's format."""
        try:
            if request.path.startswith("/v1"):
                self._check_key(request)
            return await handler(request)
        except RefusedError as refusal:
            return _json_response(refusal.body, refusal.status)
        except web.HTTPException as error:  # Unknown path or wrong method.
            status = HTTPStatus(error.status)
            return _json_response(RefusedError(status, status.phrase).body, status)

    def _check_key(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if self._api_key is not None and (scheme.lower() != "bearer" or key != self._api_key):
            raise UnauthorizedError

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def _version(self, _request: web.Request) -> web.Response:
        return _json_response({"version": VERSION})

    async def _list_models(self, _request: web.Request) -> web.Response:
        return _json_response(model_list(self._models))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            message = "Unsupported Media Type: Only 'application/json' is allowed"
            raise RefusedError(HTTPStatus.BAD_REQUEST, message)
        chat = ChatRequest.parse(await request.read())
        fault = next(self._faults, None)
        if fault is not None and (response := await faults.respond(request, fault)) is not None:
            return response
        completion = self._completion(chat)
        if chat.stream:
            return await self._stream(request, completion.chunks(), fault)
        return _json_response(completion.body())

    def _completion(self, chat: ChatRequest) -> Completion:
        """Build the completion for a request.

        Raises:
            RefusedError: The model is unknown, or the token limit exceeds its window.
        """
        model = self._find_model(chat.model)
        self._check_window(model, chat.limit)
        named_tool = isinstance(chat.tool_choice, dict)
        include_usage, continuous_usage = (False, False) if self._usage == "never" else chat.usage
        choices = itertools.islice(itertools.cycle(self._answers), chat.n or 1)
        return Completion(
            id=f"chatcmpl-{next(self._numbers):016x}",
            model=model.id,
            answers=tuple(answer.limited(chat.limit).finished(named_tool=named_tool) for answer in choices),
            prompt_tokens=prompt_tokens(chat.messages),
            include_usage=include_usage,
            continuous_usage=continuous_usage or (include_usage and self._usage == "continuous"),
        )

    def _find_model(self, model_id: str | None) -> ServedModel:
        for model in self._models:
            if model_id in (None, model.id):
                return model
        valid = ", ".join(model.id for model in self._models)
        message = f"The model `{model_id}` does not exist. Valid aliases: {valid}."
        raise RefusedError(HTTPStatus.NOT_FOUND, message, kind="NotFoundError", param="model")

    def _check_window(self, model: ServedModel, limit: int | None) -> None:
        """Reject a token limit beyond the window, or the parent's window for an adapter. The prompt is not counted."""
        window = model.max_model_len
        if model.parent is not None:
            window = next((base.max_model_len for base in self._models if base.id == model.parent), None)
        if limit is not None and window is not None and limit > window:
            message = (
                f"max_tokens={limit} cannot be greater than max_model_len={window}. "
                f"Please request fewer output tokens. (parameter=max_tokens, value={limit})"
            )
            raise RefusedError(HTTPStatus.BAD_REQUEST, message, kind="BadRequestError", param="max_tokens")

    async def _stream(
        self, request: web.Request, chunks: list[dict[str, object]], fault: Fault | None
    ) -> web.StreamResponse:
        """Write the chunks and `[DONE]` as server-sent events, each in a separate write."""
        headers = {"Content-Type": "text/event-stream; charset=utf-8", **faults.headers(fault)}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        events = [b"data: " + data + b"\n\n" for data in (*map(msgspec.json.encode, chunks), b"[DONE]")]
        try:
            if fault is not None:
                await faults.write_stream(request, response, events, fault)
                return response
            for number, event in enumerate(events):
                if number and self._chunk_delay:
                    await asyncio.sleep(self._chunk_delay)
                await response.write(event)
        except ConnectionError:
            self.aborted += 1
        return response


async def _set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Hide library names and versions, and add the `Vary` header that vLLM sends with everything but a 401."""
    response.headers["Server"] = "genesis-testing"
    if response.status != HTTPStatus.UNAUTHORIZED:
        response.headers["Vary"] = "Origin"


def _json_response(body: dict[str, object], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _wire_text(raw: bytes) -> str:
    """Decode a header without loss: bytes that are not UTF-8 become lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")
