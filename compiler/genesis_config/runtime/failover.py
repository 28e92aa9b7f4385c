"""The response to a failure before the first token: retry, fail over to the next model, or give up. No I/O.

Temporary errors (408, 429, 5xx) are retried twice on the same model. The wait grows and has jitter, so that many
clients do not return at once; a `Retry-After` replaces it. After that, or immediately if the server or its key is at
fault, the next model is tried. Client errors do not trigger failover, because every server would reject the request.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Final, Literal

from genesis_config.runtime.errors import (
    AuthRejectedError,
    CompletionError,
    CredentialError,
    ModelNotFoundError,
    RateLimitedError,
    ServerFailedError,
    ServerUnreachableError,
    StreamError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LONGEST_RETRY_AFTER", "RETRIES", "choose_next_step"]

RETRIES: Final = 2
LONGEST_RETRY_AFTER: Final = 30.0  # seconds; a server that asks for more is not retried
FIRST_WAIT: Final = 0.5  # seconds; doubled for each retry
LONGEST_WAIT: Final = 10.0  # seconds

_SERVER_ERRORS: Final = (
    AuthRejectedError,
    CredentialError,
    ModelNotFoundError,
    RateLimitedError,
    ServerFailedError,
    ServerUnreachableError,
    StreamError,
)


def choose_next_step(
    error: CompletionError,
    retries: int,
    *,
    has_fallback: bool,
    seconds_left: float = math.inf,
    jitter: Callable[[], float] = random.random,
) -> float | Literal["next"] | None:
    """Choose what to do about an error that came before the first token.

    Args:
        error: The error.
        retries: How many times this model has been retried.
        has_fallback: Whether there is another model to try.
        seconds_left: The seconds until the caller's deadline. A wait that would outlast it is not started.
        jitter: A function that returns a number from 0 to 1.

    Returns:
        The seconds to wait before retrying the same model, `next` to try the next model, or None to give up.
    """
    if isinstance(error, RateLimitedError | ServerFailedError) and retries < RETRIES:
        retry_after = error.retry_after
        wait = retry_after
        if wait is None:
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**retries) * (1 + jitter()) / 2
        if wait < seconds_left and (retry_after is None or retry_after <= LONGEST_RETRY_AFTER):
            return wait
    return "next" if has_fallback and isinstance(error, _SERVER_ERRORS) else None
