"""The protocol: texts from the client go to the open files, and what Genesis makes of them goes to the client.

Nothing is sent that could hold a secret: of an error only its kind and where in Genesis it was raised.
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

__all__ = ["Server", "make", "serve"]

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

_AT_ONCE: Final = 0.02  # seconds that a check may take to be made with every key that is pressed
_LONGEST_WAIT: Final = 1.0
_LOOKED_AFTER: Final = 2.0  # seconds between two looks for the client's process
_LARGEST: Final = 256 * 1024 * 1024  # bytes of a message; a configuration has at most 16 MiB
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
        """Begin with nothing open; of `environment` it is told which variables are set."""
        # A change brings the whole text. To apply partial ones, pygls counts lines that the protocol does not know:
        # it cuts at U+2028 and U+0085, which may stand in a string.
        super().__init__("genesis", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.open_files = OpenFiles()
        self.environment = environment
        self.clean = False
        self._sent: dict[str, tuple[int | None, list[lsp.Diagnostic]]] = {}
        self._waiting: asyncio.TimerHandle | None = None
        self._took = 0.0  # seconds that the last check took

    def translator(self) -> Translator:
        """Give what translates places for this client."""
        return Translator(self.open_files, self.workspace.position_codec, self.client_capabilities)

    def view(self, uri: str) -> View | None:
        """Look at an open text."""
        return self.open_files.view(uri)

    def offset(self, view: View, position: lsp.Position) -> int:
        """Give the offset of a position."""
        return Lines(view.buffer.text, self.workspace.position_codec).offset(position)

    def log(self, message: str, kind: lsp.MessageType = lsp.MessageType.Error) -> None:
        """Write into the client's log."""
        self.window_log_message(lsp.LogMessageParams(kind, message))

    def report(self, error: Exception) -> None:
        """Tell the client of a bug in Genesis."""
        self.log(
            f"this is a bug in Genesis; please report it with these lines:\n  genesis {__version__}\n{describe(error)}"
        )

    def report_server_error(self, error: Exception, source: object) -> None:
        """Tell the client of a message that could not be handled; pygls would send the error's own text."""
        # A request has an answer that says so.
        if source is not FeatureRequestError:
            self.log(f"a message of the editor could not be handled:\n{describe(error)}")

    def publish(self) -> None:
        """Send the findings of all that is open, and clear those of what is not any more."""
        self.cancel()
        began = time.perf_counter()
        found = self.open_files.findings()
        self._took = time.perf_counter() - began
        translator = self.translator()
        versions = {buffer.uri: buffer.version for buffer in self.open_files.buffers()}
        new = {uri: (versions.get(uri), translator.diagnostics(findings)) for uri, findings in found.items()}
        for uri in [uri for uri in self._sent if uri not in new]:
            new[uri] = (None, [])
        for uri, (version, diagnostics) in new.items():
            if self._sent.get(uri) != (version, diagnostics):
                params = lsp.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics, version=version)
                self.text_document_publish_diagnostics(params)
        self._sent = {uri: sent for uri, sent in new.items() if uri in found}
        for complaint in self.open_files.complaints:
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, f"genesis: {complaint}"))
        self.open_files.complaints.clear()

    def publish_soon(self) -> None:
        """Publish now, or where that takes long when nothing more was typed for a while: no old version is checked."""
        self.cancel()
        if self._took <= _AT_ONCE:
            self.publish()
        else:
            wait = min(_LONGEST_WAIT, 2 * self._took)
            self._waiting = asyncio.get_running_loop().call_later(wait, _guarded(Server.publish), self)

    def cancel(self) -> None:
        """Give up a check that waits."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


def _guarded(
    handler: Callable[Concatenate[Server, _Given], _Result],
) -> Callable[Concatenate[Server, _Given], _Result | None]:
    """Make a handler that a bug does not end: the client is told, and gets nothing."""

    @functools.wraps(handler)
    def guarded(ls: Server, /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Result | None:
        try:
            return handler(ls, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the server goes on
            ls.report(error)
            return None

    return guarded


def make(environment: Mapping[str, str]) -> Server:
    """Give a server that is not started yet."""
    server = Server(environment)
    for name, (handler, options) in _HANDLERS.items():
        server.feature(name, options)(_guarded(handler))
    return server


def serve() -> int:
    """Serve on standard input and output until the client ends it; give the exit code: 0 if it said so before."""
    # pygls would log texts of the user.
    logger = logging.getLogger("pygls")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    # A thread waits for input, and would be waited for.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    server = make(os.environ)
    # pygls closes what it writes to; standard output belongs to the command.
    stdin = _Input(io.FileIO(sys.stdin.fileno(), closefd=False))
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as stdout:
        server.start_io(stdin, stdout)
    return 0 if server.clean else 1


class _Input(io.BufferedReader):
    """Standard input, which a message of any announced length does not make this process as large as it says."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read a message; one that nobody would send is the end of the input."""
        return b"" if size is not None and size > _LARGEST else super().read(size)


def _outlives(ls: Server, client: int) -> None:
    """End when the client has: something else may hold its end of standard input open."""
    try:
        os.kill(client, 0)
    except ProcessLookupError:
        os._exit(0 if ls.clean else 1)
    except OSError:
        return  # it is somebody else's process, and nothing can be told of it
    asyncio.get_running_loop().call_later(_LOOKED_AFTER, _outlives, ls, client)


def _initialized(ls: Server, params: lsp.InitializedParams) -> None:  # noqa: ARG001 - the protocol's
    """Look after the client, and ask to be told of files that change."""
    if ls.process_id:
        _outlives(ls, ls.process_id)
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


def _files_changed(ls: Server, params: object) -> None:  # noqa: ARG001 - whatever it was
    ls.open_files.reread()
    ls.publish()


def _shutdown(ls: Server, params: object) -> None:  # noqa: ARG001 - there are none
    ls.cancel()
    ls.clean = True


def _hover(ls: Server, params: lsp.HoverParams) -> lsp.Hover | None:
    view = ls.view(params.text_document.uri)
    told = hover(view, ls.offset(view, params.position), ls.environment) if view else None
    if told is None:
        return None
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, told.text), ls.translator().range(told.span))


def _completion(ls: Server, params: lsp.CompletionParams) -> lsp.CompletionList | None:
    view = ls.view(params.text_document.uri)
    if view is None:
        return None
    lines = Lines(view.buffer.text, ls.workspace.position_codec)
    text_document = ls.client_capabilities.text_document
    completion = text_document.completion if text_document else None
    item = completion.completion_item if completion else None
    snippets = bool(item and item.snippet_support)
    found = complete(view, lines.offset(params.position))
    items = [_item(number, each, lines, snippets=snippets) for number, each in enumerate(found)]
    return lsp.CompletionList(is_incomplete=False, items=items)


def _item(number: int, found: Completion, lines: Lines, *, snippets: bool) -> lsp.CompletionItem:
    snippet = found.snippet if snippets else None
    return lsp.CompletionItem(
        label=found.label,
        kind=_KINDS[found.kind],
        detail=found.detail or None,
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, found.documentation),
        sort_text=f"{number:05}",
        filter_text=found.filter,
        insert_text_format=lsp.InsertTextFormat.Snippet if snippet else lsp.InsertTextFormat.PlainText,
        text_edit=lsp.TextEdit(lines.range(found.start, found.end), snippet or found.text),
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
