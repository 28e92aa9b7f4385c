"""The errors of a completion. Each carries the output that had arrived before it.

CompletionError
├── UnknownModelError          not sent: the manifest has no such provider, model or alias
├── CredentialError            not sent: a variable, file or profile for the key or a header has no usable value
├── InvalidRequestError        not sent: the model, or JSON, does not accept the messages, tools or params
├── RuntimeClosedError         the Runtime was closed, before or during the response, or used in a different event loop
├── DeadlineError              the caller's deadline passed, before or during the response
├── ServerUnreachableError     no connection: refused, unknown host name, TLS failure, timeout
├── StatusError                a response with a status other than 200
│   ├── RedirectedError        3xx: redirects are not followed, because the key must not go elsewhere
│   ├── AuthRejectedError      401, 403
│   ├── ModelNotFoundError     404
│   ├── RateLimitedError       408, 429
│   ├── BadRequestError        any other 4xx
│   └── ServerFailedError      5xx
└── StreamError                a missing, broken or incomplete stream
    ├── StalledStreamError     no data within the provider's timeout
    ├── ConnectionLostError    the connection was closed or reset
    ├── TruncatedStreamError   the stream ended, but a choice has no finish reason
    ├── ErrorInStreamError     the server reported an error in the stream, whatever followed
    ├── MalformedStreamError   the response is not a stream, or an event is not a chunk
    └── EventTooLargeError     an event is larger than 16 MiB
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
    """A failed completion. The message describes the failure and contains no secret.

    Attributes:
        help: What to do; None if only the server is at fault.
        provider: The provider's id.
        model: The model's id.
        status: The HTTP status, if there was a response.
        choices: The partial output of each choice, by index. The last tool call may be incomplete.
        usage: The tokens used so far, if the server reported them before the failure.
        attempts: The earlier attempts, in order, and why each failed.
    """

    def __init__(self, message: str, *, help: str | None = None, status: int | None = None) -> None:  # noqa: A002 - a field
        """Create an error with a message. The stream fills in the provider, the model and the partial output."""
        super().__init__(message, help=help)
        self.provider = ""
        self.model = ""
        self.status = status
        self.choices: tuple[Choice, ...] = ()
        self.usage: Usage | None = None
        self.attempts: tuple[Attempt, ...] = ()

    @property
    def text(self) -> str:
        """The partial text of the first choice."""
        return self.choices[0].text if self.choices else ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The partial texts of all choices."""
        return tuple(choice.text for choice in self.choices)

    @property
    def reasoning(self) -> str:
        """The partial reasoning of the first choice."""
        return self.choices[0].reasoning if self.choices else ""

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of the first choice so far."""
        return self.choices[0].tool_calls if self.choices else ()


class UnknownModelError(CompletionError):
    """The manifest has no such provider, model or alias."""


class CredentialError(CompletionError):
    """The key or a header has no usable value."""


class InvalidRequestError(CompletionError):
    """The messages, tools or params cannot form a request, or the model does not accept them."""


class RuntimeClosedError(CompletionError):
    """The Runtime was closed, or it belongs to a different event loop."""


class DeadlineError(CompletionError):
    """The caller's deadline for the whole completion passed."""


class ServerUnreachableError(CompletionError):
    """No connection to the server could be established."""


class StatusError(CompletionError):
    """The server answered with a status other than 200.

    Attributes:
        retry_after: The number of seconds that the server asks clients to wait; None if it does not say.
    """

    retry_after: float | None = None


class RedirectedError(StatusError):
    """The server answered with a redirect, which is not followed."""


class AuthRejectedError(StatusError):
    """The server rejected the key."""


class ModelNotFoundError(StatusError):
    """The server does not have the model, or nothing is at this path."""


class RateLimitedError(StatusError):
    """The server asks clients to try again later."""


class BadRequestError(StatusError):
    """The server rejected the request."""


class ServerFailedError(StatusError):
    """The server failed."""


class StreamError(CompletionError):
    """The stream is missing, broken or incomplete."""


class StalledStreamError(StreamError):
    """No data arrived within the provider's timeout."""


class ConnectionLostError(StreamError):
    """The connection was closed or reset."""


class TruncatedStreamError(StreamError):
    """The stream ended, but a choice has no finish reason."""


class ErrorInStreamError(StreamError):
    """The server reported an error in the stream."""


class MalformedStreamError(StreamError):
    """The response is not a stream, or an event is not a completion chunk.

    Attributes:
        event: At most 200 characters of the event, without secrets; empty if the fault is not in an event.
    """

    def __init__(self, message: str, *, help: str | None = None, event: str = "") -> None:  # noqa: A002 - a field
        """Create an error with the whole event: cutting it before redaction could leave part of a secret."""
        super().__init__(message, help=help)
        self.event = event

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.event}" if self.event else str(self.args[0])


class EventTooLargeError(StreamError):
    """An event of the stream is larger than 16 MiB."""


def closed_error() -> RuntimeClosedError:
    """Return the error for a stream whose Runtime was closed before the stream ended."""
    return RuntimeClosedError("the Runtime is closed", help="close it after its streams have ended")


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
    """Return the error for a failed exchange. Every cause that is not listed concerns the connection attempt."""
    error_class = _CLASSES.get(cause.kind, ServerUnreachableError)
    help_ = cause.help
    if error_class is StalledStreamError:
        help_ = "raise the provider's `timeoutSeconds` if the server needs longer"
    return error_class(f"request to {url} failed: {cause.reason}", help=help_)


def status_error(
    status: int, url: str, text: str, *, remedy: str | None = None, location: str | None = None
) -> StatusError:
    """Return the error for a response with a status other than 200.

    Args:
        status: The HTTP status.
        url: The URL of the request.
        text: The server's error text.
        remedy: How to change the key, as a phrase followed by `a key that the server accepts`; None if the key is
            determined by the configuration alone.
        location: The target of a redirect.
    """
    reason = f": {text}" if text else ""
    if status in {401, 403}:
        change = remedy or "set the provider's `apiKey` to"
        help_ = f"{change} a key that the server accepts (vLLM: the value of its --api-key)"
        return AuthRejectedError(f"{url} answered {status}{reason}", help=help_, status=status)
    if status == 404:  # noqa: PLR2004 - Not Found
        help_ = (
            "run `genesis doctor` to see whether the base URL or the model name is wrong, "
            "and which models the server offers"
        )
        return ModelNotFoundError(f"{url} answered 404{reason}", help=help_, status=status)
    if status in {408, 429}:
        return RateLimitedError(f"{url} answered {status}{reason}", help="try again later", status=status)
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return RedirectedError(describe_redirect(url, status, location), help=REDIRECT_HELP, status=status)
    if status >= 500:  # noqa: PLR2004 - the class of server errors
        return ServerFailedError(f"{url} answered {status}{reason}", help="see the server's log", status=status)
    help_ = "change the messages, or the model's `params`, as the server asks"
    return BadRequestError(f"{url} answered {status}{reason}", help=help_, status=status)
