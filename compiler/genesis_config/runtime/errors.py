"""What can go wrong with a completion, each its own class, each with what had arrived by then.

CompletionError
├── UnknownModelError          no request: the manifest has no such provider, model or alias
├── CredentialError            no request: a variable, file or profile of the key or a header has no value
├── InvalidRequestError        no request: the messages, tools or params hold what JSON, or the model, does not take
├── RuntimeClosedError         the Runtime was closed, before the answer or in the middle of it, or its loop is over
├── DeadlineError              the caller's deadline passed, before the answer or in the middle of it
├── ServerUnreachableError     no connection: nothing listens, the name is unknown, TLS fails, too slow
├── StatusError                an answer with another status than 200
│   ├── RedirectedError        3xx: a key goes to no other address
│   ├── AuthRejectedError      401, 403
│   ├── ModelNotFoundError     404
│   ├── RateLimitedError       408, 429
│   ├── BadRequestError        any other 4xx
│   └── ServerFailedError      5xx
└── StreamError                a stream that began and did not end as it must
    ├── StalledStreamError     nothing came for the provider's time-out
    ├── ConnectionLostError    the connection broke
    ├── TruncatedStreamError   the stream ended, and a choice has no finish reason
    ├── ErrorInStreamError     the server said in the stream that it failed, whatever came after that
    ├── MalformedStreamError   an event is no chunk
    └── EventTooLargeError     an event of more than 16 MiB
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.diagnostics.errors import GenesisError
from genesis_config.net.redirects import REDIRECT_HELP, describe_redirect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.net.causes import Cause, Kind
    from genesis_config.runtime.events import Attempt, Choice, ToolCall, Usage

__all__ = [
    "AuthRejectedError",
    "BadRequestError",
    "CompletionError",
    "ConnectionLostError",
    "CredentialError",
    "DeadlineError",
    "ErrorInStreamError",
    "EventTooLargeError",
    "InvalidRequestError",
    "MalformedStreamError",
    "ModelNotFoundError",
    "RateLimitedError",
    "RedirectedError",
    "RuntimeClosedError",
    "ServerFailedError",
    "ServerUnreachableError",
    "StalledStreamError",
    "StatusError",
    "StreamError",
    "TruncatedStreamError",
    "UnknownModelError",
    "closed_error",
    "status_error",
    "transport_error",
]


class CompletionError(GenesisError):
    """A completion that failed. The message says what is wrong and holds no secret.

    Attributes:
        help: What to do; None where that depends on the server alone.
        provider: The provider's id.
        model: The model's id.
        status: The HTTP status, where there was an answer.
        choices: What had arrived of each choice, by index; its last tool call may be incomplete.
        usage: What it had used by then, where the server said so before it failed.
        attempts: What was tried before, in order, and why each failed.
    """

    def __init__(self, message: str, *, help: str | None = None, status: int | None = None) -> None:  # noqa: A002 - a field
        """Hold the message; where it happened and what had arrived is filled in by the stream."""
        super().__init__(message, help=help)
        self.provider = ""
        self.model = ""
        self.status = status
        self.choices: tuple[Choice, ...] = ()
        self.usage: Usage | None = None
        self.attempts: tuple[Attempt, ...] = ()

    @property
    def text(self) -> str:
        """What had arrived of the first choice's text."""
        return self.choices[0].text if self.choices else ""

    @property
    def texts(self) -> tuple[str, ...]:
        """What had arrived of the texts of all choices."""
        return tuple(choice.text for choice in self.choices)

    @property
    def reasoning(self) -> str:
        """What had arrived of the first choice's reasoning."""
        return self.choices[0].reasoning if self.choices else ""

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """What had arrived of the first choice's tool calls."""
        return self.choices[0].tool_calls if self.choices else ()


class UnknownModelError(CompletionError):
    """The manifest has no such provider, model or alias."""


class CredentialError(CompletionError):
    """The key or a header has no value that could be sent."""


class InvalidRequestError(CompletionError):
    """The messages, tools or params hold what no request can, or what the model does not take."""


class RuntimeClosedError(CompletionError):
    """The Runtime was closed, or the event loop that it belongs to is another one."""


class DeadlineError(CompletionError):
    """The deadline that the caller set for all of it has passed."""


class ServerUnreachableError(CompletionError):
    """No connection to the server could be made."""


