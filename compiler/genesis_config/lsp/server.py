"""The protocol: texts from the client go to the open files, results go back to the client.

Nothing that could contain a secret is sent: an error is reported only by its type and by its traceback within Genesis.
"""

from __future__ import annotations

import asyncio
import functools
import io
import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import FeatureRequestError
from pygls.lsp.server import LanguageServer

from genesis_config import __version__
from genesis_config.diagnostics.crash import describe
from genesis_config.lint.settings import FILES
from genesis_config.lsp.actions import KINDS, actions
from genesis_config.lsp.completion import complete
from genesis_config.lsp.definition import definition
from genesis_config.lsp.diagnostics import Translator
from genesis_config.lsp.hover import hover
from genesis_config.lsp.open_files import OpenFiles
from genesis_config.lsp.positions import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from genesis_config.lsp.completion import Completion
    from genesis_config.lsp.open_files import View

__all__ = ["Server", "create_server", "serve"]

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_IMMEDIATE: Final = 0.02  # seconds; a check that takes longer is not run on every key press
_MAX_DELAY: Final = 1.0  # seconds
_POLL_INTERVAL: Final = 2.0  # seconds between checks that the client's process is running
_MAX_MESSAGE: Final = 256 * 1024 * 1024  # bytes; a configuration has at most 16 MiB
_TRIGGERS: Final = ('"', "'", ":", "/")
_WATCHED: Final = ("**/*.json5", "**/*.json", *(f"**/{name}" for name in FILES))
_KINDS: Final = {
    "key": lsp.CompletionItemKind.Property,
    "value": lsp.CompletionItemKind.Value,
    "model": lsp.CompletionItemKind.Reference,
    "provider": lsp.CompletionItemKind.Module,
}


