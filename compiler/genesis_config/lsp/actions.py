"""Code actions: a quick fix for each finding that has one, and all safe fixes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lsprotocol import types as lsp

from genesis_config.diagnostics.finding import Edit
from genesis_config.lint.edits import combined_edits
from genesis_config.lint.fixes import fix_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from genesis_config.lsp.diagnostics import Translator
    from genesis_config.lsp.open_files import OpenFiles, View

__all__ = ["FIX_ALL", "KINDS", "actions"]

FIX_ALL: Final = "source.fixAll.genesis"
KINDS: Final = (lsp.CodeActionKind.QuickFix, FIX_ALL)


def actions(  # noqa: PLR0913 - the fields of the client's request
    open_files: OpenFiles,
    view: View,
    translator: Translator,
    start: int,
    end: int,
    *,
    only: Collection[str] | None,
    versioned: bool,
) -> Iterator[lsp.CodeAction]:
    """Yield the code actions for a text.

    Args:
        open_files: The open files.
        view: The text.
        translator: Converts places and findings to the client's protocol.
        start: The start of the selection, as an offset. Quick fixes are for findings that touch the selection.
        end: The end of the selection.
        only: The requested kinds; None means all.
        versioned: Whether the client supports edits of a specific version of the text.
    """
    uri = view.buffer.uri
    fixable = [
        finding for finding in open_files.findings()[uri] if finding.fix and _is_in(finding.fix.edits, open_files, uri)
    ]
    if not fixable:
        return
    if _is_wanted(lsp.CodeActionKind.QuickFix, only):
        for finding in fixable:
            if finding.fix and finding.span and finding.span.start <= end and start <= finding.span.end:
                yield lsp.CodeAction(
                    title=f"{finding.fix.title} ({finding.rule})",
                    kind=lsp.CodeActionKind.QuickFix,
                    diagnostics=translator.diagnostics([finding]),
                    is_preferred=True,
                    edit=_edit(view, translator, finding.fix.edits, versioned=versioned),
                )
    if _is_wanted(FIX_ALL, only):
        name, data = view.buffer.name, view.buffer.data
        fixes = fix_files({name: data}, view.result, lambda files: open_files.check_with(view, files[name]))
        fixed = combined_edits(name, data, fixes.rounds)
        if fixed:
            # Their source is a separate copy of the text; they become edits of the open one.
            edits = [Edit(edit.span._replace(source=view.document.source), edit.text) for edit in fixed]
            yield lsp.CodeAction(
                title="Genesis: apply all safe fixes",
                kind=FIX_ALL,
                edit=_edit(view, translator, edits, versioned=versioned),
            )


def _is_in(edits: Iterable[Edit], open_files: OpenFiles, uri: str) -> bool:
    return all(open_files.uri(edit.span.source) == uri for edit in edits)


def _is_wanted(kind: str, only: Collection[str] | None) -> bool:
    """Return whether a kind is requested; `source` includes `source.fixAll`."""
    return only is None or any(kind == wanted or kind.startswith(f"{wanted}.") for wanted in only)


def _edit(view: View, translator: Translator, edits: Sequence[Edit], *, versioned: bool) -> lsp.WorkspaceEdit:
    changes = [lsp.TextEdit(translator.range(edit.span), edit.text) for edit in edits]
    uri = view.buffer.uri
    if not versioned:
        return lsp.WorkspaceEdit(changes={uri: changes})
    document = lsp.OptionalVersionedTextDocumentIdentifier(uri, view.buffer.version)
    return lsp.WorkspaceEdit(document_changes=[lsp.TextDocumentEdit(document, changes)])
