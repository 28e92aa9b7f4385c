"""The client: completions from the providers of a manifest."""

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
from genesis_config.runtime.usage import Totals, context_warning

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence

    from genesis_config.net.transport import Transport
    from genesis_config.runtime.events import Completion, Event
    from genesis_config.runtime.reply import Reply
    from genesis_config.runtime.request import Target

__all__ = ["Runtime"]


class Runtime:
    """A client that streams completions from the providers of a manifest.

    Streams share connections. Secrets are looked up for each request and not stored.

    Attributes:
        manifest: The manifest.
        usage: The total usage of all completions, by `provider/model`; the grand total is under `""`.
    """

    def __init__(
        self, manifest: Manifest, *, environment: Mapping[str, str] | None = None, transport: Transport | None = None
    ) -> None:
        """Create a runtime from a manifest in memory.

        Args:
            manifest: The manifest, from `genesis_config.manifest` or the compiler.
            environment: The variables to look up secrets in; None uses the process's environment at each request.
            transport: The transport for requests, closed together with the Runtime. None uses HTTP, through the proxies
                that the environment sets. A custom one can replay recorded streams in tests or reach a server in
                another way; see `Transport`.
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
        """Open a runtime for the manifest file at `path`, and close it at the end. Takes the options of the class.

        Raises:
            genesis_config.manifest.ManifestError: The manifest cannot be read or is not valid.
        """
        async with cls(load(os.fspath(path)), environment=environment, transport=transport) as runtime:
            yield runtime

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Running and waiting streams end with a `RuntimeClosedError`."""
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
        """Stream one completion: deltas as they arrive, `Finish` for each choice, and `Usage` at the end.

        Leaving the loop early closes the connection, so that the server stops generating. A stream that you keep in a
        variable stays open until you call `aclose()`: wrap the loop in `contextlib.aclosing`.

        Before the first event, a request to an overloaded or failing server is retried twice. Then, if no model was
        named, the manifest's fallbacks are tried in order, each announced by a `FellBack` event. After the first event,
        nothing is sent again.

        Args:
            model: `provider/model` or an alias; None uses the manifest's primary, and then its fallbacks.
            messages: Objects with `role` and `content`, as in the API.
            max_tokens: The maximum number of output tokens.
            params: Request fields that override the manifest's: `response_format`, `n`, `stop`, `seed`, `logprobs`,
                `chat_template_kwargs`, or any other field that the server accepts. The fields of an `extra_body` become
                fields of the request.
            tools: The tools, as in the API.
            tool_choice: The tool choice, as in the API.
            deadline: The maximum number of seconds for the whole completion, including retries and fallbacks.

        Raises:
            CompletionError: The completion failed. The error carries the partial output and the earlier attempts.
        """
        # Return the generator itself: a wrapper would cost every event a step, and leaving early closes only one.
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
        """Return a whole completion. It is streamed internally, so that an error carries the partial output.

        The arguments and errors are those of `stream`. `on_event` is called with each event of the stream.
        """
        run = Run(model, messages, max_tokens, params or {}, tools, tool_choice, deadline)
        usage = Usage()
        async for event in self._run(run):
            if on_event is not None:
                on_event(event)
            if isinstance(event, Usage):
                usage = event
        return run.build_completion(usage)

    async def _run(self, run: Run) -> AsyncGenerator[Event, None]:
        """Try the models in order, and yield the events of the first one that responds."""
        deadline = Deadline(run.deadline)
        references = self._models_to_try(run.model)
        usage: Usage | None = None
        while usage is None:
            run.start_attempt()
            decoder = run.decoder
            step: float | Literal["next"] | None = None
            try:
                reply = await self._open_stream(run, references[0], deadline)
                while not decoder.done:
                    try:
                        data = await reply.read()
                    except (TransportError, OSError) as error:
                        data = reply.record_failure(error)
                    for event in decoder.feed(data) if data else decoder.finish():
                        if not run.has_output:
                            run.mark_output()
                        yield event
                run.check_complete()
                await reply.drain()
                usage = run.record_success()
            except CompletionError as error:
                step = self._handle_failure(run, error, deadline, has_fallback=len(references) > 1)
            finally:
                run.close()
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif step == "next":
                references = references[1:]
                failed = run.attempts[-1]
                yield FellBack(failed.model, references[0] or "", failed.error, failed.message, failed.status)
        for event in self._final_events(run, usage):
            yield event

    def _final_events(self, run: Run, usage: Usage) -> Iterator[Event]:
        """Add the usage to the totals, and yield the last events of the completion."""
        for totals in self._totals_of(run):
            totals.add(usage)
        warning = context_warning(usage, run.found_target.model)
        if warning is not None:
            yield warning
        yield usage

    def _handle_failure(
        self, run: Run, error: CompletionError, deadline: Deadline, *, has_fallback: bool
    ) -> float | Literal["next"]:
        """Count a failed request, and return the next step: the seconds until a retry, or the next model.

        Raises:
            CompletionError: There is no next step.
        """
        step = run.record_failure(error, deadline, has_fallback=has_fallback)
        self._count_failure(run, error.usage, is_final=step is None)
        if step is None:
            raise error
        return step

    def _count_failure(self, run: Run, usage: Usage | None, *, is_final: bool) -> None:
        """Add the usage of a failed request to the totals, and count the completion as failed if it `is_final`."""
        if is_final or usage is not None:
            for totals in self._totals_of(run):
                totals.add_failure(usage, is_final=is_final)

    def _totals_of(self, run: Run) -> list[Totals]:
        """Return the totals that a request counts toward: the grand total, and its model's if it was found."""
        return [self.usage.setdefault(reference, Totals()) for reference in {"", run.reference}]

    async def _open_stream(self, run: Run, reference: str | None, deadline: Deadline) -> Reply:
        """Send the request to a model, and return the reply after checking that it is a stream."""
        fields, headers = self._build_request(run, reference)
        run.operation = Operation(run.found_target, fields)
        run.reply = await self._connections_for(run.found_target).send(fields, headers, deadline)
        await run.reply.check(run.found_target)
        return run.reply

    def _models_to_try(self, model: str | None) -> tuple[str | None, ...]:
        """Return the models to try, in order: the named one, or the manifest's selection."""
        selection = self.manifest.selection
        return (selection.primary, *selection.fallbacks) if model is None else (model,)

    def _build_request(self, run: Run, reference: str | None) -> tuple[dict[str, object], dict[str, str]]:
        """Return the body and the headers of the request to a model."""
        run.target = target = find_model(self.manifest, reference)
        environment = os.environ if self._environment is None else self._environment
        headers, run.secrets = build_headers(target, environment)
        fields, run.request_notes = build_body(
            target.model,
            run.messages,
            params=run.params,
            max_tokens=run.max_tokens,
            tools=run.tools,
            tool_choice=run.tool_choice,
        )
        if isinstance(choices := fields.get("n"), int):
            run.decoder.expected_choices = choices
        return fields, headers

    def _connections_for(self, target: Target) -> Connections:
        """Return the connections to the provider of a model."""
        if self._closed:
            raise closed_error()
        loop = asyncio.get_running_loop()
        if self._loop not in {None, loop}:
            raise RuntimeClosedError(
                "the Runtime was used from a different event loop than the one it was opened in",
                help="open a Runtime in each event loop, or use `genesis_config.runtime.complete`",
            )
        self._loop = loop
        connections = self._connections.get(target.provider_id)
        if connections is None:
            connections = self._connections[target.provider_id] = Connections(target.provider, self._transport)
        return connections