class Server(LanguageServer):
    """A language server for one client."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start without open files. Hovers show which variables of `environment` are set."""
        # Changes contain the whole text. When pygls applies partial changes, it also splits lines at U+2028 and U+0085,
        # which are not line ends in the protocol and may be part of a string.
        super().__init__("genesis", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.open_files = OpenFiles()
        self.environment = environment
        self.clean = False
        self._sent: dict[str, tuple[int | None, list[lsp.Diagnostic]]] = {}
        self._pending: asyncio.TimerHandle | None = None
        self._duration = 0.0  # of the last check, in seconds

    def translator(self) -> Translator:
        """Return a translator for this client."""
        return Translator(self.open_files, self.workspace.position_codec, self.client_capabilities)

    def view(self, uri: str) -> View | None:
        """Return the view of an open text."""
        return self.open_files.view(uri)

    def offset(self, view: View, position: lsp.Position) -> int:
        """Return the offset of a position."""
        return Lines(view.buffer.text, self.workspace.position_codec).offset(position)

    def log(self, message: str, kind: lsp.MessageType = lsp.MessageType.Error) -> None:
        """Write to the client's log."""
        self.window_log_message(lsp.LogMessageParams(kind, message))

    def report_bug(self, error: Exception) -> None:
        """Report a bug in Genesis to the client."""
        self.log(
            f"this is a bug in Genesis; please report it with these lines:\n  genesis {__version__}\n{describe(error)}"
        )

    def report_server_error(self, error: Exception, source: object) -> None:
        """Report a message that could not be handled, without the error's text, which pygls would send."""
        # A request is answered with an error anyway.
        if source is not FeatureRequestError:
            self.log(f"a message from the editor could not be handled:\n{describe(error)}")

    def publish(self) -> None:
        """Send the findings of everything that is open, and clear those of what is no longer open."""
        self.cancel()
        began = time.perf_counter()
        findings = self.open_files.findings()
        self._duration = time.perf_counter() - began
        translator = self.translator()
        versions = {buffer.uri: buffer.version for buffer in self.open_files.buffers()}
        new = {uri: (versions.get(uri), translator.diagnostics(items)) for uri, items in findings.items()}
        for uri in [uri for uri in self._sent if uri not in new]:
            new[uri] = (None, [])
        for uri, (version, diagnostics) in new.items():
            if self._sent.get(uri) != (version, diagnostics):
                params = lsp.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics, version=version)
                self.text_document_publish_diagnostics(params)
        self._sent = {uri: sent for uri, sent in new.items() if uri in findings}
        for complaint in self.open_files.complaints:
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, f"genesis: {complaint}"))
        self.open_files.complaints.clear()
        for bug in self.open_files.bugs:
            self.report_bug(bug)
        self.open_files.bugs.clear()

    def publish_soon(self) -> None:
        """Publish now or, if checks are slow, after a pause in typing, so that no outdated version is checked."""
        self.cancel()
        if self._duration <= _IMMEDIATE:
            self.publish()
        else:
            delay = min(_MAX_DELAY, 2 * self._duration)
            self._pending = asyncio.get_running_loop().call_later(delay, _guarded(Server.publish), self)

    def cancel(self) -> None:
        """Cancel a pending check."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None


def _guarded(
    handler: Callable[Concatenate[Server, _Parameters], _Result],
) -> Callable[Concatenate[Server, _Parameters], _Result | None]:
    """Wrap a handler so that a bug in it does not stop the server: the bug is reported and the result is None."""

    @functools.wraps(handler)
    def guarded(ls: Server, /, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result | None:
        try:
            return handler(ls, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the server keeps running
            ls.report_bug(error)
            return None

    return guarded


def create_server(environment: Mapping[str, str]) -> Server:
    """Return a server that is not started yet."""
    server = Server(environment)
    for name, (handler, options) in _HANDLERS.items():
        server.feature(name, options)(_guarded(handler))
    return server


def serve() -> int:
    """Serve on standard input and output until the client ends it. Return 0 if it was shut down first, else 1."""
    # pygls would log the user's texts.
    logger = logging.getLogger("pygls")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    # A thread is blocked on standard input, and a normal exit would wait for it.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    server = create_server(os.environ)
    # pygls closes its output stream, but standard output belongs to the command.
    stdin = _Input(io.FileIO(sys.stdin.fileno(), closefd=False))
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as stdout:
        server.start_io(stdin, stdout)
    return 0 if server.clean else 1


class _Input(io.BufferedReader):
    """Standard input with a limit on the size of a message, since the announced size would be allocated."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read a message; one that is too large counts as the end of the input."""
        return b"" if size is not None and size > _MAX_MESSAGE else super().read(size)


def _exit_with_client(ls: Server, client: int) -> None:
    """Exit when the client has exited, since another process may keep standard input open."""
    try:
        os.kill(client, 0)
    except ProcessLookupError:
        os._exit(0 if ls.clean else 1)
    except OSError:
        return  # the process belongs to another user, so its end cannot be detected
    asyncio.get_running_loop().call_later(_POLL_INTERVAL, _exit_with_client, ls, client)


def _initialized(ls: Server, params: lsp.InitializedParams) -> None:  # noqa: ARG001 - the protocol's
    """Watch the client's process, and register for changes of files."""
    if ls.process_id:
        _exit_with_client(ls, ls.process_id)
    workspace = ls.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace else None
    if watching and watching.dynamic_registration:
        watchers = [lsp.FileSystemWatcher(pattern) for pattern in _WATCHED]
        options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers)
        method = lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES
        ls.client_register_capability(lsp.RegistrationParams([lsp.Registration("genesis-files", method, options)]))


def _did_open(ls: Server, params: lsp.DidOpenTextDocumentParams) -> None:
    document = params.text_document
    ls.open_files.open(document.uri, document.text, document.version)
    ls.publish()


def _did_change(ls: Server, params: lsp.DidChangeTextDocumentParams) -> None:
    document = params.text_document
    text = ls.workspace.get_text_document(document.uri).source
    ls.open_files.change(document.uri, text, document.version)
    ls.publish_soon()


