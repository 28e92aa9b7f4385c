"""The lock beside the configuration: that there is one where it is needed, and that it is of this configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from genesis_config.config.lookup import (
    IMPLICIT_PROVIDERS,
    is_dynamic,
    mapping,
    model_refs,
    providers,
    selected_entries,
    split_ref,
)
from genesis_config.config.views import Config
from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.diagnostics.source import Span
from genesis_config.resolve.lock import LOCK_NAME, differences, quoted, template
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from genesis_config.diagnostics.finding import Path, Severity
    from genesis_config.resolve.lock import Lock, LockedProvider
    from genesis_config.rules.rule import Context

__all__ = ["RULES", "check", "outdated"]

_DYNAMIC: Final = """{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }"""

LOCK_MISSING: Final = Rule(
    "lock-missing",
    "error",
    "there is no lock, and one is needed",
    f"""`genesis compile --frozen` asks no server: the models of a provider that is discovered, or kept dynamic by
a wildcard, come from `{LOCK_NAME}` beside the configuration. `genesis lock` writes it, where the servers can be
reached; it belongs into version control.""",
    f"{_DYNAMIC}  // and there is no {LOCK_NAME}",
    f"{_DYNAMIC}  // after `genesis lock`",
)
LOCK_STALE: Final = Rule(
    "lock-stale",
    "warning",
    "a lock that is of another configuration",
    f"""`{LOCK_NAME}` holds a provider that is not discovered any more, lacks one that is, or was written for another
base URL: what it says of models is not what the servers of this configuration would say. For `genesis compile --frozen`
that is an error, and so is a server that now lists other models for `genesis lock --check`.""",
    f"{_DYNAMIC}  // and {LOCK_NAME} has another baseUrl",
    f"{_DYNAMIC}  // after `genesis lock`",
    error_in=frozenset({"frozen", "lock"}),
)
RULES: Final = (LOCK_MISSING, LOCK_STALE)


def check(context: Context) -> Iterator[Diagnostic]:
    """Compare a lock, if there is one, with the configuration next to it."""
    lock = context.lock
    if lock is None:
        # Where the lock stands in for the servers, it is needed.
        if context.purpose == "frozen":
            yield from _missing(context)
        return
    help_ = "run `genesis lock`"
    severity = LOCK_STALE.severity_in(context.purpose)
    if lock.problem is not None:
        yield _unusable(lock, help_, severity)
        return
    value = context.document.value
    for name, pinned in lock.providers.items():
        declared = name in mapping(value, "models", "providers")
        path: Path = ("models", "providers", name)
        if not (is_dynamic(value, name) if declared else name in IMPLICIT_PROVIDERS):
            message = f"the lock pins the models of `{name}`, which is not discovered"
            yield _in_lock(lock, severity, message, help_, name)
        elif pinned.base_url != template(Config.written(context.document), name):
            message = f"the lock pins the models of `{name}` at another base URL"
            stated = "baseUrl" in mapping(value, *map(str, path))
            yield LOCK_STALE.finding(context, (*path, "baseUrl") if stated else path, message, help_, key=not stated)
    for name, path, key in _needed(context):
        if name not in lock.providers:
            message = f"the lock has no models of `{name}`, whose server is to be asked for them"
            yield LOCK_STALE.finding(context, path, message, help_, key=key)


def _missing(context: Context) -> Iterator[Diagnostic]:
    """Report the providers that need a lock, where there is none."""
    for name, path, key in _needed(context):
        message = f"there is no {LOCK_NAME}, which is to say what models `{name}` has"
        help_ = "run `genesis lock` where its server can be reached, and keep the file beside the configuration"
        yield LOCK_MISSING.finding(context, path, message, help_, key=key)


def outdated(lock: Lock | None, now: Mapping[str, LockedProvider]) -> Iterator[Diagnostic]:
    """Compare a lock with what servers list now."""
    help_ = "run `genesis lock`"
    severity = LOCK_STALE.severity_in("lock")
    if lock is None:
        yield Diagnostic(LOCK_MISSING.name, f"there is no {LOCK_NAME} to compare with", None, help_)
    elif lock.problem is not None:
        yield _unusable(lock, help_, severity)
    else:
        for provider, model, words in differences(lock.providers, now):
            yield _in_lock(lock, severity, words, help_, provider, model)


def _needed(context: Context) -> Iterator[tuple[str, Path, bool]]:
    """List the providers whose models only their servers know, each with the first place that says so.

    A place is a path, and whether it is the key there.
    """
    declared = dict(providers(context.value))
    places: list[tuple[str, Path, bool]] = [
        (text, ("agents", "defaults", "models", text), True) for text, _ in selected_entries(context.value)
    ]
    places += [(text, path, False) for path, text in model_refs(context.value)]
    seen = set()
    for text, path, key in places:
        name, model = split_ref(text) or ("", "")
        discovered = model == "*" if name in declared else name in IMPLICIT_PROVIDERS
        if discovered and name not in seen:
            seen.add(name)
            yield name, path, key


def _unusable(lock: Lock, help_: str, severity: Severity) -> Diagnostic:
    """Report why a lock cannot be used, and where in it that is."""
    if lock.refused:
        help_ = "put the file itself there, or remove it and run `genesis lock`"
    message = f"{os.path.basename(lock.source.name)} {lock.problem}"
    span = Span(lock.source, lock.place, lock.place)
    return Diagnostic(LOCK_STALE.name, message, span, help_, severity=severity)


def _in_lock(  # noqa: PLR0913 - a finding, and its place in the lock
    lock: Lock, severity: Severity, message: str, help_: str, provider: str | None = None, model: str | None = None
) -> Diagnostic:
    """Make a finding in the lock itself: at a provider's or a model's key, or at its start."""
    start = end = 0
    for key in (provider, model):
        text = f"{quoted(key)}: {{" if key is not None else ""
        found = lock.source.text.find(text, end) if text else -1
        if found < 0:
            break
        start, end = found, found + len(text) - 3
    return Diagnostic(LOCK_STALE.name, message, Span(lock.source, start, end), help_, severity=severity)
