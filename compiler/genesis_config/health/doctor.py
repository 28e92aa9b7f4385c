"""The steps from a configuration to a streamed token, stopping at the first one that fails."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from genesis_config import pipeline
from genesis_config.credentials.lookup import scrub
from genesis_config.credentials.patterns import without_keys
from genesis_config.diagnostics.suggestions import listed, nearest
from genesis_config.health.probe import probe
from genesis_config.health.providers import describe_credential, list_relevant, usable_model
from genesis_config.net.causes import Exchange, TransportError, proxy_fault
from genesis_config.net.loops import run_coroutine
from genesis_config.net.proxies import proxy_for
from genesis_config.net.steps import Peer, connect, look_up_host, shake_hands
from genesis_config.report.withheld import withhold_text
from genesis_config.resolve.discovery import ModelList
from genesis_config.resolve.queries import build_query
from genesis_config.runtime import CompletionError
from genesis_config.runtime.request import build_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.manifest import Manifest, Model, Provider, WindowFrom
    from genesis_config.pipeline import Session
    from genesis_config.resolve.decision import Decision

__all__ = ["Examination", "Step", "examine"]

_ORIGINS: Final[dict[WindowFrom, str]] = {
    "config": "set by the configuration",
    "server": "reported by the server",
    "parent": "reported by the server for its base model",
    "default": "assumed: neither the configuration nor the server sets it",
}

Outcome = Literal["ok", "warning", "failed", "skipped"]


class Result(NamedTuple):
    """The result of a step: its outcome, a message, and what to do unless the outcome is `ok`."""

    outcome: Outcome
    message: str
    help: str = ""


class Step(NamedTuple):
    """A step with its name and the fields of its result."""

    name: str
    outcome: Outcome
    message: str
    help: str = ""


class Examination(NamedTuple):
    """The steps of one provider, in order. `provider` is empty if the configuration itself cannot be used."""

    provider: str
    base_url: str
    steps: tuple[Step, ...]

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return any(step.outcome == "failed" for step in self.steps)


def examine(session: Session) -> list[Examination]:
    """Examine every provider that is configured or needed. If there is none, examine those that could be.

    Args:
        session: A session after the stages of `doctor`. The remaining stages are steps of each examination.
    """
    every, relevant = (
        [decision for decision in decisions if session.request.wants(decision.provider)]
        for decisions in (session.decisions.every, list_relevant(session))
    )
    if not every:
        return [Examination("", "", _run_steps(_configuration_steps(session)))]
    return [_Examiner(session, decision).examine() for decision in relevant or every]


def _run_steps(steps: Iterable[tuple[str, Callable[[], Result]]]) -> tuple[Step, ...]:
    """Run steps until one fails, and skip the rest."""
    done: list[Step] = []
    for name, run in steps:
        is_skipped = bool(done) and done[-1].outcome in {"failed", "skipped"}
        result = Result("skipped", "not tried") if is_skipped else run()
        done.append(Step(name, result.outcome, result.message, result.help))
    return tuple(done)


def _configuration_steps(session: Session) -> tuple[tuple[str, Callable[[], Result]], ...]:
    """Return the steps that are the same for all providers."""
    findings: Sequence[Diagnostic] = session.linted.diagnostics
    if session.request.withheld:
        findings = withhold_text(findings)
    errors = [finding for finding in findings if finding.severity == "error"]
    unset = [finding for finding in errors if finding.rule == "unset-variable"]
    wrong = [finding for finding in errors if finding.rule != "unset-variable"]
    warnings = sum(finding.severity == "warning" for finding in findings)

    def configuration() -> Result:
        if wrong:
            return _failure(wrong, "run `genesis check` to see it in the source")
        count = f", {warnings} warning{'s' * (warnings != 1)} (`genesis check`)" if warnings else ""
        return Result("ok", f"{session.loaded.name} has no errors{count}")

    def references() -> Result:
        if unset:
            return _failure(unset)
        strings = session.config.expansion.strings.values()
        known = sorted({name for string in strings for name in string.origins})
        missing = sorted({problem.reference.name for string in strings for problem in string.resolved.problems})
        if missing:
            # Only keys and headers get here: any other missing value is an error above.
            return Result("warning", f"{listed(missing)} {'has' if len(missing) == 1 else 'have'} no value")
        return Result(
            "ok", f"{listed(known)} {'has a value' if len(known) == 1 else 'have values'}" if known else "none"
        )

    return ("configuration", configuration), ("references", references)


def _failure(findings: Sequence[Diagnostic], help_: str = "") -> Result:
    """Return the result of a step that failed with findings: the first one, and the number of others."""
    first = findings[0]
    more = f"; {len(findings) - 1} more" if len(findings) > 1 else ""
    place = ""
    if first.span is not None:
        position = first.span.source.position(first.span.start)
        place = f"{first.span.source.name}:{position.line}:{position.column}: "
    return Result("failed", f"{place}{first.message}{more}", "; ".join(filter(None, (first.help, help_))))


class _Examiner:
    """Examination of one provider. Each step keeps what it learns for the following ones."""

    def __init__(self, session: Session, decision: Decision) -> None:
        self._session = session.narrow(decision.provider)
        self._decision = decision
        self._plan = build_query(session.config, session.credentials, decision)
        parts = urlsplit(decision.base_url)
        self._proxy = proxy_for(decision.base_url)
        self._secure = parts.scheme == "https"
        # The first connection goes to the server, or to the proxy in front of it.
        target = urlsplit(self._proxy.url) if self._proxy and self._proxy.valid else parts
        port = target.port or (443 if target.scheme == "https" else 80)
        self._peer = Peer(target.hostname or "", port, self._plan.query.url, self._proxy)
        self._listed = ModelList({})
        self._model = ""
        self._used: frozenset[str] = frozenset()

    def examine(self) -> Examination:
        """Run the steps. Their results contain no secret, even if a server echoes one."""
        steps = (
            *_configuration_steps(self._session),
            ("decision", self._check_decision),
            ("credential", self._credential),
            ("name", self._name),
            ("connection", self._connection),
            ("encryption", self._encryption),
            ("models", self._models),
            ("authentication", self._authentication),
            ("selection", self._selection),
            ("context window", self._window),
            ("completion", self._completion),
        )
        secrets = self._plan.query.redacted
        clean = tuple(
            step._replace(message=scrub(step.message, secrets), help=scrub(step.help, secrets))
            for step in _run_steps(steps)
        )
        return Examination(self._decision.provider, scrub(self._decision.base_url, secrets), clean)

    def _check_decision(self) -> Result:
        decision = self._decision
        if decision.kind == "none":
            return Result("failed", f"not configured: {decision.reason}", decision.change)
        return Result("ok", f"{decision.kind}: {decision.reason}")

    def _credential(self) -> Result:
        if self._plan.missing:
            return _failure(self._plan.missing)
        return Result("ok", describe_credential(self._session, self._decision))

    def _name(self) -> Result:
        peer = self._peer
        via = ""
        if peer.proxy is not None:
            via = f"the proxy {peer.proxy.shown}: "
            fault = proxy_fault(Exchange(peer.url, "connect", 0, proxy=peer.proxy))
            if fault is not None:
                return Result("failed", fault.reason, fault.help)
        try:
            ipaddress.ip_address(peer.host)
        except ValueError:
            try:
                return Result("ok", f"{via}{peer.host} is {listed(run_coroutine(look_up_host(peer)), 4)}")
            except TransportError as error:
                return Result("failed", f"{peer.host}: {error.cause.reason}", error.cause.help)
        return Result("ok", f"{via}{peer.host} is an IP address")

    def _connection(self) -> Result:
        try:
            milliseconds = run_coroutine(connect(self._peer))
        except TransportError as error:
            help_ = error.cause.help
            if self._proxy is None and self._decision.kind == "implicit":
                name = self._decision.provider
                help_ = (
                    "start the server (`vllm serve MODEL`); if it runs elsewhere, declare the provider with its "
                    f'`baseUrl`, and add "{name}/*": {{}} to agents.defaults.models to keep discovering its models'
                )
            return Result("failed", f"{self._peer.endpoint}: {error.cause.reason}", help_)
        return Result("ok", f"connected to {self._peer.endpoint} in {milliseconds:.0f} ms")

    def _encryption(self) -> Result:
        if not self._secure:
            return Result("ok", "not used (http)")
        if self._proxy is not None:
            return Result("ok", "through the proxy; checked in the next step")
        try:
            return Result("ok", run_coroutine(shake_hands(self._peer)))
        except TransportError as error:
            return Result("failed", f"{self._peer.endpoint}: {error.cause.reason}", error.cause.help)

    def _models(self) -> Result:
        self._session = pipeline.discover(self._session)
        lists = self._session.discovery.lists
        if self._decision.provider not in lists:
            # A file with a key may have been deleted since the earlier step.
            return _failure(self._session.discovery.diagnostics)
        self._listed = lists[self._decision.provider]
        failure = self._listed.failure
        if failure is None:
            return Result("ok", f"the server lists {listed(sorted(self._listed.rows), 4)}")
        if failure.rule == "auth-rejected":
            return Result("ok", "reachable, but the server rejects the request")
        if failure.rule == "bad-model-list" and self._decision.models_from == "config":
            # Some gateways have no model list; the declared models may still be available.
            return Result("warning", failure.message, failure.help)
        return Result("failed", failure.message, failure.help)

    def _authentication(self) -> Result:
        failure = self._listed.failure
        if failure is not None and failure.rule == "auth-rejected":
            return Result("failed", failure.message, failure.help)
        if self._plan.query.secrets:
            return Result("ok", "key accepted, or no key required")
        return Result("ok", "no key required")

    def _selection(self) -> Result:
        name = self._decision.provider
        rows = self._listed.rows
        self._session = pipeline.emit(pipeline.resolve(self._session))
        selection = self._manifest.selection
        chosen = [ref.partition("/")[2] for ref in (selection.primary, *selection.fallbacks) if ref]
        ids = [model.id for model in self._entry().models]
        unknown = [model for model in chosen if model not in ids]
        unserved = [model for model in ids if rows and model not in rows]
        for model in (*unknown, *(model for model in chosen if model in unserved)):
            near = nearest(model, rows)
            help_ = f"did you mean `{name}/{near}`?" if near else f"the server offers {listed(sorted(rows), 4)}"
            return Result("failed", f"`{self._shown(model)}` is selected, but the server does not serve it", help_)
        usable = usable_model(self._manifest, name, rows)
        if usable is None:
            return Result("failed", f"`{name}` has no models", "declare a model, or start the server with one")
        self._model = usable
        self._used = frozenset(chosen or [usable])
        if unserved:
            message = f"`{self._shown(unserved[0])}` is declared, but the server does not serve it"
            return Result("warning", message, f"the server offers {listed(sorted(rows), 4)}")
        if not chosen:
            return Result("ok", f"no model selected; testing `{self._shown(self._model)}`")
        return Result("ok", f"`{self._shown(self._model)}` is selected" + (" and served" if rows else ""))

    def _window(self) -> Result:
        entry = self._entry()
        # Selected models come first, and failures before warnings.
        ordered = sorted(entry.models, key=lambda model: model.id not in self._used)
        declared = self._session.config.provider(self._decision.provider)
        # If two entries have the same id, the first counts.
        places = {model.id: str(model.place) for model in reversed(declared.models if declared else ())}
        results = [result for model in ordered for result in self._check_limits(model, places.get(model.id, ""))]
        for outcome in ("failed", "warning"):
            for result in results:
                if result.outcome == outcome:
                    return result
        model = next(model for model in entry.models if model.id == self._model)
        origin = _ORIGINS[model.context_window_from]
        return Result("ok", f"{model.context_window} tokens, {origin}")

    def _check_limits(self, model: Model, here: str) -> Iterator[Result]:
        """Compare a model's token limit and its window, declared at `here`, with the server's window."""
        rows = self._listed.rows
        row = rows.get(model.id)
        base = rows.get(row.parent) if row is not None and row.parent is not None else None
        served = next((listed.context_window for listed in (row, base) if listed and listed.context_window), None)
        if served is None:
            return
        fields, _ = build_body(model, (), params={}, max_tokens=None, tools=None, tool_choice=None)
        limit = fields.get(model.compat.max_tokens_field)
        if isinstance(limit, int) and limit >= served:
            what = f"`{here}.maxTokens` is"
            if model.max_tokens_from != "config" or limit != model.max_tokens:
                what = f"the params of `{self._shown(model.id)}` set its token limit to"
            message = f"{what} {limit}, but the server's window is {served} tokens: every request will fail with 400"
            yield Result("failed" if model.id in self._used else "warning", message, f"set it below {served}")
        if model.context_window_from == "config" and model.context_window > served:
            message = f"`{here}.contextWindow` is {model.context_window}, but the server's window is {served} tokens"
            yield Result("warning", message, f"set it to {served}, or start the server with a larger --max-model-len")

    def _shown(self, model: str) -> str:
        """Return the reference to a model as a result may have it."""
        return without_keys(f"{self._decision.provider}/{model}")

    @property
    def _manifest(self) -> Manifest:
        assert self._session.draft is not None
        return self._session.draft

    def _entry(self) -> Provider:
        return self._manifest.providers[self._decision.provider]

    def _completion(self) -> Result:
        reference = f"{self._decision.provider}/{self._model}"
        try:
            usage = asyncio.run(probe(self._manifest, reference, self._session.credentials)).usage
        except CompletionError as error:
            return Result("failed", str(error), error.help or "")
        if usage is None or usage.output is None:
            return Result(
                "warning", "streamed a token, but without usage", "the server does not report it, so cost is unknown"
            )
        return Result("ok", f"streamed a token; usage: {usage.input} input + {usage.output} output tokens")
