"""The runtime: a manifest in, streams of events out."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from genesis.manifest import Manifest, load, scrub
from genesis.runtime import transport
from genesis.runtime.deadline import Deadline
from genesis.runtime.decoder import StreamDecoder
from genesis.runtime.errors import CompletionError, TruncatedStreamError
from genesis.runtime.events import Attempt, Completion, FellBack, Usage
from genesis.runtime.failover import after
from genesis.runtime.request import Target, body, find, header_values
from genesis.runtime.usage import Totals, account

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from genesis.runtime.events import Event

__all__ = ["Runtime"]

_LONGEST_MESSAGE: Final = 600  # characters; a server may say a great deal


class Runtime:
    """Streams completions from the providers of a manifest.

    Connections are kept and shared between streams; secrets are looked up when a request is made, and not kept.

    Attributes:
        manifest: What it was opened with.
        usage: What all completions used together, by `provider/model`, and in all under `""`.
    """

    def __init__(self, manifest: Manifest, *, environment: Mapping[str, str] | None = None) -> None:
        """Use a manifest that is in memory.

        Args:
            manifest: From `genesis.manifest` or the compiler.
            environment: Where variables are looked up; None is the process's environment at the time of each request.
        """
        self.manifest = manifest
        self.usage: dict[str, Totals] = {"": Totals()}
        self._environment = environment
        self._connections: dict[str, transport.Connections] = {}
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: str | os.PathLike[str], *, environment: Mapping[str, str] | None = None
    ) -> AsyncIterator[Self]:
        """Read the manifest file at `path`, and close all connections at the end.

        Raises:
            genesis.manifest.ManifestError: The file cannot be used.
        """
        async with cls(load(os.fspath(path)), environment=environment) as runtime:
            yield runtime

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Streams that still run end with an error."""
        self._closed = True
        for connections in self._connections.values():
            await connections.close()

    def stream(  # noqa: PLR0913 - a request's parts
        self,
        model: str | None,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int | None = None,
        params: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Stream one completion: deltas as they come, `Finish` for each choice, `Usage` at the end.

        Leaving the loop early closes the connection, so that the server stops generating. Until the first of these
        events came, a server that is overloaded or fails is asked again, twice, and then, if no model was named, the
        manifest's fallbacks are tried in order: each with a `FellBack` event. After that nothing is replayed.

        Args:
            model: `provider/model` or an alias; None is the manifest's primary, and then its fallbacks.
            messages: As in the API: objects with `role` and `content`.
            max_tokens: Output tokens at most.
            params: More request fields, over those of the manifest.
            tools: As in the API.
            tool_choice: As in the API.
            deadline: Seconds that all of it may take, retries and fallbacks included.

        Raises:
            CompletionError: A subclass says what went wrong; it carries what had arrived by then, and what was tried.
        """
        # The generator itself, and none around it: each costs every event a turn, and leaving early closes one only.
        return self._run(_Run(model, messages, max_tokens, params or {}, tools, tool_choice, deadline))

    async def complete(  # noqa: PLR0913 - a request's parts
        self,
        model: str | None,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int | None = None,
        params: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        deadline: float | None = None,
    ) -> Completion:
        """Give a whole completion. It is streamed all the same, so that an error carries what had arrived.

        Takes and raises the same as `stream`.
        """
        run = _Run(model, messages, max_tokens, params or {}, tools, tool_choice, deadline)
        usage = Usage()
        async for event in self._run(run):
            if isinstance(event, Usage):
                usage = event
        assert run.target is not None
        answers = [run.decoder.answers[index] for index in sorted(run.decoder.answers)]
        return Completion(
            provider=run.target.provider_id,
            model=run.target.model.id,
            texts=tuple(answer.text for answer in answers),
            reasoning=answers[0].reasoning,
            tool_calls=answers[0].tool_calls,
            finish_reasons=tuple(answer.finish_reason or "" for answer in answers),
            usage=usage,
            attempts=tuple(run.attempts),
        )

    async def _run(self, run: _Run) -> AsyncGenerator[Event, None]:
        """Try the models in turn, and hand out what comes of the first that answers."""
        deadline = Deadline(run.deadline)
        references = self._references(run.model)
        tries = 0
        while True:
            reply: transport.Reply | None = None
            begun = False
            run.begin()
            decoder = run.decoder
            try:
                fields, headers = self._request(run, references[0])
                reply = await self._connections_to(run).send(fields, headers, deadline)
                await reply.check()
                while not decoder.done:
                    data = await reply.read()
                    for event in decoder.feed(data) if data else decoder.finish():
                        begun = True
                        yield event
                if decoder.error is not None:
                    cut_off = reply.broken and isinstance(decoder.error, TruncatedStreamError)
                    raise reply.lost() if cut_off else decoder.error
                await reply.settle()
                break
            except CompletionError as error:
                _place(error, run, reply)
                next_ = None if begun else after(error, tries, more=len(references) > 1)
                if next_ is None or (isinstance(next_, float) and deadline.passes(next_)):
                    error.attempts = tuple(run.attempts)
                    raise
                failed = run.failed(error)
            finally:
                if reply is not None:
                    reply.close()
            if isinstance(next_, float):
                tries += 1
                await asyncio.sleep(next_)
            else:
                tries = 0
                references = references[1:]
                yield FellBack(failed.model, references[0] or "", failed.message, failed.status)
        assert run.target is not None
        usage = account(decoder.usage, run.target.model, _notes(run))
        for totals in (self.usage[""], self.usage.setdefault(run.reference, Totals())):
            totals.add(usage)
        yield usage

    def _references(self, model: str | None) -> tuple[str | None, ...]:
        """List the models to try, in order: the one that is named, or the manifest's selection."""
        selection = self.manifest.selection
        return (selection.primary, *selection.fallbacks) if model is None else (model,)

    def _request(self, run: _Run, reference: str | None) -> tuple[dict[str, Any], dict[str, str]]:
        """Make the body and the headers of the request to a model."""
        run.target = target = find(self.manifest, reference)
        environment = os.environ if self._environment is None else self._environment
        headers, run.secrets = header_values(target, environment)
        fields, run.held_back = body(
            target.model,
            run.messages,
            params=run.params,
            max_tokens=run.max_tokens,
            tools=run.tools,
            tool_choice=run.tool_choice,
        )
        if isinstance(fields.get("n"), int):
            run.decoder.choices = fields["n"]
        return fields, headers

    def _connections_to(self, run: _Run) -> transport.Connections:
        """Give the connections to the provider of the model that is tried."""
        target = run.target
        assert target is not None
        if self._closed:
            raise RuntimeError("the Runtime is closed")
        connections = self._connections.get(target.provider_id)
        if connections is None:
            connections = self._connections[target.provider_id] = transport.Connections(target.provider)
        return connections


class _Run:
    """One completion: what the caller asked for, and how far it came."""

    __slots__ = (
        "attempts",
        "deadline",
        "decoder",
        "held_back",
        "max_tokens",
        "messages",
        "model",
        "params",
        "secrets",
        "target",
        "tool_choice",
        "tools",
    )

    def __init__(  # noqa: PLR0913 - a request's parts
        self,
        model: str | None,
        messages: Sequence[Mapping[str, Any]],
        max_tokens: int | None,
        params: Mapping[str, Any],
        tools: Sequence[Mapping[str, Any]] | None,
        tool_choice: str | Mapping[str, Any] | None,
        deadline: float | None,
    ) -> None:
        """Take what `Runtime.stream` takes."""
        self.model = model
        self.messages = messages
        self.max_tokens = max_tokens
        self.params = params
        self.tools = tools
        self.tool_choice = tool_choice
        self.deadline = deadline
        self.attempts: list[Attempt] = []
        self.begin()

    def begin(self) -> None:
        """Begin a try."""
        self.target: Target | None = None
        self.secrets: tuple[str, ...] = ()
        self.held_back: tuple[str, ...] = ()
        self.decoder = StreamDecoder()

    @property
    def reference(self) -> str:
        """The model that is tried, as `provider/model`; empty where there is none."""
        return f"{self.target.provider_id}/{self.target.model.id}" if self.target is not None else ""

    def failed(self, error: CompletionError) -> Attempt:
        """Take note of a try that failed."""
        attempt = Attempt(self.reference, type(error).__name__, str(error), error.status)
        self.attempts.append(attempt)
        return attempt


def _place(error: CompletionError, run: _Run, reply: transport.Reply | None) -> None:
    """Fill in where an error happened and what had arrived. Its words are cut after secrets are out of them."""
    # What it was made from is a library's, and holds the request with its key.
    error.__context__ = None
    error.args = (scrub(str(error), run.secrets)[:_LONGEST_MESSAGE],)
    if run.target is not None:
        error.provider, error.model = run.target.provider_id, run.target.model.id
    if reply is not None:
        error.status = reply.status
    answer = run.decoder.answers[0]
    error.text, error.reasoning, error.tool_calls = answer.text, answer.reasoning, answer.tool_calls


def _notes(run: _Run) -> tuple[str, ...]:
    """Say what is worth knowing of a completion that succeeded."""
    answer = run.decoder.answers[0]
    notes = []
    if run.held_back:
        notes.append(f"not sent, since they belong to the native OpenAI endpoint: {', '.join(run.held_back)}")
    again = sum(attempt.model == run.reference for attempt in run.attempts)
    if again:
        notes.append(f"tried {again + 1} times: {run.attempts[-1].message}")
    if run.decoder.usage is None:
        notes.append("the server sent no usage")
    if answer.reasoning_pieces and not answer.text_pieces and not answer.tool_calls:
        notes.append("the answer is reasoning only")
    return tuple(notes)
