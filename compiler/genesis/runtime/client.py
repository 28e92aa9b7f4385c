"""The runtime: a manifest in, streams of events out."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from genesis.manifest import Manifest, load, scrub
from genesis.runtime import transport
from genesis.runtime.decoder import StreamDecoder
from genesis.runtime.errors import CompletionError, TruncatedStreamError
from genesis.runtime.events import Completion, Usage
from genesis.runtime.request import Target, body, find, header_values
from genesis.runtime.usage import Totals, account

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from genesis.runtime.events import Event

__all__ = ["Runtime", "complete"]

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
    ) -> AsyncGenerator[Event, None]:
        """Stream one completion: deltas as they come, `Finish` for each choice, `Usage` at the end.

        Leaving the loop early closes the connection, so that the server stops generating.

        Args:
            model: `provider/model` or an alias; None is the manifest's primary.
            messages: As in the API: objects with `role` and `content`.
            max_tokens: Output tokens at most.
            params: More request fields, over those of the manifest.
            tools: As in the API.
            tool_choice: As in the API.

        Raises:
            CompletionError: A subclass says what went wrong; it carries what had arrived by then.
        """
        # The generator itself, and none around it: each costs every event a turn, and leaving early closes one only.
        return self._run(model, messages, max_tokens, params, tools, tool_choice, StreamDecoder())

    async def complete(  # noqa: PLR0913 - a request's parts
        self,
        model: str | None,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int | None = None,
        params: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
    ) -> Completion:
        """Give a whole completion. It is streamed all the same, so that an error carries what had arrived.

        Takes and raises the same as `stream`.
        """
        decoder = StreamDecoder()
        usage = Usage()
        async for event in self._run(model, messages, max_tokens, params, tools, tool_choice, decoder):
            if isinstance(event, Usage):
                usage = event
        target = find(self.manifest, model)
        answers = [decoder.answers[index] for index in sorted(decoder.answers)]
        return Completion(
            provider=target.provider_id,
            model=target.model.id,
            texts=tuple(answer.text for answer in answers),
            reasoning=answers[0].reasoning,
            tool_calls=answers[0].tool_calls,
            finish_reasons=tuple(answer.finish_reason or "" for answer in answers),
            usage=usage,
        )

    async def _run(  # noqa: PLR0913 - a request's parts
        self,
        model: str | None,
        messages: Sequence[Mapping[str, Any]],
        max_tokens: int | None,
        params: Mapping[str, Any] | None,
        tools: Sequence[Mapping[str, Any]] | None,
        tool_choice: str | Mapping[str, Any] | None,
        decoder: StreamDecoder,
    ) -> AsyncGenerator[Event, None]:
        """Send the request, and hand out what `decoder` makes of the answer."""
        target: Target | None = None
        secrets: tuple[str, ...] = ()
        reply: transport.Reply | None = None
        try:
            target = find(self.manifest, model)
            environment = os.environ if self._environment is None else self._environment
            headers, secrets = header_values(target, environment)
            fields, held_back = body(
                target.model, messages, params=params or {}, max_tokens=max_tokens, tools=tools, tool_choice=tool_choice
            )
            if isinstance(fields.get("n"), int):
                decoder.choices = fields["n"]
            reply = await self._connections_to(target).send(fields, headers)
            await reply.check()
            while not decoder.done:
                data = await reply.read()
                for event in decoder.feed(data) if data else decoder.finish():
                    yield event
            if decoder.error is not None:
                cut_off = reply.broken and isinstance(decoder.error, TruncatedStreamError)
                raise reply.lost() if cut_off else decoder.error
            await reply.settle()
        except CompletionError as error:
            _place(error, target, reply, decoder, secrets)
            raise
        finally:
            if reply is not None:
                reply.close()
        usage = account(decoder.usage, target.model, _notes(decoder, held_back))
        reference = f"{target.provider_id}/{target.model.id}"
        for totals in (self.usage[""], self.usage.setdefault(reference, Totals())):
            totals.add(usage)
        yield usage

    def _connections_to(self, target: Target) -> transport.Connections:
        """Give the connections to the target's provider."""
        if self._closed:
            raise RuntimeError("the Runtime is closed")
        connections = self._connections.get(target.provider_id)
        if connections is None:
            connections = self._connections[target.provider_id] = transport.Connections(target.provider)
        return connections


def complete(
    manifest: Manifest | str | os.PathLike[str],
    model: str | None,
    messages: Sequence[Mapping[str, Any]],
    **options: Any,
) -> Completion:
    """Give a whole completion, without asynchronous code around it; `options` as for `Runtime.complete`.

    Raises:
        genesis.manifest.ManifestError: The file cannot be used.
        CompletionError: What went wrong.
    """

    async def run() -> Completion:
        loaded = manifest if isinstance(manifest, Manifest) else load(os.fspath(manifest))
        async with Runtime(loaded) as runtime:
            return await runtime.complete(model, messages, **options)

    return asyncio.run(run())


def _place(
    error: CompletionError,
    target: Target | None,
    reply: transport.Reply | None,
    decoder: StreamDecoder,
    secrets: Sequence[str],
) -> None:
    """Fill in where an error happened and what had arrived. Its words are cut after secrets are out of them."""
    # What it was made from is a library's, and holds the request with its key.
    error.__context__ = None
    error.args = (scrub(str(error), secrets)[:_LONGEST_MESSAGE],)
    if target is not None:
        error.provider, error.model = target.provider_id, target.model.id
    if reply is not None:
        error.status = reply.status
    answer = decoder.answers[0]
    error.text, error.reasoning, error.tool_calls = answer.text, answer.reasoning, answer.tool_calls


def _notes(decoder: StreamDecoder, held_back: Sequence[str]) -> tuple[str, ...]:
    """Say what is worth knowing of a completion that succeeded."""
    answer = decoder.answers[0]
    notes = []
    if held_back:
        notes.append(f"not sent, since they belong to the native OpenAI endpoint: {', '.join(held_back)}")
    if decoder.usage is None:
        notes.append("the server sent no usage")
    if answer.reasoning_pieces and not answer.text_pieces and not answer.tool_calls:
        notes.append("the answer is reasoning only")
    return tuple(notes)
