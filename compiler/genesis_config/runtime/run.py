"""The state of one completion across its attempts: the caller's arguments, the failures, and the output so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from genesis_config.credentials.lookup import scrub
from genesis_config.net import limits
from genesis_config.runtime.decoder import StreamDecoder
from genesis_config.runtime.errors import CompletionError, MalformedStreamError
from genesis_config.runtime.events import Attempt, Completion
from genesis_config.runtime.failover import choose_next_step
from genesis_config.runtime.telemetry import error_label, log
from genesis_config.runtime.usage import build_usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from genesis_config.runtime.deadline import Deadline
    from genesis_config.runtime.events import Choice, Usage
    from genesis_config.runtime.reply import Reply
    from genesis_config.runtime.request import Target
    from genesis_config.runtime.telemetry import Operation

__all__ = ["Run"]

_LONGEST_EVENT: Final = 200


class Run:
    """One completion: the caller's arguments, and the current attempt.

    Attributes:
        attempts: The attempts that failed, in order.
        retries: How many times the current model has been retried.
        has_output: Whether the current attempt has yielded an event.
        request_notes: A note on each group of params that were not sent.
    """

    __slots__ = (
        "attempts",
        "deadline",
        "decoder",
        "has_output",
        "max_tokens",
        "messages",
        "model",
        "operation",
        "params",
        "reply",
        "request_notes",
        "retries",
        "secrets",
        "target",
        "tool_choice",
        "tools",
    )

    def __init__(  # noqa: PLR0913 - a request's parts
        self,
        model: str | None,
        messages: Sequence[Mapping[str, object]],
        max_tokens: int | None,
        params: Mapping[str, object],
        tools: Sequence[Mapping[str, object]] | None,
        tool_choice: str | Mapping[str, object] | None,
        deadline: float | None,
    ) -> None:
        """Create a run from the arguments of `Runtime.stream`."""
        self.model = model
        self.messages = messages
        self.max_tokens = max_tokens
        self.params = params
        self.tools = tools
        self.tool_choice = tool_choice
        self.deadline = deadline
        self.attempts: list[Attempt] = []
        self.retries = 0
        self.start_attempt()

    def start_attempt(self) -> None:
        """Reset the state of the current attempt."""
        self.has_output = False
        self.reply: Reply | None = None
        self.operation: Operation | None = None
        self.target: Target | None = None
        self.secrets: tuple[str, ...] = ()
        self.request_notes: tuple[str, ...] = ()
        self.decoder = StreamDecoder()

    @property
    def reference(self) -> str:
        """The current model as `provider/model`; empty if it was not found."""
        return f"{self.target.provider_id}/{self.target.model.id}" if self.target is not None else ""

    @property
    def found_target(self) -> Target:
        """The current model, which must have been found."""
        assert self.target is not None
        return self.target

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The output so far, in the order of the choices."""
        return tuple(choice.to_choice(index) for index, choice in sorted(self.decoder.choices.items()))

    def mark_output(self) -> None:
        """Record the first event: from now on nothing is retried."""
        self.has_output = True
        if self.operation is not None:
            self.operation.mark_first_event()

    def check_complete(self) -> None:
        """Check that the response is complete.

        Raises:
            CompletionError: It is not.
        """
        error = self.decoder.error
        if error is not None and self.reply is not None:
            raise self.reply.explain(error)

    def build_completion(self, usage: Usage) -> Completion:
        """Return the whole completion."""
        head = self.decoder.head
        return Completion(
            provider=self.found_target.provider_id,
            model=self.found_target.model.id,
            choices=self.choices,
            usage=usage,
            attempts=tuple(self.attempts),
            id=head.id,
            created=head.created,
            request_id=self.reply.request_id if self.reply is not None else None,
        )

    def record_success(self) -> Usage:
        """Record that the completion succeeded, and return its usage."""
        choices = self.decoder.choices
        usage = build_usage(self.decoder.usage, self.found_target.model, _build_notes(self), choices=len(choices))
        if self.operation is not None:
            reasons = tuple(choice.finish_reason or "" for _, choice in sorted(choices.items()))
            self.operation.record_success(usage, reasons, self.decoder.head)
        return usage

    def record_failure(
        self, error: CompletionError, deadline: Deadline, *, has_fallback: bool
    ) -> float | Literal["next"] | None:
        """Complete the error with the state of this run, and return the next step, as `choose_next_step` does."""
        # The library's error contains the request, and with it the key.
        error.__context__ = None
        # Redact before cutting, so that no part of a secret remains.
        error.args = (scrub(error.args[0], self.secrets)[: limits.MAX_MESSAGE],)
        if error.help is not None:
            error.help = scrub(error.help, self.secrets)
        if isinstance(error, MalformedStreamError):
            error.event = scrub(error.event, self.secrets)[:_LONGEST_EVENT]
        if self.target is not None:
            error.provider, error.model = self.target.provider_id, self.target.model.id
        if self.reply is not None:
            error.status = self.reply.status
        error.choices = self.choices
        if self.decoder.usage is not None:
            error.usage = build_usage(self.decoder.usage, self.found_target.model, choices=len(error.choices))
        if self.operation is not None:
            self.operation.record_failure(error)
        step = None
        if not self.has_output:
            seconds_left = deadline.seconds_left()
            step = choose_next_step(error, self.retries, has_fallback=has_fallback, seconds_left=seconds_left)
        if step is None:
            error.attempts = tuple(self.attempts)
            return None
        self.retries = self.retries + 1 if isinstance(step, float) else 0
        self.attempts.append(Attempt(self.reference, type(error).__name__, str(error), error.status))
        action = "trying the next model" if step == "next" else "retrying"
        # The server's error text may quote the prompt, so it is logged at level DEBUG only.
        log.warning("%s: %s; %s", self.reference, error_label(error), action)
        log.debug("%s: %s", self.reference, error)
        return step

    def close(self) -> None:
        """Stop reading, and end the operation if it has not ended."""
        if self.reply is not None:
            self.reply.close()
        if self.operation is not None:
            self.operation.close()


def _build_notes(run: Run) -> tuple[str, ...]:
    """Return the notes on a successful completion."""
    first = run.decoder.choices[0]
    notes = [*run.request_notes]
    retries = sum(attempt.model == run.reference for attempt in run.attempts)
    if retries:
        plural = "retry" if retries == 1 else "retries"
        notes.append(f"succeeded after {retries} {plural}: {run.attempts[-1].message}")
    if run.decoder.usage is None:
        notes.append("the server sent no usage")
    elif run.found_target.model.context_window_from == "default":
        notes.append("context usage unknown: no contextWindow set")
    if first.reasoning_pieces and not first.text_pieces and not first.tool_calls:
        notes.append("the response contains only reasoning")
    return tuple(notes)