class StatusError(CompletionError):
    """The server answered with another status than 200.

    Attributes:
        retry_after: The seconds after which it asks to be tried again; None where it does not say.
    """

    retry_after: float | None = None


class RedirectedError(StatusError):
    """The server sent to another address, which is not followed."""


class AuthRejectedError(StatusError):
    """The server refuses the key."""


class ModelNotFoundError(StatusError):
    """The server has no such model, or nothing at this path."""


class RateLimitedError(StatusError):
    """The server asks to try again later."""


class BadRequestError(StatusError):
    """The server does not take the request."""


class ServerFailedError(StatusError):
    """The server failed."""


class StreamError(CompletionError):
    """A stream began and did not end as it must."""


class StalledStreamError(StreamError):
    """Nothing came for longer than the provider's time-out."""


class ConnectionLostError(StreamError):
    """The connection broke."""


class TruncatedStreamError(StreamError):
    """The stream ended, and a choice has no finish reason."""


class ErrorInStreamError(StreamError):
    """The server said in the stream that it failed."""


class MalformedStreamError(StreamError):
    """An event of the stream is no chunk of a completion.

    Attributes:
        event: The event, of which a stream shows 200 characters at most, without secrets; empty where it was no event.
    """

    def __init__(self, message: str, *, help: str | None = None, event: str = "") -> None:  # noqa: A002 - a field
        """Hold the event as it came: what is cut before secrets are taken out may end with half of one."""
        super().__init__(message, help=help)
        self.event = event

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.event}" if self.event else str(self.args[0])


class EventTooLargeError(StreamError):
    """An event of the stream is past 16 MiB."""


def closed_error() -> RuntimeClosedError:
    """Return the error for a stream whose Runtime was closed before it ended."""
    return RuntimeClosedError("the Runtime is closed", help="close it when its streams have ended")


_CLASSES: Final[Mapping[Kind, type[CompletionError]]] = {
    "bad-compression": MalformedStreamError,
    "bad-framing": ConnectionLostError,
    "closed": ConnectionLostError,
    "connection-lost": ConnectionLostError,
    "disconnected": ConnectionLostError,
    "idle-timeout": StalledStreamError,
    "incomplete": StalledStreamError,
    "reset": ConnectionLostError,
    "response-timeout": StalledStreamError,
    "too-large": MalformedStreamError,
    "unknown": ConnectionLostError,
    "unrequested-compression": MalformedStreamError,
}


def transport_error(url: str, cause: Cause) -> CompletionError:
    """Return the error for an exchange that failed. All causes that are not listed are about making a connection."""
    kind = _CLASSES.get(cause.kind, ServerUnreachableError)
    help_ = cause.help
    if kind is StalledStreamError:
        help_ = "raise the provider's `timeoutSeconds` if the server needs longer"
    return kind(f"request to {url} failed: {cause.reason}", help=help_)


def status_error(
    status: int, url: str, text: str, *, remedy: str | None = None, location: str | None = None
) -> StatusError:
    """Return the error for a response with a status other than 200.

    Args:
        status: The status.
        url: The URL of the request.
        text: What the server says about it.
        remedy: How a person changes the key, in words that go before `a key that the server accepts`; None where that
            depends on the configuration alone.
        location: Where a redirect points.
    """
    words = f": {text}" if text else ""
    if status in {401, 403}:
        change = remedy or "set the provider's `apiKey` to"
        help_ = f"{change} a key that the server accepts (vLLM: the value of its --api-key)"
        return AuthRejectedError(f"{url} answered {status}{words}", help=help_, status=status)
    if status == 404:  # noqa: PLR2004 - Not Found
        help_ = (
            "run `genesis doctor` to see whether the base URL or the model name is wrong, "
            "and which models the server offers"
        )
        return ModelNotFoundError(f"{url} answered 404{words}", help=help_, status=status)
    if status in {408, 429}:
        return RateLimitedError(f"{url} answered {status}{words}", help="try again later", status=status)
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return RedirectedError(describe_redirect(url, status, location), help=REDIRECT_HELP, status=status)
    if status >= 500:  # noqa: PLR2004 - the class of server errors
        return ServerFailedError(f"{url} answered {status}{words}", help="see the server's log", status=status)
    return BadRequestError(f"{url} answered {status}{words}", help="change the request", status=status)
