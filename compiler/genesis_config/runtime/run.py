"""One completion from its beginning to its end, whatever it takes: what was asked, what failed, what has arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from genesis_config.credentials.lookup import scrub
from genesis_config.net import limits
from genesis_config.runtime.decoder import StreamDecoder
from genesis_config.runtime.errors import CompletionError, MalformedStreamError
from genesis_config.runtime.events import Attempt, Completion
from genesis_config.runtime.failover import next_step
from genesis_config.runtime.telemetry import kind, log
from genesis_config.runtime.usage import account

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
    """One completion: what the caller asked for, and how far it came.

    Attributes:
        attempts: What failed before, in order.
        begun: Whether an event of the answer was handed out.
        tries: How often the model was tried again.
    """

    __slots__ = (
        "attempts",
        "begun",
        "deadline",
        "decoder",
        "held_back",
        "max_tokens",
        "messages",
        "model",
        "operation",
        "params",
        "reply",
        "secrets",
        "target",
        "tool_choice",
        "tools",
        "tries",
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
        """Take what `Runtime.stream` takes."""
        self.model = model
        self.messages = messages
        self.max_tokens = max_tokens
        self.params = params
        self.tools = tools
        self.tool_choice = tool_choice
        self.deadline = deadline
        self.attempts: list[Attempt] = []
        self.tries = 0
        self.begin()

    def begin(self) -> None:
        """Begin a try."""
        self.begun = False
        self.reply: Reply | None = None
        self.operation: Operation | None = None
        self.target: Target | None = None
        self.secrets: tuple[str, ...] = ()
        self.held_back: tuple[str, ...] = ()
        self.decoder = StreamDecoder()

    @property
    def reference(self) -> str:
        """The model that is tried, as `provider/model`; empty where there is none."""
        return f"{self.target.provider_id}/{self.target.model.id}" if self.target is not None else ""

    @property
    def found(self) -> Target:
        """The model that is tried, once it was found."""
        assert self.target is not None
        return self.target

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What has arrived, in the order of the choices."""
        return tuple(answer.choice(index) for index, answer in sorted(self.decoder.answers.items()))

    def first(self) -> None:
        """Take note of the first event: from now on nothing is tried again."""
        self.begun = True
        if self.operation is not None:
            self.operation.first()

    def check_end(self) -> None:
        """Refuse an answer that did not end as it must.

        Raises:
            CompletionError: What is wrong with it.
        """
        error = self.decoder.error
        if error is not None and self.reply is not None:
            raise self.reply.explain(error)

    def completion(self, usage: Usage) -> Completion:
        """Give the whole answer."""
        head = self.decoder.head
        return Completion(
            provider=self.found.provider_id,
            model=self.found.model.id,
            choices=self.choices,
            usage=usage,
            attempts=tuple(self.attempts),
            id=head.id,
            created=head.created,
            request_id=self.reply.request_id if self.reply is not None else None,
        )

    def succeeded(self) -> Usage:
        """Take note of the end, and give the usage."""
        usage = account(self.decoder.usage, self.found.model, _notes(self), choices=len(self.decoder.answers))
        if self.operation is not None:
            reasons = tuple(answer.finish_reason or "" for _, answer in sorted(self.decoder.answers.items()))
            self.operation.succeeded(usage, reasons, self.decoder.head)
        return usage

    def failed(self, error: CompletionError, deadline: Deadline, *, more: bool) -> float | Literal["next"] | None:
        """Fill in what an error lacks, and decide what follows, as `next_step` does."""
        # What it was made from is a library's, and holds the request with its key.
        error.__context__ = None
        # Cut after secrets are out of it: half of one would stay.
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
            error.usage = account(self.decoder.usage, self.found.model, choices=len(error.choices))
        if self.operation is not None:
            self.operation.failed(error)
        step = None if self.begun else next_step(error, self.tries, more=more, left=deadline.left())
        if step is None:
            error.attempts = tuple(self.attempts)
            return None
        self.tries = self.tries + 1 if isinstance(step, float) else 0
        self.attempts.append(Attempt(self.reference, type(error).__name__, str(error), error.status))
        follows = "the next model is tried" if step == "next" else "tried again"
        # A server quotes the prompt where it explains itself: its words are content.
        log.warning("%s: %s; %s", self.reference, kind(error), follows)
        log.debug("%s: %s", self.reference, error)
        return step

    def close(self) -> None:
        """Read no more, and end what has not ended."""
        if self.reply is not None:
            self.reply.close()
        if self.operation is not None:
            self.operation.left()


def _notes(run: Run) -> tuple[str, ...]:
    """Say what is worth knowing of a completion that succeeded."""
    answer = run.decoder.answers[0]
    notes = [*run.held_back]
    again = sum(attempt.model == run.reference for attempt in run.attempts)
    if again:
        notes.append(f"tried {again + 1} times: {run.attempts[-1].message}")
    if run.decoder.usage is None:
        notes.append("the server sent no usage")
    elif run.found.model.context_window_from == "default":
        notes.append("how much of its context window is used is not known: nobody stated one")
    if answer.reasoning_pieces and not answer.text_pieces and not answer.tool_calls:
        notes.append("the answer is reasoning only")
    return tuple(notes)
