"""The runtime: a manifest in, streams of events out."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from genesis.manifest import Manifest, load
from genesis.runtime import transport
from genesis.runtime.decoder import StreamDecoder
from genesis.runtime.errors import CompletionError
from genesis.runtime.events import Completion, Usage
from genesis.runtime.request import Target, body, find, header_values
from genesis.runtime.usage import Totals, account

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from genesis.runtime.events import Event

__all__ = ["Runtime", "complete"]


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
        self._sessions: dict[str, aiohttp.ClientSession] = {}

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
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def stream(  # noqa: PLR0913 - a request's parts
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
        async for event in self._run(model, messages, max_tokens, params, tools, tool_choice, StreamDecoder()):
            yield event

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
        try:
            target = find(self.manifest, model)
            environment = os.environ if self._environment is None else self._environment
            headers, secrets = header_values(target, environment)
            fields, held_back = body(
                target.model, messages, params=params or {}, max_tokens=max_tokens, tools=tools, tool_choice=tool_choice
            )
            if isinstance(fields.get("n"), int):
                decoder.choices = fields["n"]
            async for events in self._receive(target, fields, headers, secrets, decoder):
                for event in events:
                    yield event
            if decoder.error is not None:
                raise decoder.error
        except CompletionError as error:
            _place(error, target, decoder, secrets)
            raise error from None
        usage = account(decoder.usage, target.model, _notes(decoder, held_back))
        reference = f"{target.provider_id}/{target.model.id}"
        for totals in (self.usage[""], self.usage.setdefault(reference, Totals())):
            totals.add(usage)
        yield usage

    async def _receive(
        self,
        target: Target,
        fields: Mapping[str, Any],
        headers: Mapping[str, str],
        secrets: Sequence[str],
        decoder: StreamDecoder,
    ) -> AsyncGenerator[list[Event], None]:
        """Give the events of each packet until the stream has ended or its error is known."""
        provider = target.provider
        url = f"{provider.base_url}/chat/completions"
        session = self._sessions.get(target.provider_id)
        if session is None:
            session = self._sessions[target.provider_id] = transport.connect(provider)
        try:
            async with asyncio.timeout(provider.timeout_seconds):
                response = await transport.send(session, url, fields, headers)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise transport.unreachable(url, error, provider) from None
        watchdog = transport.Watchdog(asyncio.get_running_loop(), response, provider.timeout_seconds)
        clock = asyncio.get_running_loop().time
        try:
            await transport.check(response, url, secrets)
            async for data in response.content.iter_any():
                watchdog.last = clock()
                yield decoder.feed(data)
                if decoder.done:
                    break
            yield decoder.finish()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            decoder.finish()
            if not decoder.finished:
                decoder.error = transport.lost(url, provider, stalled=watchdog.stalled)
            del error
        finally:
            watchdog.stop()
            # A stream that was read to its end gives its connection back; any other is closed at once, so that the
            # server notices and stops.
            if decoder.done and decoder.error is None and response.content.at_eof():
                response.release()
            else:
                response.close()


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


def _place(error: CompletionError, target: Target | None, decoder: StreamDecoder, secrets: Sequence[str]) -> None:
    """Fill in where an error happened and what had arrived, and take secrets out of its words."""
    error.args = (transport.scrub(str(error), secrets),)
    if target is not None:
        error.provider, error.model = target.provider_id, target.model.id
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