def _did_close(ls: Server, params: lsp.DidCloseTextDocumentParams) -> None:
    ls.open_files.close(params.text_document.uri)
    ls.publish()


def _files_changed(ls: Server, params: object) -> None:  # noqa: ARG001 - the kind of change does not matter
    ls.open_files.reread()
    ls.publish()


def _shutdown(ls: Server, params: object) -> None:  # noqa: ARG001 - has no parameters
    ls.cancel()
    ls.clean = True


def _hover(ls: Server, params: lsp.HoverParams) -> lsp.Hover | None:
    view = ls.view(params.text_document.uri)
    hovered = hover(view, ls.offset(view, params.position), ls.environment) if view else None
    if hovered is None:
        return None
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, hovered.text), ls.translator().range(hovered.span))


def _completion(ls: Server, params: lsp.CompletionParams) -> lsp.CompletionList | None:
    view = ls.view(params.text_document.uri)
    if view is None:
        return None
    lines = Lines(view.buffer.text, ls.workspace.position_codec)
    text_document = ls.client_capabilities.text_document
    capability = text_document.completion if text_document else None
    item = capability.completion_item if capability else None
    snippets = bool(item and item.snippet_support)
    completions = complete(view, lines.offset(params.position))
    items = [_item(rank, completion, lines, snippets=snippets) for rank, completion in enumerate(completions)]
    return lsp.CompletionList(is_incomplete=False, items=items)


def _item(rank: int, completion: Completion, lines: Lines, *, snippets: bool) -> lsp.CompletionItem:
    snippet = completion.snippet if snippets else None
    return lsp.CompletionItem(
        label=completion.label,
        kind=_KINDS[completion.kind],
        detail=completion.detail or None,
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, completion.documentation),
        sort_text=f"{rank:05}",
        filter_text=completion.filter,
        insert_text_format=lsp.InsertTextFormat.Snippet if snippet else lsp.InsertTextFormat.PlainText,
        text_edit=lsp.TextEdit(lines.range(completion.start, completion.end), snippet or completion.text),
    )


def _code_action(ls: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction] | None:
    view = ls.view(params.text_document.uri)
    if view is None:
        return None
    workspace = ls.client_capabilities.workspace
    edits = workspace.workspace_edit if workspace else None
    start, end = (ls.offset(view, position) for position in (params.range.start, params.range.end))
    return list(
        actions(
            ls.open_files,
            view,
            ls.translator(),
            start,
            end,
            only=params.context.only,
            versioned=bool(edits and edits.document_changes),
        )
    )


def _definition(ls: Server, params: lsp.DefinitionParams) -> lsp.Location | None:
    view = ls.view(params.text_document.uri)
    span = definition(view, ls.offset(view, params.position)) if view else None
    return ls.translator().location(span) if span else None


_HANDLERS: Final[dict[str, tuple[Callable[..., object], object]]] = {
    lsp.INITIALIZED: (_initialized, None),
    lsp.SHUTDOWN: (_shutdown, None),
    lsp.TEXT_DOCUMENT_DID_OPEN: (_did_open, None),
    lsp.TEXT_DOCUMENT_DID_CHANGE: (_did_change, None),
    lsp.TEXT_DOCUMENT_DID_CLOSE: (_did_close, None),
    lsp.TEXT_DOCUMENT_DID_SAVE: (_files_changed, None),
    lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES: (_files_changed, None),
    lsp.TEXT_DOCUMENT_HOVER: (_hover, None),
    lsp.TEXT_DOCUMENT_COMPLETION: (_completion, lsp.CompletionOptions(trigger_characters=_TRIGGERS)),
    lsp.TEXT_DOCUMENT_CODE_ACTION: (_code_action, lsp.CodeActionOptions(code_action_kinds=KINDS)),
    lsp.TEXT_DOCUMENT_DEFINITION: (_definition, None),
}
