"""A server with the face of vLLM 0.32.0: `/v1/models`, `/v1/chat/completions`, `/health`, `/version`.

It listens on a port of this machine, answers with fixed text and keeps every request for assertions on the wire.
A chat request is read by `ChatRequest.parse`, turned into a `Completion` by `_completion`, whose `chunks` are the
whole stream as a list; `_stream` writes that list and does nothing else.
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
    """One request as it came over the wire, answered with an error or not.

    Attributes:
        method: Such as `POST`.
        path: The request's target as sent, with its query.
        headers: Names and values in the order and the case in which they were sent.
        body: The body's bytes, without the framing of chunks.
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
    """A vLLM-shaped server that runs within `async with`; outside of it nothing listens.

    Equal requests in equal order get equal answers: ids come from a counter, `created` is fixed, counts of tokens
    come from the pieces of the answer. The `Date` header alone tells the time.

    Args:
        models: What is served, in the order of the list. A request without a model gets the first.
        api_key: The key that requests under `/v1` must bear; None lets everyone in.
        answer: What every request is answered with. Several answers go to the choices of one request (`n`) in turn.
        usage: `requested` does what `stream_options` ask for; `continuous` adds usage to every chunk of a stream for
            which any was asked; `never` is a server that ignores the option.
        host: The IPv4 address to listen on.
        port: The port; 0 takes a free one.
        chunk_delay: Seconds between two chunks of a stream.
        faults: What goes wrong with the first chat request, the second, and so on; None is nothing, as is the end of
            them. `itertools.repeat` makes all go wrong.

    Attributes:
        base_url: `http://HOST:PORT/v1`; empty before the server listens.
        requests: Every request so far, oldest first.
        aborted: How many streams lost their client before their last chunk was written.
    """

    def __init__(  # noqa: PLR0913  (each is a property of a server, and all have defaults)
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
        """Start to listen.

        Raises:
            OSError: The address cannot be listened on.
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
        """Stop to listen and close every connection, in the midst of a stream too."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        # 0: bodies of any size, as images make them.
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
        """Keep the request, whatever it is answered with."""
        headers = [(_wire_text(name), _wire_text(value)) for name, value in request.raw_headers]
        try:
            body = await request.read()
        except ConnectionError:  # The client left in the midst of its request: there is nothing to keep or to answer.
            return web.Response()
        self.requests.append(RecordedRequest(request.method, request.raw_path, headers, body))
        return await handler(request)

    @web.middleware
    async def _refuse(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Ask for the key, under `/v1` alone as vLLM does, and answer every refusal in vLLM's shape."""
        try:
            if request.path.startswith("/v1"):
                self._check_key(request)
            return await handler(request)
        except RefusedError as refusal:
            return _json_response(refusal.body, refusal.status)
        except web.HTTPException as error:  # No such path, or not with this method.
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
        if fault is not None and (wrong := await faults.answer(request, fault)) is not None:
            return wrong
        completion = self._completion(chat)
        if chat.stream:
            return await self._stream(request, completion.chunks(), fault)
        return _json_response(completion.whole())

    def _completion(self, chat: ChatRequest) -> Completion:
        """Settle what is answered.

        Raises:
            RefusedError: The model is unknown, or the limit exceeds its window.
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
        """Refuse a limit past the window; an adapter's is its parent's. Only the limit counts, as far as recorded."""
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
        """Write the chunks as server-sent events, each in a write of its own, and `[DONE]`."""
        headers = {"Content-Type": "text/event-stream; charset=utf-8", **faults.headers(fault)}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        events = [b"data: " + data + b"\n\n" for data in (*map(msgspec.json.encode, chunks), b"[DONE]")]
        try:
            if fault is not None:
                await faults.write(request, response, events, fault)
                return response
            for number, event in enumerate(events):
                if number and self._chunk_delay:
                    await asyncio.sleep(self._chunk_delay)
                await response.write(event)
        except ConnectionError:
            self.aborted += 1
        return response


async def _set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Name no library and no version, and send the `Vary` that vLLM sends on everything but a 401."""
    response.headers["Server"] = "genesis-testing"
    if response.status != HTTPStatus.UNAUTHORIZED:
        response.headers["Vary"] = "Origin"


def _json_response(body: dict[str, object], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _wire_text(raw: bytes) -> str:
    """Decode a header without a loss: what is not UTF-8 stays as lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")
