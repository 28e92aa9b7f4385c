"""Walking from a configuration to a streamed token, and stopping at the first step that explains the rest."""

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
    """How a step went: what was found, and what to do where that is not as it should be."""

    outcome: Outcome
    message: str
    help: str = ""


class Step(NamedTuple):
    """One step: its name, and the fields of its result."""

    name: str
    outcome: Outcome
    message: str
    help: str = ""


class Examination(NamedTuple):
    """One provider's steps, in order. `provider` is empty where the configuration itself cannot be used."""

    provider: str
    base_url: str
    steps: tuple[Step, ...]

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return any(step.outcome == "failed" for step in self.steps)


def examine(session: Session) -> list[Examination]:
    """Examine every provider that is configured or needed; where there is none, those that could be.

    Args:
        session: A configuration after the stages of `doctor`; the rest of them are steps of each examination.
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
            return _failure(wrong, "`genesis check` shows it with its place")
        noted = f", {warnings} warning{'s' * (warnings != 1)} (`genesis check`)" if warnings else ""
        return Result("ok", f"{session.loaded.name} has no errors{noted}")

    def references() -> Result:
        if unset:
            return _failure(unset)
        strings = session.config.expansion.strings.values()
        known = sorted({name for string in strings for name in string.origins})
        missing = sorted({problem.reference.name for string in strings for problem in string.resolved.problems})
        if missing:
            # Of keys alone: what else has no value is an error above.
            return Result("warning", f"{listed(missing)} {'has' if len(missing) == 1 else 'have'} no value")
        return Result(
            "ok", f"{listed(known)} {'has a value' if len(known) == 1 else 'have values'}" if known else "none"
        )

    return ("configuration", configuration), ("references", references)


def _failure(findings: Sequence[Diagnostic], help_: str = "") -> Result:
    """Return the result of a step with findings: the first of them, and how many there are."""
    first = findings[0]
    more = f"; {len(findings) - 1} more" if len(findings) > 1 else ""
    place = ""
    if first.span is not None:
        position = first.span.source.position(first.span.start)
        place = f"{first.span.source.name}:{position.line}:{position.column}: "
    return Result("failed", f"{place}{first.message}{more}", "; ".join(filter(None, (first.help, help_))))


class _Examiner:
    """Examines one provider; what a step finds out is kept for those after it."""

    def __init__(self, session: Session, decision: Decision) -> None:
        self._session = session.narrow(decision.provider)
        self._decision = decision
        self._plan = build_query(session.config, session.credentials, decision)
        parts = urlsplit(decision.base_url)
        self._proxy = proxy_for(decision.base_url)
        self._secure = parts.scheme == "https"
        # Where the first connection goes: to the server, or to the proxy in front of it.
        first = urlsplit(self._proxy.url) if self._proxy and self._proxy.valid else parts
        port = first.port or (443 if first.scheme == "https" else 80)
        self._peer = Peer(first.hostname or "", port, self._plan.query.url, self._proxy)
        self._listed = ModelList({})
        self._model = ""
        self._used: frozenset[str] = frozenset()

    def examine(self) -> Examination:
        """Run the steps. Their results contain no secret, whatever a server says."""
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
        secrets = self._plan.query.secrets
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
        return Result("ok", f"{via}{peer.host} is an address")

    def _connection(self) -> Result:
        try:
            took = run_coroutine(connect(self._peer))
        except TransportError as error:
            help_ = error.cause.help
            if self._proxy is None and self._decision.kind == "implicit":
                name = self._decision.provider
                help_ = (
                    "start the server (`vllm serve MODEL`), or declare the provider with the `baseUrl` that it has, "
                    f'and "{name}/*": {{}} in agents.defaults.models to keep discovering its models'
                )
            return Result("failed", f"{self._peer.endpoint}: {error.cause.reason}", help_)
        return Result("ok", f"{self._peer.endpoint} answers after {took:.0f} ms")

    def _encryption(self) -> Result:
        if not self._secure:
            return Result("ok", "not used (http)")
        if self._proxy is not None:
            return Result("ok", "through the proxy, in the next step")
        try:
            return Result("ok", run_coroutine(shake_hands(self._peer)))
        except TransportError as error:
            return Result("failed", f"{self._peer.endpoint}: {error.cause.reason}", error.cause.help)

    def _models(self) -> Result:
        self._session = pipeline.discover(self._session)
        lists = self._session.discovery.lists
        if self._decision.provider not in lists:
            # A file with a key can go between two steps.
            return _failure(self._session.discovery.diagnostics)
        self._listed = lists[self._decision.provider]
        failure = self._listed.failure
        if failure is None:
            return Result("ok", f"the server lists {listed(sorted(self._listed.rows), 4)}")
        if failure.rule == "auth-rejected":
            return Result("ok", "reachable, but the server rejects the request")
        if failure.rule == "bad-model-list" and self._decision.models_from == "config":
            # Servers in front of others have no list at times; what is declared may well be there.
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
            help_ = f"did you mean `{name}/{near}`?" if near else f"it serves {listed(sorted(rows), 4)}"
            return Result("failed", f"`{self._shown(model)}` is selected, and the server does not serve it", help_)
        usable = usable_model(self._manifest, name, rows)
        if usable is None:
            return Result("failed", f"`{name}` has no models", "declare one, or start the server with one")
        self._model = usable
        self._used = frozenset(chosen or [usable])
        if unserved:
            message = f"`{self._shown(unserved[0])}` is declared, and the server does not serve it"
            return Result("warning", message, f"it serves {listed(sorted(rows), 4)}")
        what = "selected" if chosen else "not selected, and the first"
        return Result("ok", f"`{self._shown(self._model)}` is {what}" + (", and served" if rows else ""))

    def _window(self) -> Result:
        entry = self._entry()
        # Selected models come first, and failures before warnings.
        ordered = sorted(entry.models, key=lambda model: model.id not in self._used)
        declared = self._session.config.provider(self._decision.provider)
        # Of two with one id the first counts.
        places = {model.id: str(model.place) for model in reversed(declared.models if declared else ())}
        results = [found for model in ordered for found in self._check_limits(model, places.get(model.id, ""))]
        for outcome in ("failed", "warning"):
            for result in results:
                if result.outcome == outcome:
                    return result
        model = next(model for model in entry.models if model.id == self._model)
        origin = _ORIGINS[model.context_window_from]
        return Result("ok", f"{model.context_window} tokens, {origin}")

    def _check_limits(self, model: Model, here: str) -> Iterator[Result]:
        """Compare the token limit of a model's requests, and its window declared `here`, with the server's window."""
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
            message = f"{what} {limit}, and the server's window is {served} tokens: it answers every request with 400"
            yield Result("failed" if model.id in self._used else "warning", message, f"write less than {served}")
        if model.context_window_from == "config" and model.context_window > served:
            message = f"`{here}.contextWindow` is {model.context_window}, and the server says {served} tokens"
            yield Result("warning", message, f"write {served}, or start the server with a larger --max-model-len")

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
                "warning", "a token was streamed, without usage", "the server does not report it; cost is not known"
            )
        return Result("ok", f"a token was streamed; usage: {usage.input} input + {usage.output} output tokens")
