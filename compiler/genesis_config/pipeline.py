"""The stages in order, and nothing else: the page to read first.

bytes -> decode -> parse -> include -> expand -> validate -> rules               -> diagnostics    (check)
                                    the same, then -> decide -> discover -> resolve -> manifest    (compile)
                                    the same, then -> decide -> discover -> lock                   (lock)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from genesis_config.config.expansion import expand
from genesis_config.config.includes import Included, Reader, include, with_origin
from genesis_config.config.lookup import mapping, named_providers
from genesis_config.config.validation import validate
from genesis_config.config.views import Config
from genesis_config.diagnostics.finding import Diagnostic, Path, fails, in_order
from genesis_config.files.reading import read_below
from genesis_config.resolve.lock import Pinned, matching, template
from genesis_config.rules import registry
from genesis_config.rules.rule import Context
from genesis_config.syntax import decode, parse

if TYPE_CHECKING:
    from collections.abc import Collection

    from genesis_config.config.expansion import Variables
    from genesis_config.manifest import Manifest, SourceInfo
    from genesis_config.resolve.credentials import Keys
    from genesis_config.resolve.decision import Decision
    from genesis_config.resolve.lock import Lock
    from genesis_config.syntax import Document

__all__ = ["Compiled", "Linted", "Locked", "compile_config", "lint", "lock_config"]


class Linted(NamedTuple):
    """What the stages that need no network made of one file: what rules see, its includes, the findings in order."""

    context: Context
    files: tuple[Included, ...]
    diagnostics: list[Diagnostic]


class Compiled(NamedTuple):
    """What came of a compilation.

    Attributes:
        manifest: None where a finding is an error.
        diagnostics: The findings in order.
        decisions: The decision for every provider.
        draft: What could be resolved all the same: a provider whose server fails, or whose key is missing, hides no
            other.
    """

    manifest: Manifest | None
    diagnostics: list[Diagnostic]
    decisions: list[Decision]
    draft: Manifest | None = None


class Locked(NamedTuple):
    """What servers list, to be pinned, or None where a finding is an error; the findings in order."""

    providers: dict[str, Pinned] | None
    diagnostics: list[Diagnostic]


def lint(
    name: str,
    data: bytes,
    variables: Variables,
    read: Reader = read_below,
    lock: Lock | None = None,
) -> Linted:
    """Lint one file. Looks at nothing but its arguments and the files that it includes.

    Args:
        name: The path that findings show, and that includes are relative to.
        data: The file's bytes.
        variables: What references are resolved with; without a complete set any other is an unknown string.
        read: Gives the bytes of an included file, or raises OSError.
        lock: The lock beside it, if there is one and it counts.
    """
    source, diagnostics = decode(name, data)
    parsed = parse(source)
    if source.text or not diagnostics:
        diagnostics += parsed.diagnostics
    document, files, findings = include(parsed, read)
    diagnostics += findings
    expansion = expand(document, variables)
    context = Context(Config(document, expansion), _pinned(document, lock), lock)
    diagnostics += [*expansion.diagnostics, *validate(document), *registry.run(context)]
    if diagnostics:
        diagnostics = with_origin(files, diagnostics)
    return Linted(context, files, in_order(diagnostics))


def compile_config(  # noqa: PLR0913 - what a compilation depends on
    name: str,
    data: bytes,
    keys: Keys,
    *,
    only: str | None = None,
    inline: bool = False,
    frozen: bool = False,
    lock: Lock | None = None,
) -> Compiled:
    """Compile one file: lint it, decide each provider, ask the servers that are to be asked, and resolve.

    Args:
        name: The path that findings show; the manifest states its last part.
        data: The file's bytes.
        keys: Where variables and keys come from.
        only: The one provider that the manifest is to hold; no other is asked.
        inline: Whether values stand in the manifest's secret positions, instead of where they come from.
        frozen: Whether the lock stands for all servers, and for the opt-in to discovery: nobody is asked.
        lock: The lock beside the configuration. Without `frozen` servers are asked, and it does not count.
    """
    # What `check` does not need: msgspec takes 20 ms to import.
    from genesis_config import manifest as output
    from genesis_config.resolve import decision, providers, selection
    from genesis_config.rules import reachable
    from genesis_config.rules.lock import missing as without_lock

    pinned = lock if frozen else None
    context, files, diagnostics = lint(name, data, keys.variables, lock=pinned)
    document, expansion = context.document, context.expansion
    if frozen:
        diagnostics = [each._replace(severity="error") if each.rule == "lock-stale" else each for each in diagnostics]
        diagnostics += with_origin(files, without_lock(context) if lock is None else ())
        keys = keys._replace(
            assumed=frozenset(context.discovered) - mapping(context.value, "models", "providers").keys()
        )
    if fails(diagnostics):
        return Compiled(None, in_order(diagnostics), [])
    decisions = decision.decide(context.value, keys, context.discovered if frozen else None)
    wanted = [made for made in decisions if made.kind != "none" and only in {None, made.provider}]
    needed = providers.needed_secrets(expansion, wanted, inline=inline)
    diagnostics += _missing(context, files, keys, needed)
    without = providers.without_value(expansion, needed, keys)
    answers, findings = providers.ask(
        document, expansion, [made for made in wanted if made.provider not in without], keys
    )
    rows = {provider: answer.rows for provider, answer in answers.items() if answer.failure is None}
    rows |= {provider: found.rows for provider, found in matching(document.value, pinned).items()}
    entries = providers.resolve_providers(expansion, wanted, keys, rows)
    context = context._replace(
        discovered={provider: frozenset(rows[provider]) for provider in rows if provider in entries}
    )
    findings += reachable.check(context, decisions, entries, only)
    if inline and not without:
        entries, missing = providers.inlined(document, expansion, entries, keys)
        findings += missing
    diagnostics = in_order(diagnostics + with_origin(files, findings))
    made = output.Manifest(
        manifest_version=output.MANIFEST_VERSION,
        generator=output.Generator(),
        source=_source(name, data, files),
        providers=entries,
        selection=selection.select(context.value, entries),
    )
    return Compiled(None if fails(diagnostics) else made, diagnostics, decisions, made)


def lock_config(name: str, data: bytes, keys: Keys, locked: Collection[str] = ()) -> Locked:
    """Ask all servers that a configuration discovers for their models, to pin them.

    A provider that is not declared counts where the configuration names it or the lock has it: a key that is there for
    something else pins nothing. One that gives no models, or that nothing opts in to, is an error: what was pinned of
    it would be lost.

    Args:
        name: The path that findings show.
        data: The file's bytes.
        keys: Where variables and keys come from.
        locked: The ids of the providers in the lock that is there already.
    """
    from genesis_config.resolve import decision, providers  # as in `compile_config`

    context, files, diagnostics = lint(name, data, keys.variables)
    document, expansion = context.document, context.expansion
    if fails(diagnostics):
        return Locked(None, diagnostics)
    named = {*named_providers(context.value), *locked}
    every = [made for made in decision.decide(context.value, keys) if made.provider in named]
    diagnostics += with_origin(files, providers.unconfigured(document, expansion, every))
    decisions = [made for made in every if made.models_from == "server"]
    diagnostics += _missing(context, files, keys, providers.needed_secrets(expansion, decisions, inline=False))
    if fails(diagnostics):
        return Locked(None, in_order(diagnostics))
    answers, findings = providers.ask(document, expansion, decisions, keys)
    failed = {answer.failure.rule for answer in answers.values() if answer.failure is not None}
    findings = [each._replace(severity="error") if each.rule in failed else each for each in findings]
    diagnostics = in_order(diagnostics + with_origin(files, findings))
    if fails(diagnostics):
        return Locked(None, diagnostics)
    return Locked(
        {provider: Pinned(template(document.value, provider), answer.rows) for provider, answer in answers.items()},
        diagnostics,
    )


def _pinned(document: Document, lock: Lock | None) -> dict[str, frozenset[str]]:
    """Give the ids of the models that a lock speaks for, by provider."""
    return {provider: frozenset(found.rows) for provider, found in matching(document.value, lock).items()}


def _missing(context: Context, files: tuple[Included, ...], keys: Keys, needed: frozenset[Path]) -> list[Diagnostic]:
    from genesis_config.resolve.credentials import missing_values  # as in `compile_config`

    return with_origin(files, missing_values(context.document, context.expansion, keys, needed))


def _source(name: str, data: bytes, files: tuple[Included, ...]) -> SourceInfo:
    """State what was compiled, the same wherever it lies."""
    from genesis_config.manifest import Include, SourceInfo, digest

    includes = {file.path: Include(file.path, digest(file.data)) for file in files}
    return SourceInfo(os.path.basename(name), digest(data), tuple(includes[path] for path in sorted(includes)))
