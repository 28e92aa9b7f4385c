"""`lock-stale`: lock file does not match the configuration."""

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
    title="lock file does not match the configuration",
    severity="warning",
    kind="required",
    stage="lock",
    why="""`genesis.lock.json` contains a provider that is no longer discovered, lacks one that is, or was written for a
different base URL, so its models may not be those of the servers in this configuration. This is a warning in
`genesis check` and an error in `genesis compile --frozen`. `genesis lock --check` also reports servers that now list
different models, as an error.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }  // genesis.lock.json has a different baseUrl""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },
  agents: { defaults: { models: { "vllm/*": {} } } } }  // after `genesis lock`""",
)

_HELP: Final = "run `genesis lock`"
# Commands that use the lock in place of servers, or that check the lock itself.
_ERROR_IN: Final[frozenset[Purpose]] = frozenset({"frozen", "lock"})


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each difference between the configuration and the lock file next to it, if any."""
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
            message = f"the lock file pins the models of `{name}`, which is not discovered"
            yield _in_lock(lock, severity, message, name)
        elif locked.base_url != base_url_template(written, name):
            message = f"the base URL of `{name}` differs from the one in the lock file"
            place = written.at(*keys.PROVIDERS, name).key
            if provider is not None and provider.sets(keys.BASE_URL):
                place = provider.at(keys.BASE_URL)
            yield RULE.finding(place, message, _HELP, severity=severity)
    for name, reference in lock_missing.lock_users(context.config):
        if name not in lock.providers:
            message = f"the lock file has no entry for `{name}`, whose models are discovered"
            yield RULE.finding(reference.place, message, _HELP, severity=severity)


def compare(lock: Lock | None, now: Mapping[str, LockedProvider]) -> Iterator[Diagnostic]:
    """Yield a finding for each difference between a lock file and what the servers list now."""
    severity: Severity = "error"
    if lock is None:
        yield lock_missing.RULE.finding(None, f"{LOCK_NAME} is missing, so there is nothing to compare with", _HELP)
    elif lock.problem is not None:
        yield _unusable(lock, severity)
    else:
        for provider, model, message in compare_locks(lock.providers, now):
            yield _in_lock(lock, severity, message, provider, model)


def _unusable(lock: Lock, severity: Severity) -> Diagnostic:
    """Return the finding that reports why a lock file cannot be used, and where in it the problem is."""
    help_ = "replace it with a regular file, or remove it and run `genesis lock`" if lock.refused else _HELP
    message = f"{os.path.basename(lock.source.name)} {lock.problem}"
    return RULE.finding(Span(lock.source, lock.place, lock.place), message, help_, severity=severity)


def _in_lock(lock: Lock, severity: Severity, message: str, provider: str, model: str | None = None) -> Diagnostic:
    """Return a finding in the lock file itself, at the key of a provider or a model."""
    start = end = 0
    for key in (provider, model):
        text = f"{quote(key)}: {{" if key is not None else ""
        found = lock.source.text.find(text, end) if text else -1
        if found < 0:
            break
        start, end = found, found + len(text) - 3
    return RULE.finding(Span(lock.source, start, end), message, _HELP, severity=severity)
