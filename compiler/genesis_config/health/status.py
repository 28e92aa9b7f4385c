"""The state of each provider that is configured, or should be: its server's answer, the time to the first token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from genesis_config.credentials.lookup import scrub
from genesis_config.health.probe import probe
from genesis_config.health.providers import describe_credential, list_relevant, usable_model
from genesis_config.runtime import CompletionError

if TYPE_CHECKING:
    from genesis_config.pipeline import Session
    from genesis_config.resolve.decision import Decision

__all__ = ["Status", "report_status"]


class Status(NamedTuple):
    """One provider.

    Attributes:
        decision: Its decision, without a key in its base URL.
        credential: Where its key comes from, in words.
        reachable: Whether its server answers, be it with a refusal; None where it was not queried.
        models: The ids that its server lists, in order; None where it gave no list.
        version: The server's version, if it reports one.
        first_token_seconds: How long the first streamed token took; None where none was requested, or none came.
        problem: What is wrong, in words; None where nothing is.
    """

    decision: Decision
    credential: str
    reachable: bool | None
    models: tuple[str, ...] | None
    version: str | None
    first_token_seconds: float | None
    problem: str | None


def report_status(session: Session, *, probed: bool = False) -> list[Status]:
    """Report the state of every provider that is wanted and relevant.

    Args:
        session: A configuration after the stages of `status`, without errors.
        probed: Whether a token is streamed from each server that answers, from all at the same time.
    """
    wanted = [decision for decision in list_relevant(session) if session.request.wants(decision.provider)]
    states = [_status(session, decision) for decision in wanted]
    if not probed:
        return states

    async def probe_all() -> list[Status]:
        return list(await asyncio.gather(*(_probed(session, status) for status in states)))

    return asyncio.run(probe_all())


def _status(session: Session, decision: Decision) -> Status:
    if decision.kind == "none":
        return Status(decision, "none", None, None, None, None, f"not configured: {decision.reason}")
    name = decision.provider
    plan = session.discovery.plans[name]
    # It may hold the key by mistake, and is shown.
    shown = decision._replace(base_url=scrub(decision.base_url, plan.query.secrets))
    credential = describe_credential(session, decision)
    listed = session.discovery.lists.get(name)
    if listed is None:
        return Status(shown, credential, None, None, None, None, plan.missing[0].message)
    if listed.failure is not None:
        reachable = listed.failure.rule != "server-unreachable"
        return Status(shown, credential, reachable, None, listed.version, None, listed.failure.message)
    return Status(shown, credential, True, tuple(sorted(listed.rows)), listed.version, None, None)


async def _probed(session: Session, status: Status) -> Status:
    """Return the status with the time to the first token of a model, or with the reason why none came."""
    if status.problem is not None or status.models is None or session.draft is None:
        return status
    name = status.decision.provider
    model = usable_model(session.draft, name, status.models)
    if model is None:
        return status._replace(problem="there is no model to stream from")
    try:
        probed = await probe(session.draft, f"{name}/{model}", session.credentials)
    except CompletionError as error:
        return status._replace(problem=scrub(str(error), session.discovery.plans[name].query.secrets))
    return status._replace(first_token_seconds=probed.first_token_seconds)
