"""How each provider is that is configured, or should be: what its server answers, how long its first token takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from genesis_config.health.probe import probe
from genesis_config.health.survey import ask, manifest_of, prepare, usable_model
from genesis_config.manifest import scrub
from genesis_config.runtime import CompletionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from genesis_config.health.survey import Prepared, Read, Seen
    from genesis_config.resolve.credentials import Keys
    from genesis_config.resolve.decision import Decision

__all__ = ["Status", "look"]


class Status(NamedTuple):
    """One provider.

    Attributes:
        decision: What was decided, without a key in its base URL.
        credential: Where its key comes from, in words.
        reachable: Whether its server answers, be it a refusal; None where it was not asked.
        models: The ids that its server lists, in order; None where it gave no list.
        version: The server's version, if it tells.
        first_token_seconds: How long the first streamed token took; None where none was asked for, or none came.
        problem: What is wrong, in words; None where nothing is.
    """

    decision: Decision
    credential: str
    reachable: bool | None
    models: tuple[str, ...] | None
    version: str | None
    first_token_seconds: float | None
    problem: str | None


def look(config: Read, decisions: Sequence[Decision], keys: Keys, *, probed: bool = False) -> list[Status]:
    """Ask the servers of providers, all at the same time.

    Args:
        config: The configuration, without errors.
        decisions: Those of its providers that are looked at. One that is not configured is not asked.
        keys: Where variables and keys come from.
        probed: Whether a token is streamed from each server that answers.
    """
    asked = {each.prepared.decision.provider: each for each in ask(_prepared(config, decisions, keys))}
    found = [_status(asked[made.provider]) if made.provider in asked else _not_configured(made) for made in decisions]
    if not probed:
        return found

    async def every() -> list[Status]:
        return list(await asyncio.gather(*map(_probed, found)))

    async def _probed(status: Status) -> Status:
        seen = asked.get(status.decision.provider)
        if status.problem is not None or seen is None or seen.models is None:
            return status
        manifest = manifest_of(config, seen.prepared.decision, keys, seen.models.rows)
        model = usable_model(manifest, status.decision.provider, seen.models.rows)
        if model is None:
            return status._replace(problem="there is no model to stream from")
        try:
            done = await probe(manifest, f"{status.decision.provider}/{model}", keys)
        except CompletionError as error:
            return status._replace(problem=scrub(str(error), seen.prepared.query.secrets))
        return status._replace(first_token_seconds=done.first_token_seconds)

    return asyncio.run(every())


def _prepared(config: Read, decisions: Sequence[Decision], keys: Keys) -> Iterator[Prepared]:
    return (prepare(config.context, made, keys) for made in decisions if made.kind != "none")


def _not_configured(made: Decision) -> Status:
    """Say of a provider that something needs it, and that nothing opted in to it."""
    return Status(made, "none", None, None, None, None, f"not configured: {made.reason}")


def _status(seen: Seen) -> Status:
    prepared, models = seen
    made = prepared.decision
    # It may hold the key by mistake, and is shown.
    made = made._replace(base_url=scrub(made.base_url, prepared.query.secrets))
    status = Status(made, prepared.credential, None, None, None, None, None)
    if models is None:
        return status._replace(problem=prepared.missing[0].message)
    status = status._replace(version=models.version)
    if models.failure is not None:
        reachable = models.failure.rule != "server-unreachable"
        return status._replace(reachable=reachable, problem=models.failure.message)
    return status._replace(reachable=True, models=tuple(sorted(models.rows)))
