"""An editor for tests of the language server: the client of pygls and the messages that it received."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from tests.e2e.support import COMMAND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

PUBLISHING = lsp.PublishDiagnosticsClientCapabilities(
    related_information=True,
    code_description_support=True,
    tag_support=lsp.ClientDiagnosticsTagOptions([lsp.DiagnosticTag.Unnecessary]),
)
ALL_CAPABILITIES = lsp.ClientCapabilities(
    text_document=lsp.TextDocumentClientCapabilities(
        publish_diagnostics=PUBLISHING,
        completion=lsp.CompletionClientCapabilities(
            completion_item=lsp.ClientCompletionItemOptions(snippet_support=True)
        ),
    ),
    workspace=lsp.WorkspaceClientCapabilities(
        workspace_edit=lsp.WorkspaceEditClientCapabilities(document_changes=True),
        did_change_watched_files=lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
    ),
)


class Editor:
    """A client with a directory of files and the messages that it received."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = LanguageClient("editor", "1")
        self.shown: dict[str, list[lsp.Diagnostic]] = {}
        self.published: list[lsp.PublishDiagnosticsParams] = []
        self.messages: list[str] = []
        self.registered: list[str] = []
        self.received: list[str] = []
        self.changed = asyncio.Condition()
        self.texts: dict[str, str] = {}
        self.capabilities = lsp.ServerCapabilities()
        self.version = 0
        self._listen()

    def _listen(self) -> None:
        structure = self.client.protocol.structure_message

        def recording(data: dict[str, Any]) -> Any:
            self.received.append(repr(data))
            return structure(data)

        self.client.protocol.structure_message = recording  # type: ignore[method-assign]

        async def publish(params: lsp.PublishDiagnosticsParams) -> None:
            async with self.changed:
                self.published.append(params)
                self.shown[params.uri] = list(params.diagnostics)
                self.changed.notify_all()

        async def log(params: lsp.LogMessageParams | lsp.ShowMessageParams) -> None:
            async with self.changed:
                self.messages.append(params.message)
                self.changed.notify_all()

        async def register(params: lsp.RegistrationParams) -> None:
            async with self.changed:
                self.registered += [registration.method for registration in params.registrations]
                self.changed.notify_all()

        self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(publish)
        self.client.feature(lsp.WINDOW_LOG_MESSAGE)(log)
        self.client.feature(lsp.WINDOW_SHOW_MESSAGE)(log)
        self.client.feature(lsp.CLIENT_REGISTER_CAPABILITY)(register)

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def document(self, name: str) -> lsp.TextDocumentIdentifier:
        return lsp.TextDocumentIdentifier(self.uri(name))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a message after which a condition is true."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(condition)

    async def checked(self, name: str) -> list[lsp.Diagnostic]:
        """Wait for the findings of a file's latest version."""
        uri, version = self.uri(name), self.version
        await self.until(lambda: any(sent.uri == uri and sent.version == version for sent in self.published))
        return self.shown[uri]

    def open(self, name: str, text: str) -> None:
        self.version += 1
        self.texts[name] = text
        item = lsp.TextDocumentItem(self.uri(name), "json5", self.version, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))

    def change(self, name: str, text: str) -> None:
        self.version += 1
        self.texts[name] = text
        document = lsp.VersionedTextDocumentIdentifier(self.version, self.uri(name))
        change = lsp.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(document, [change]))

    def close(self, name: str) -> None:
        self.client.text_document_did_close(lsp.DidCloseTextDocumentParams(self.document(name)))

    def place(self, name: str, word: str) -> lsp.Position:
        """Return the position of a word. The text before it must be in the Basic Multilingual Plane."""
        before = self.texts[name].partition(word)[0]
        return lsp.Position(before.count("\n"), len(before.rpartition("\n")[2]))

    async def hover(self, name: str, position: lsp.Position) -> str:
        hover = await self.client.text_document_hover_async(lsp.HoverParams(self.document(name), position))
        assert hover is not None
        assert isinstance(hover.contents, lsp.MarkupContent)
        return hover.contents.value

    async def complete(self, name: str, position: lsp.Position) -> dict[str, lsp.CompletionItem]:
        params = lsp.CompletionParams(self.document(name), position)
        completions = await self.client.text_document_completion_async(params)
        assert isinstance(completions, lsp.CompletionList)
        return {item.label: item for item in completions.items}

    async def actions(self, name: str, only: Sequence[str] | None = None) -> list[lsp.CodeAction]:
        everything = lsp.Range(lsp.Position(0, 0), lsp.Position(999, 0))
        context = lsp.CodeActionContext([], only)
        actions = await self.client.text_document_code_action_async(
            lsp.CodeActionParams(self.document(name), everything, context)
        )
        return [action for action in actions or () if isinstance(action, lsp.CodeAction)]

    async def definition(self, name: str, position: lsp.Position) -> object:
        params = lsp.DefinitionParams(self.document(name), position)
        return await self.client.text_document_definition_async(params)


@asynccontextmanager
async def editing(
    folder: Path,
    capabilities: lsp.ClientCapabilities = ALL_CAPABILITIES,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = (*COMMAND, "lsp", "--stdio"),
) -> AsyncIterator[Editor]:
    """Start the server, and end it as an editor does. It must exit with 0 and print nothing but the protocol."""
    editor = Editor(folder)
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **coverage, **(environment or {})}
    client = editor.client
    await client.start_io(*command, cwd=folder, env=env)
    server = client._server  # noqa: SLF001 - the only way to its exit code
    assert server is not None
    assert server.stderr is not None
    try:
        params = lsp.InitializeParams(capabilities=capabilities, root_uri=folder.as_uri())
        editor.capabilities = (await client.initialize_async(params)).capabilities
        client.initialized(lsp.InitializedParams())
        yield editor
        await client.shutdown_async(None)
        client.exit(None)
        async with asyncio.timeout(30):
            assert await server.wait() == 0
        assert await server.stderr.read() == b""
    finally:
        if server.returncode is None:
            server.kill()
        await client.stop()  # type: ignore[no-untyped-call] # not typed in pygls


def run(test: Awaitable[None]) -> None:
    """Run a test's coroutine in a loop of its own."""

    async def awaiting() -> None:
        await test

    asyncio.run(awaiting())


def codes(diagnostics: Sequence[lsp.Diagnostic]) -> list[object]:
    return [diagnostic.code for diagnostic in diagnostics]


def apply(text: str, edits: Sequence[Any]) -> str:
    """Apply edits to a text of one line."""
    for edit in sorted(edits, key=lambda edit: edit.range.start.character, reverse=True):
        text = text[: edit.range.start.character] + edit.new_text + text[edit.range.end.character :]
    return text


def start_server(folder: Path, arguments: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return subprocess.Popen(
        [*COMMAND, "lsp", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **coverage},
    )


def frame(text: str) -> bytes:
    return f"Content-Length: {len(text)}\r\n\r\n{text}".encode()
