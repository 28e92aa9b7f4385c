"""The stages in order, and nothing else: the page to read first.

bytes -> decode -> parse -> include -> expand -> validate -> rules               -> diagnostics    (check)
                                    the same, then -> decide -> discover -> resolve -> manifest    (compile)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from genesis.diagnostics import Diagnostic, fails, in_order
from genesis.expand import Variables, expand
from genesis.include import Included, include, read_file, with_origin
from genesis.rules import registry
from genesis.rules.rule import Context
from genesis.syntax import decode, parse
from genesis.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from genesis.credentials import Keys
    from genesis.manifest import Manifest, SourceInfo
    from genesis.resolve.decision import Decision

__all__ = ["Compiled", "Linted", "compile_config", "lint"]


class Linted(NamedTuple):
    """What the stages that need no network made of one file: what rules see, its includes, the findings in order."""

    context: Context
    files: tuple[Included, ...]
    diagnostics: list[Diagnostic]


class Compiled(NamedTuple):
    """A manifest, or None where a finding is an error; the findings in order; the decision for every provider."""

    manifest: Manifest | None
    diagnostics: list[Diagnostic]
    decisions: list[Decision]


def lint(name: str, data: bytes, variables: Variables, read: Callable[[str], bytes] = read_file) -> Linted:
    """Lint one file. Looks at nothing but its arguments and the files that it includes.

    Args:
        name: The path that findings show, and that includes are relative to.
        data: The file's bytes.
        variables: What references are resolved with; without a complete set any other is an unknown string.
        read: Gives the bytes of an included file, or raises OSError.
    """
    source, diagnostics = decode(name, data)
    parsed = parse(source)
    if source.text or not diagnostics:
        diagnostics += parsed.diagnostics
    document, files, findings = include(parsed, read)
    diagnostics += findings
    expansion = expand(document, variables)
    context = Context(document, expansion)
    diagnostics += [*expansion.diagnostics, *validate(document), *registry.run(context)]
    if diagnostics:
        from genesis.masking import hide_secrets, without_secrets  # nothing is shown of a file without findings

        hide_secrets(document)
        diagnostics = with_origin(files, map(without_secrets, diagnostics))
    return Linted(context, files, in_order(diagnostics))


def compile_config(name: str, data: bytes, keys: Keys, *, only: str | None = None, inline: bool = False) -> Compiled:
    """Compile one file: lint it, decide each provider, ask the servers that are to be asked, and resolve.

    Args:
        name: The path that findings show; the manifest states its last part.
        data: The file's bytes.
        keys: Where variables and keys come from.
        only: The one provider that the manifest is to hold; no other is asked.
        inline: Whether values stand in the manifest's secret positions, instead of where they come from.
    """
    # What `check` does not need: msgspec takes 20 ms to import.
    from genesis import manifest as output
    from genesis.credentials import missing_values
    from genesis.masking import hide_secrets
    from genesis.resolve import decision, providers, selection
    from genesis.rules import reachable

    context, files, diagnostics = lint(name, data, keys.variables)
    document, expansion = context.document, context.expansion
    hide_secrets(document)
    if fails(diagnostics):
        return Compiled(None, diagnostics, [])
    decisions = decision.decide(context.value, keys)
    wanted = [made for made in decisions if only in {None, made.provider}]
    needed = providers.needed_secrets(expansion, wanted, inline=inline)
    diagnostics += with_origin(files, missing_values(document, expansion, keys, needed))
    if fails(diagnostics):
        return Compiled(None, in_order(diagnostics), decisions)
    resolved = providers.resolve_providers(document, expansion, wanted, keys)
    context = context._replace(discovered=resolved.discovered)
    entries = resolved.providers
    decided = {made.provider for made in decisions}
    findings = [*resolved.diagnostics, *reachable.check(context, decided, entries, only)]
    if inline:
        entries, missing = providers.inlined(document, expansion, entries, keys)
        findings += missing
    diagnostics = in_order(diagnostics + with_origin(files, findings))
    if fails(diagnostics):
        return Compiled(None, diagnostics, decisions)
    made = output.Manifest(
        manifest_version=output.MANIFEST_VERSION,
        generator=output.Generator(),
        source=_source(name, data, files),
        providers=entries,
        selection=selection.select(context.value, entries),
    )
    return Compiled(made, diagnostics, decisions)


def _source(name: str, data: bytes, files: tuple[Included, ...]) -> SourceInfo:
    """State what was compiled, the same wherever it lies."""
    from genesis.manifest import Include, SourceInfo, digest

    includes = {file.path: Include(file.path, digest(file.data)) for file in files}
    return SourceInfo(os.path.basename(name), digest(data), tuple(includes[path] for path in sorted(includes)))
