"""The runtime: a manifest in, streams of events out."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, Self

from genesis_config.manifest import Manifest, load
from genesis_config.net.causes import TransportError
from genesis_config.net.sessions import HttpTransport
from genesis_config.runtime.connections import Connections
from genesis_config.runtime.deadline import Deadline
from genesis_config.runtime.errors import CompletionError, RuntimeClosedError, closed_error
from genesis_config.runtime.events import FellBack, Usage
from genesis_config.runtime.request import build_body, build_headers, find_model
from genesis_config.runtime.run import Run
from genesis_config.runtime.telemetry import Operation
from genesis_config.runtime.usage import Totals, warning

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence

    from genesis_config.net.transport import Transport
    from genesis_config.runtime.events import Completion, Event
    from genesis_config.runtime.reply import Reply

__all__ = ["Runtime"]


class Runtime:
    """Streams completions from the providers of a manifest.

    Connections are kept and shared between streams; secrets are looked up when a request is made, and not kept.

    Attributes:
        manifest: What it was opened with.
        usage: What all completions used together, by `provider/model`, and in all under `""`.
    """

    def __init__(
        self, manifest: Manifest, *, environment: Mapping[str, str] | None = None, transport: Transport | None = None
    ) -> None:
        """Use a manifest that is in memory.

        Args:
            manifest: From `genesis_config.manifest` or the compiler.
            environment: Where variables are looked up; None is the process's environment at the time of each request.
            transport: What carries requests, and is closed with the Runtime; None is HTTP, through the proxies that the
                environment names. Another one replays recorded streams in tests, without a socket, or reaches a server
                in its own way: see `Transport`.
        """
        self.manifest = manifest
        self.usage: dict[str, Totals] = {"": Totals()}
        self._environment = environment
        self._transport: Transport = HttpTransport() if transport is None else transport
        self._connections: dict[str, Connections] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: str | os.PathLike[str],
        *,
        environment: Mapping[str, str] | None = None,
        transport: Transport | None = None,
    ) -> AsyncIterator[Self]:
        """Read the manifest file at `path`, and close all connections at the end. Takes what the class takes.

        Raises:
            genesis_config.manifest.ManifestError: The file cannot be used.
        """
        async with cls(load(os.fspath(path)), environment=environment, transport=transport) as runtime:
            yield runtime

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Streams that still run, or wait, end with a `RuntimeClosedError`."""
        self._closed = True
        for connections in self._connections.values():
            connections.close()
        await self._transport.close()

    def stream(  # noqa: PLR0913 - a request's parts
        self,
        model: str | None,
        messages: Sequence[Mapping[str, object]],
        *,
        max_tokens: int | None = None,
        params: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, object]] | None = None,
        tool_choice: str | Mapping[str, object] | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Stream one completion: deltas as they come, `Finish` for each choice, `Usage` at the end.

        Leaving the loop early closes the connection, so that the server stops generating. A stream that a variable
        holds is closed by `aclose()` alone: put `contextlib.aclosing` around it. Until the first of these
        events came, a server that is overloaded or fails is asked again, twice, and then, if no model was named, the
        manifest's fallbacks are tried in order: each with a `FellBack` event. After that nothing is replayed.

        Args:
            model: `provider/model` or an alias; None is the manifest's primary, and then its fallbacks.
            messages: As in the API: objects with `role` and `content`.
            max_tokens: Output tokens at most.
            params: More request fields, over those of the manifest: `response_format`, `n`, `stop`, `seed`, `logprobs`,
                `chat_template_kwargs`, whatever the server takes. The fields of an `extra_body` are sent as such.
            tools: As in the API.
            tool_choice: As in the API.
            deadline: Seconds that all of it may take, retries and fallbacks included.

        Raises:
            CompletionError: A subclass says what went wrong; it carries what had arrived by then, and what was tried.
        """
        # The generator itself, and none around it: each costs every event a turn, and leaving early closes one only.
        return self._run(Run(model, messages, max_tokens, params or {}, tools, tool_choice, deadline))

    async def complete(  # noqa: PLR0913 - a request's parts
        self,
        model: str | None,
        messages: Sequence[Mapping[str, object]],
        *,
        max_tokens: int | None = None,
        params: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, object]] | None = None,
        tool_choice: str | Mapping[str, object] | None = None,
        deadline: float | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Completion:
        """Give a whole completion. It is streamed all the same, so that an error carries what had arrived.

        Takes and raises the same as `stream`; `on_event` is called with each event that a stream would give.
        """
        run = Run(model, messages, max_tokens, params or {}, tools, tool_choice, deadline)
        usage = Usage()
        async for event in self._run(run):
            if on_event is not None:
                on_event(event)
            if isinstance(event, Usage):
                usage = event
        return run.completion(usage)

    async def _run(self, run: Run) -> AsyncGenerator[Event, None]:
        """Try the models in turn, and hand out what comes of the first that answers."""
        deadline = Deadline(run.deadline)
        references = self._references(run.model)
        usage: Usage | None = None
        while usage is None:
            run.begin()
            decoder = run.decoder
            step: float | Literal["next"] | None = None
            try:
                reply = await self._open_stream(run, references[0], deadline)
                while not decoder.done:
                    try:
                        data = await reply.read()
                    except (TransportError, OSError) as error:
                        data = reply.broke(error)
                    for event in decoder.feed(data) if data else decoder.finish():
                        if not run.begun:
                            run.first()
                        yield event
                run.check_end()
                await reply.settle()
                usage = run.succeeded()
            except CompletionError as error:
                step = self._next_step(run, error, deadline, more=len(references) > 1)
            finally:
                run.close()
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif step == "next":
                references = references[1:]
                failed = run.attempts[-1]
                yield FellBack(failed.model, references[0] or "", failed.error, failed.message, failed.status)
        for event in self._counted(run, usage):
            yield event

    def _counted(self, run: Run, usage: Usage) -> Iterator[Event]:
        """Add up what a completion used, and give the events that end it."""
        for totals in self._totals(run):
            totals.add(usage)
        full = warning(usage, run.found.model)
        if full is not None:
            yield full
        yield usage

    def _next_step(
        self, run: Run, error: CompletionError, deadline: Deadline, *, more: bool
    ) -> float | Literal["next"]:
        """Count a request that failed, and return what follows: a wait before it is sent again, or the next model.

        Raises:
            CompletionError: Nothing follows.
        """
        step = run.failed(error, deadline, more=more)
        self._count_failed(run, error.usage, ended=step is None)
        if step is None:
            raise error
        return step

    def _count_failed(self, run: Run, usage: Usage | None, *, ended: bool) -> None:
        """Add up what a request that failed had used, and the completion if it `ended` with that."""
        if ended or usage is not None:
            for totals in self._totals(run):
                totals.add_failed(usage, ended=ended)

    def _totals(self, run: Run) -> list[Totals]:
        """Give the sums that a request counts in: those of all, and those of its model, where there is one."""
        return [self.usage.setdefault(reference, Totals()) for reference in {"", run.reference}]

    async def _open_stream(self, run: Run, reference: str | None, deadline: Deadline) -> Reply:
        """Send the request to a model, and return the reply once it is known to be a stream."""
        fields, headers = self._request(run, reference)
        run.operation = Operation(run.found, fields)
        run.reply = await self._connections_to(run).send(fields, headers, deadline)
        await run.reply.check(run.found)
        return run.reply

    def _references(self, model: str | None) -> tuple[str | None, ...]:
        """List the models to try, in order: the one that is named, or the manifest's selection."""
        selection = self.manifest.selection
        return (selection.primary, *selection.fallbacks) if model is None else (model,)

    def _request(self, run: Run, reference: str | None) -> tuple[dict[str, object], dict[str, str]]:
        """Make the body and the headers of the request to a model."""
        run.target = target = find_model(self.manifest, reference)
        environment = os.environ if self._environment is None else self._environment
        headers, run.secrets = build_headers(target, environment)
        fields, run.held_back = build_body(
            target.model,
            run.messages,
            params=run.params,
            max_tokens=run.max_tokens,
            tools=run.tools,
            tool_choice=run.tool_choice,
        )
        if isinstance(choices := fields.get("n"), int):
            run.decoder.choices = choices
        return fields, headers

    def _connections_to(self, run: Run) -> Connections:
        """Return the connections to the provider of the model that is tried."""
        target = run.found
        if self._closed:
            raise closed_error()
        loop = asyncio.get_running_loop()
        if self._loop not in {None, loop}:
            raise RuntimeClosedError(
                "the Runtime was used from a different event loop than the one it was opened in",
                help="open a Runtime in each loop that `asyncio.run` makes, or use `genesis_config.runtime.complete`",
            )
        self._loop = loop
        connections = self._connections.get(target.provider_id)
        if connections is None:
            connections = self._connections[target.provider_id] = Connections(target.provider, self._transport)
        return connections
