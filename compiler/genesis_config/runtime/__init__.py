"""Streamed completions from a manifest.

    async with Runtime.open("manifest.json") as runtime:
        async for event in runtime.stream("vllm/your-model-id", messages=[{"role": "user", "content": "Hello"}]):
            match event:
                case TextDelta(text=text):
                    print(text, end="")

    for event in stream_sync("manifest.json", None, messages):  # without asynchronous code, in notebooks too
        ...

A successful stream ends with `Usage`. Any failure raises a `CompletionError`, which carries the partial output.
"""

from genesis_config.net.causes import Cause, TransportError
from genesis_config.net.transport import Request, Response, Transport
from genesis_config.runtime.blocking import complete, stream_sync
from genesis_config.runtime.client import Runtime
from genesis_config.runtime.errors import (
    AuthRejectedError,
    BadRequestError,
    CompletionError,
    ConnectionLostError,
    CredentialError,
    DeadlineError,
    ErrorInStreamError,
    EventTooLargeError,
    InvalidRequestError,
    MalformedStreamError,
    ModelNotFoundError,
    RateLimitedError,
    RedirectedError,
    RuntimeClosedError,
    ServerFailedError,
    ServerUnreachableError,
    StalledStreamError,
    StatusError,
    StreamError,
    TruncatedStreamError,
    UnknownModelError,
)
from genesis_config.runtime.events import (
    Attempt,
    Choice,
    Completion,
    ContextWarning,
    Event,
    FellBack,
    Finish,
    Logprobs,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from genesis_config.runtime.usage import Totals

__all__ = [
    "Attempt",
    "AuthRejectedError",
    "BadRequestError",
    "Cause",
    "Choice",
    "Completion",
    "CompletionError",
    "ConnectionLostError",
    "ContextWarning",
    "CredentialError",
    "DeadlineError",
    "ErrorInStreamError",
    "Event",
    "EventTooLargeError",
    "FellBack",
    "Finish",
    "InvalidRequestError",
    "Logprobs",
    "MalformedStreamError",
    "ModelNotFoundError",
    "RateLimitedError",
    "ReasoningDelta",
    "RedirectedError",
    "Request",
    "Response",
    "Runtime",
    "RuntimeClosedError",
    "ServerFailedError",
    "ServerUnreachableError",
    "StalledStreamError",
    "StatusError",
    "StreamError",
    "TextDelta",
    "ToolCall",
    "ToolCallDelta",
    "Totals",
    "Transport",
    "TransportError",
    "TruncatedStreamError",
    "UnknownModelError",
    "Usage",
    "complete",
    "stream_sync",
]
