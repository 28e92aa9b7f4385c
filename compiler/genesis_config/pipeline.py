"""One configuration, processed in stages over one session: the page to read first.

    stage        what it does                                                  its result
    load         bytes -> decode -> parse -> resolve includes -> expand        LoadResult
    lint         validate against the schema -> run the rules                  LintResult
    decide       explicit, implicit or not configured, for each provider       Decisions
    discover     query servers for their models, or read them from the lock    Discovery
    resolve      the providers and models of the manifest                      Resolution
    emit         the manifest                                                  Manifest
    lock_models  the models to pin in the lock file                            LockedProvider for each provider

    purpose      commands                                       stages after `load`
    check        check, init, lsp                               lint
    compile      compile, models list, complete, batch, demo    lint, decide, discover, resolve, emit
    frozen       compile --frozen                               the same; the lock file replaces servers and keys
    lock         lock                                           lint, decide, discover, lock_models
    status       models status                                  lint, decide, discover, resolve, emit
    doctor       doctor                                         lint, decide; later stages are steps of each examination

Each stage adds its findings to the session; an exception is a bug. After an error, no further stage runs (see
`Session.stopped`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from genesis_config.config.expansion import Variables, expand
from genesis_config.config.includes import Reader, complete_findings, resolve_includes
from genesis_config.config.validation import validate
from genesis_config.config.views import Config
from genesis_config.diagnostics.finding import sort_findings
from genesis_config.files.reading import read_below
from genesis_config.resolve.lock import LockedProvider, base_url_template, match_lock
from genesis_config.resolve.results import Decisions, Discovery, Purpose, Resolution
from genesis_config.resolve.session import LintResult, LoadResult, Request, Session
from genesis_config.rules import registry
from genesis_config.rules.rule import Context
from genesis_config.syntax import decode, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from genesis_config.resolve.lock import Lock

__all__ = ["LintResult", "LoadResult", "Request", "Session", "check_config", "run_pipeline"]


def check_config(
    name: str,
    data: bytes,
    variables: Variables = Variables(),  # noqa: B008 - immutable
    read: Reader = read_below,
    lock: Lock | None = None,
) -> Session:
    """Check a configuration. The result depends only on the arguments (see `load`) and on included files."""
    return lint(load(name, data, Request("check", variables, lock=lock), read))


def run_pipeline(name: str, data: bytes, request: Request) -> Session:
    """Run the stages for the request's purpose. `load` describes the arguments."""
    session = load(name, data, request)
    for stage in STAGES[request.purpose]:
        if session.stopped:
            break
        session = stage(session)
    return session


def load(name: str, data: bytes, request: Request, read: Reader = read_below) -> Session:
    """Parse a configuration with its includes, and expand its references.

    Args:
        name: The path that findings show and that includes are relative to.
        data: The bytes of the file.
        request: What to do with the configuration.
        read: A function that returns the bytes of an included file, or raises OSError.
    """
    source, diagnostics = decode(name, data)
    parsed = parse(source)
    if source.text or not diagnostics:
        diagnostics += parsed.diagnostics
    included = resolve_includes(parsed, read)
    document = included.document
    expansion = expand(document, request.variables)
    config = Config(document, expansion)
    # If servers are queried, the models in the lock file do not count.
    locked = match_lock(Config.written(document), request.lock) if request.purpose in {"check", "frozen"} else {}
    diagnostics += [*included.diagnostics, *expansion.diagnostics]
    return Session(request, LoadResult(name, data, config, included.files, locked, tuple(diagnostics)))


def lint(session: Session) -> Session:
    """Validate a configuration against the schema, and run the rules."""
    document = session.config.document
    diagnostics = [*session.loaded.diagnostics, *validate(document), *registry.run(_context(session))]
    return session._replace(linted=LintResult(tuple(sort_findings(complete_findings(session.files, diagnostics)))))


