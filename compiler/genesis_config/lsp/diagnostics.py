"""Findings and places in terms of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lsprotocol import types as lsp

from genesis_config.diagnostics.rule_names import documentation_url
from genesis_config.lint.ignores import UNUSED
from genesis_config.lsp.positions import Lines
from genesis_config.report.escape import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.diagnostics.source import Source, Span
    from genesis_config.lsp.open_files import OpenFiles
    from genesis_config.lsp.positions import Codec

__all__ = ["SOURCE", "Translator"]

SOURCE: Final = "genesis"
_SEVERITIES: Final = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "info": lsp.DiagnosticSeverity.Information,
}


class _Features(NamedTuple):
    """The parts of a diagnostic that a client can show."""

    related: bool
    links: bool
    tags: frozenset[lsp.DiagnosticTag]


class Translator:
    """A converter of places and findings to the protocol of one client."""

    def __init__(self, open_files: OpenFiles, codec: Codec, client: lsp.ClientCapabilities | None = None) -> None:
        """Convert sources of `open_files` with the negotiated codec, as far as the client can show them."""
        self._open_files = open_files
        self._codec = codec
        self._lines: dict[Source, Lines] = {}
        published = client.text_document.publish_diagnostics if client and client.text_document else None
        self._features = _Features(
            bool(published and published.related_information),
            bool(published and published.code_description_support),
            frozenset(published.tag_support.value_set if published and published.tag_support else ()),
        )

    def location(self, span: Span) -> lsp.Location:
        """Return the URI and range of a span."""
        return lsp.Location(self._open_files.uri(span.source), self.range(span))

    def range(self, span: Span) -> lsp.Range:
        """Return the range of a span in its text."""
        lines = self._lines.get(span.source)
        if lines is None:
            lines = self._lines[span.source] = Lines(self._open_files.text(span.source), self._codec)
        return lines.range(span.start, span.end)

    def diagnostics(self, findings: Iterable[Diagnostic]) -> list[lsp.Diagnostic]:
        """Return the diagnostics for findings in one file. A finding without a place is shown at the beginning."""
        return [self._diagnostic(finding) for finding in findings]

    def _diagnostic(self, finding: Diagnostic) -> lsp.Diagnostic:
        lines = [finding.message, *([f"help: {finding.help}"] if finding.help else [])]
        related = None
        if self._features.related:
            related = [
                lsp.DiagnosticRelatedInformation(self.location(place.span), escape(place.message))
                for place in finding.related
            ]
        url = None
        if finding.rule != "internal-error" and self._features.links:
            url = documentation_url(finding.rule)
        unused = finding.rule == UNUSED and lsp.DiagnosticTag.Unnecessary in self._features.tags
        start = lsp.Position(0, 0)
        return lsp.Diagnostic(
            range=self.range(finding.span) if finding.span else lsp.Range(start, start),
            message="\n".join(map(escape, lines)),
            severity=_SEVERITIES[finding.severity],
            code=finding.rule,
            code_description=lsp.CodeDescription(url) if url else None,
            source=SOURCE,
            tags=[lsp.DiagnosticTag.Unnecessary] if unused else None,
            related_information=related or None,
        )
