"""The status of each provider that is configured or needed: its server's response, and the time to a first token."""

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
    """The status of one provider.

    Attributes:
        decision: The decision for the provider, without a key in its base URL.
        credential: A description of where the key comes from.
        reachable: Whether the server responded, even if it rejected the request; None if it was not queried.
        models: The model ids that the server lists, sorted; None if it returned no list.
        version: The server's version, if it reports one.
        first_token_seconds: The time to the first streamed token; None if none was requested or none arrived.
        problem: A description of the problem; None if there is none.
    """

    decision: Decision
    credential: str
    reachable: bool | None
    models: tuple[str, ...] | None
    version: str | None
    first_token_seconds: float | None
    problem: str | None


def report_status(session: Session, *, with_probe: bool = False) -> list[Status]:
    """Return the status of every provider that is requested and relevant.

    Args:
        session: A session after the stages of `status`, without errors.
        with_probe: Whether to stream a token from each server that responds, from all concurrently.
    """
    wanted = [decision for decision in list_relevant(session) if session.request.wants(decision.provider)]
    statuses = [_status(session, decision) for decision in wanted]
    if not with_probe:
        return statuses

    async def probe_all() -> list[Status]:
        return list(await asyncio.gather(*(_add_probe(session, status) for status in statuses)))

    return asyncio.run(probe_all())


def _status(session: Session, decision: Decision) -> Status:
    if decision.kind == "none":
        return Status(decision, "none", None, None, None, None, f"not configured: {decision.reason}")
    name = decision.provider
    plan = session.discovery.plans[name]
    # The base URL is shown, and may contain the key by mistake.
    shown = decision._replace(base_url=scrub(decision.base_url, plan.query.redacted))
    credential = describe_credential(session, decision)
    listed = session.discovery.lists.get(name)
    if listed is None:
        return Status(shown, credential, None, None, None, None, plan.missing[0].message)
    if listed.failure is not None:
        reachable = listed.failure.rule != "server-unreachable"
        return Status(shown, credential, reachable, None, listed.version, None, listed.failure.message)
    return Status(shown, credential, True, tuple(sorted(listed.rows)), listed.version, None, None)


async def _add_probe(session: Session, status: Status) -> Status:
    """Return the status with the time to a model's first token, or with the reason why none arrived."""
    if status.problem is not None or status.models is None or session.draft is None:
        return status
    name = status.decision.provider
    model = usable_model(session.draft, name, status.models)
    if model is None:
        return status._replace(problem="no model to stream from")
    try:
        result = await probe(session.draft, f"{name}/{model}", session.credentials)
    except CompletionError as error:
        return status._replace(problem=scrub(str(error), session.discovery.plans[name].query.redacted))
    return status._replace(first_token_seconds=result.first_token_seconds)