def decide(session: Session) -> Session:
    """Decide for each provider whether it is explicit, implicit or not configured."""
    from genesis_config.resolve.decision import decide_providers, lock_decisions  # with msgspec

    request, config = session.request, session.config
    locked = session.loaded.locked if request.purpose == "frozen" else None
    every = tuple(decide_providers(config, session.credentials, locked))
    if request.purpose == "lock":
        return session._replace(decisions=lock_decisions(config, every, request.lock.providers if request.lock else ()))
    wanted = tuple(decision for decision in every if decision.kind != "none" and request.wants(decision.provider))
    return session._replace(decisions=Decisions(every, wanted))


def discover(session: Session) -> Session:
    """Query servers for their models as the decisions require, or take the models from the lock file."""
    from genesis_config.resolve.queries import query_servers  # with msgspec

    purpose = session.request.purpose
    if purpose == "frozen":
        return session._replace(discovery=Discovery(locked=session.loaded.locked))
    every = purpose in {"status", "doctor"}
    queried = [decision for decision in session.decisions.wanted if every or decision.models_from == "server"]
    return session._replace(discovery=query_servers(session.config, session.credentials, queried, purpose))


def resolve(session: Session) -> Session:
    """Resolve the providers and their models, and check the selection against them."""
    from genesis_config.resolve.credentials import note_unset_variables  # with msgspec
    from genesis_config.resolve.providers import inline_secrets, resolve_providers
    from genesis_config.rules.rule import Resolved

    request, config, credentials = session.request, session.config, session.credentials
    rows, used = session.discovery.rows, session.discovery.used_secrets
    providers = resolve_providers(config, session.decisions.wanted, rows)
    served = {provider: rows[provider] for provider in rows if provider in providers}
    relevant = [decision for decision in session.decisions.every if request.wants(decision.provider)]
    diagnostics = registry.run_resolved(_context(session), Resolved(relevant, providers, served))
    if request.inline:
        providers, missing = inline_secrets(config, credentials, providers)
        diagnostics += missing
        used |= {path for path, string in config.expansion.strings.items() if string.secret and path[2] in providers}
    diagnostics += note_unset_variables(config, credentials, used)
    return session._replace(resolution=Resolution(providers, tuple(diagnostics)))


def emit(session: Session) -> Session:
    """Build the manifest from what could be resolved."""
    from genesis_config.manifest import MANIFEST_VERSION, Generator, Include, Manifest, SourceInfo, digest
    from genesis_config.resolve.selection import select_models

    loaded, providers = session.loaded, dict(session.resolution.providers)
    includes = {file.path: Include(file.path, digest(file.data)) for file in loaded.files}
    # Without a directory, so that the manifest does not depend on where the configuration is.
    source = SourceInfo(
        os.path.basename(loaded.name), digest(loaded.data), tuple(includes[path] for path in sorted(includes))
    )
    selection = select_models(session.config, providers)
    return session._replace(draft=Manifest(MANIFEST_VERSION, Generator(), source, providers, selection))


def lock_models(session: Session) -> Session:
    """Pin the models that the servers list."""
    written = Config.written(session.config.document)
    rows = session.discovery.rows
    return session._replace(
        locked={provider: LockedProvider(base_url_template(written, provider), rows[provider]) for provider in rows}
    )


def _context(session: Session) -> Context:
    """Return the context for rules, without the lock file if it is unused (compile) or about to be replaced (lock)."""
    request = session.request
    lock = None if request.purpose in {"compile", "lock"} else request.lock
    return Context(session.config, request.purpose, session.loaded.locked, lock)


STAGES: Final[Mapping[Purpose, tuple[Callable[[Session], Session], ...]]] = {
    "check": (lint,),
    "compile": (lint, decide, discover, resolve, emit),
    "frozen": (lint, decide, discover, resolve, emit),
    "lock": (lint, decide, discover, lock_models),
    "status": (lint, decide, discover, resolve, emit),
    "doctor": (lint, decide),
}
