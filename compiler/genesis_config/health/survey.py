"""What is there now: each configured provider's server is asked, whatever becomes of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from genesis_config.config.lookup import mapping, needed_providers
from genesis_config.diagnostics.finding import Diagnostic, fails
from genesis_config.manifest import MANIFEST_VERSION, Generator, Manifest, SourceInfo, digest
from genesis_config.pipeline import lint
from genesis_config.resolve.decision import Decision, decide
from genesis_config.resolve.discovery import Answer, Query, discover_with_versions
from genesis_config.resolve.providers import question, resolve_providers
from genesis_config.resolve.selection import select
from genesis_config.syntax.references import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from genesis_config.manifest import SecretRef
    from genesis_config.resolve.credentials import Keys
    from genesis_config.resolve.lock import Row
    from genesis_config.rules.rule import Context

__all__ = ["Prepared", "Read", "Seen", "ask", "manifest_of", "prepare", "read", "usable_model"]


class Read(NamedTuple):
    """A configuration that was read: what rules see, the findings in order, the decisions; none after an error."""

    context: Context
    diagnostics: list[Diagnostic]
    decisions: list[Decision]

    def wanted(self, only: str | None = None) -> list[Decision]:
        """Give the decisions of the providers that are configured, and of those that should be: something needs them.

        Args:
            only: The one provider that is asked for.
        """
        needed = {provider for provider, _, _ in needed_providers(self.context.value)}
        return [
            made
            for made in self.decisions
            if only in {None, made.provider} and (made.kind != "none" or made.provider in needed)
        ]


class Prepared(NamedTuple):
    """A provider before its server is asked.

    Attributes:
        decision: What was decided.
        credential: Where its key comes from, in words.
        query: The question for its models.
        missing: The keys and headers that have no value; with one of them it is not asked.
    """

    decision: Decision
    credential: str
    query: Query
    missing: list[Diagnostic]


class Seen(NamedTuple):
    """A provider after its server was asked: what it said, and its version if it tells; None where it was not asked."""

    prepared: Prepared
    answer: Answer | None
    version: str | None


def read(name: str, data: bytes, keys: Keys) -> Read:
    """Lint a configuration and decide its providers."""
    context, _, diagnostics = lint(name, data, keys.variables)
    return Read(context, diagnostics, [] if fails(diagnostics) else decide(context.value, keys))


def prepare(context: Context, decision: Decision, keys: Keys) -> Prepared:
    """Make the question for a provider's server, whether or not its models come from there."""
    query, missing = question(context.document, context.expansion, decision, keys)
    entry = mapping(context.value, "models", "providers", decision.provider)
    header = next((name for name in mapping(entry, "headers") if name.lower() == "authorization"), None)
    credential = keys.credential(decision.provider, entry, context.expansion)
    return Prepared(decision, f"the header {header}" if header else described(credential), query, missing)


def ask(prepared: Iterable[Prepared]) -> list[Seen]:
    """Ask all servers whose questions are whole, at the same time."""
    every = list(prepared)
    whole = [each.query for each in every if not each.missing]
    told = dict(zip((query.provider for query in whole), discover_with_versions(whole), strict=True))
    return [Seen(each, *told.get(each.query.provider, (None, None))) for each in every]


def manifest_of(config: Read, decision: Decision, keys: Keys, rows: Mapping[str, Row]) -> Manifest:
    """Give the manifest of one provider, with the models that are declared and those that its server lists."""
    context = config.context
    source = context.document.source
    entries = resolve_providers(context.expansion, [decision], keys, {decision.provider: rows})
    return Manifest(
        manifest_version=MANIFEST_VERSION,
        generator=Generator(),
        source=SourceInfo(source.name, digest(source.text.encode("utf-8", "replace"))),
        providers=entries,
        selection=select(context.value, entries),
    )


def usable_model(manifest: Manifest, provider: str, rows: Mapping[str, Row]) -> str | None:
    """Choose a model to try a provider with: a selected one, else the first that its server lists, else any."""
    ids = [model.id for model in manifest.providers[provider].models]
    selection = manifest.selection
    chosen = [ref.partition("/")[2] for ref in (selection.primary, *selection.fallbacks) if ref]
    served = [model for model in ids if model in rows]
    return next((model for model in [*chosen, *served, *ids] if model in ids), None)


def described(ref: SecretRef | None) -> str:
    """Say where a key comes from, without the key."""
    if ref is None:
        return "none"
    if ref.file is not None:
        return f"the file {ref.file}"
    if ref.profile is not None:
        return f"the auth profile {ref.profile}"
    used = list(dict.fromkeys(names(ref.template or "")))
    return " and ".join(used) if used else "stated in the configuration"
