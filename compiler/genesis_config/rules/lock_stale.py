"""`lock-stale`: a lock that is of another configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from genesis_config.config import keys
from genesis_config.config.defaults import IMPLICIT_PROVIDERS
from genesis_config.config.views import Config
from genesis_config.diagnostics.source import Span
from genesis_config.resolve.lock import LOCK_NAME, base_url_template, compare_locks, quote
from genesis_config.rules import lock_missing
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from genesis_config.diagnostics.finding import Diagnostic, Severity
    from genesis_config.resolve.lock import Lock, LockedProvider
    from genesis_config.resolve.results import Purpose
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check", "compare"]

RULE: Final = Rule(
    "lock-stale",
    title="a lock that is of another configuration",
    severity="warning",
    kind="required",
    stage="lock",
    why="""`genesis.lock.json` holds a provider that is not discovered any more, lacks one that is, or was written for
another base URL: what it says of models is not what the servers of this configuration would say. For
`genesis compile --frozen` that is an error, and so is a server that now lists other models for
`genesis lock --check`.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }  // and genesis.lock.json has another baseUrl""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }  // after `genesis lock`""",
)

_HELP: Final = "run `genesis lock`"
# Where the lock stands in for servers, or is itself what is checked.
_ERROR_IN: Final[frozenset[Purpose]] = frozenset({"frozen", "lock"})


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the differences between a lock, if there is one, and the configuration next to it."""
    lock = context.lock
    if lock is None:
        return
    severity: Severity = "error" if context.purpose in _ERROR_IN else RULE.severity
    if lock.problem is not None:
        yield _unusable(lock, severity)
        return
    written = Config.written(context.config.document)
    for name, locked in lock.providers.items():
        provider = written.provider(name)
        if not (written.is_dynamic(name) if written.declares(name) else name in IMPLICIT_PROVIDERS):
            message = f"the lock pins the models of `{name}`, which is not discovered"
            yield _in_lock(lock, severity, message, name)
        elif locked.base_url != base_url_template(written, name):
            message = f"the lock pins the models of `{name}` at another base URL"
            place = written.at(*keys.PROVIDERS, name).key
            if provider is not None and provider.sets(keys.BASE_URL):
                place = provider.at(keys.BASE_URL)
            yield RULE.finding(place, message, _HELP, severity=severity)
    for name, reference in lock_missing.lock_users(context.config):
        if name not in lock.providers:
            message = f"the lock has no models of `{name}`, whose server is to be asked for them"
            yield RULE.finding(reference.place, message, _HELP, severity=severity)


def compare(lock: Lock | None, now: Mapping[str, LockedProvider]) -> Iterator[Diagnostic]:
    """Yield the differences between a lock and what servers list now."""
    severity: Severity = "error"
    if lock is None:
        yield lock_missing.RULE.finding(None, f"there is no {LOCK_NAME} to compare with", _HELP)
    elif lock.problem is not None:
        yield _unusable(lock, severity)
    else:
        for provider, model, words in compare_locks(lock.providers, now):
            yield _in_lock(lock, severity, words, provider, model)


def _unusable(lock: Lock, severity: Severity) -> Diagnostic:
    """Report why a lock cannot be used, and where in it that is."""
    help_ = "put the file itself there, or remove it and run `genesis lock`" if lock.refused else _HELP
    message = f"{os.path.basename(lock.source.name)} {lock.problem}"
    return RULE.finding(Span(lock.source, lock.place, lock.place), message, help_, severity=severity)


def _in_lock(lock: Lock, severity: Severity, message: str, provider: str, model: str | None = None) -> Diagnostic:
    """Make a finding in the lock itself, at a provider's or a model's key."""
    start = end = 0
    for key in (provider, model):
        text = f"{quote(key)}: {{" if key is not None else ""
        found = lock.source.text.find(text, end) if text else -1
        if found < 0:
            break
        start, end = found, found + len(text) - 3
    return RULE.finding(Span(lock.source, start, end), message, _HELP, severity=severity)
