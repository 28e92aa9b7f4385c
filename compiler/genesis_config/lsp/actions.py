"""Putting findings right from the editor: a quick fix for each that has one, and all of them at once."""

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


def actions(  # noqa: PLR0913 - what a client asks with
    open_files: OpenFiles,
    view: View,
    translator: Translator,
    start: int,
    end: int,
    *,
    only: Collection[str] | None,
    versioned: bool,
) -> Iterator[lsp.CodeAction]:
    """Give what can be put right in a text.

    Args:
        open_files: What is open.
        view: The text.
        translator: Speaks the client's terms.
        start: Quick fixes are given for findings that touch `start` …
        end: … to `end`.
        only: The kinds that are asked for; None is all.
        versioned: Whether the client takes edits that name the version they are for.
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
        fixes = fix_files({name: data}, view.checked, lambda files: open_files.check_with(view, files[name]))
        edits = combined_edits(name, data, fixes.rounds)
        if edits:
            # Their source is a text of its own; they are edits of the one that is open.
            here = [Edit(edit.span._replace(source=view.document.source), edit.text) for edit in edits]
            yield lsp.CodeAction(
                title="Genesis: fix all that is safe to fix",
                kind=FIX_ALL,
                edit=_edit(view, translator, here, versioned=versioned),
            )


def _is_in(edits: Iterable[Edit], open_files: OpenFiles, uri: str) -> bool:
    return all(open_files.uri(edit.span.source) == uri for edit in edits)


def _is_wanted(kind: str, only: Collection[str] | None) -> bool:
    """Tell whether a kind is asked for; `source` asks for `source.fixAll` too."""
    return only is None or any(kind == wanted or kind.startswith(f"{wanted}.") for wanted in only)


def _edit(view: View, translator: Translator, edits: Sequence[Edit], *, versioned: bool) -> lsp.WorkspaceEdit:
    changes = [lsp.TextEdit(translator.range(edit.span), edit.text) for edit in edits]
    uri = view.buffer.uri
    if not versioned:
        return lsp.WorkspaceEdit(changes={uri: changes})
    document = lsp.OptionalVersionedTextDocumentIdentifier(uri, view.buffer.version)
    return lsp.WorkspaceEdit(document_changes=[lsp.TextDocumentEdit(document, changes)])
