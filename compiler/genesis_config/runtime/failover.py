"""What is done about a completion that failed before its first token: again, the next model, or nothing. No I/O.

An error of the server's moment (408, 429, 5xx) is tried again twice on the same model, after a wait that grows, with
jitter, so that many clients do not come back at once; a `Retry-After` of the server holds. Then, and at once where the
server or its key is what is wrong, the next model is tried. What the caller got wrong is nobody else's to mend.
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

__all__ = ["LONGEST_RETRY_AFTER", "RETRIES", "next_step"]

RETRIES: Final = 2
LONGEST_RETRY_AFTER: Final = 30.0  # seconds; who asks for more is not waited for
FIRST_WAIT: Final = 0.5  # seconds; each further wait is twice as long
LONGEST_WAIT: Final = 10.0

_OF_THE_SERVER: Final = (
    AuthRejectedError,
    CredentialError,
    ModelNotFoundError,
    RateLimitedError,
    ServerFailedError,
    ServerUnreachableError,
    StreamError,
)


def next_step(
    error: CompletionError,
    tries: int,
    *,
    more: bool,
    left: float = math.inf,
    jitter: Callable[[], float] = random.random,
) -> float | Literal["next"] | None:
    """Decide what follows an error that came before the first token.

    Args:
        error: What happened.
        tries: How often this model was tried again already.
        more: Whether there is another model to try.
        left: The seconds until the caller's deadline; no wait is begun that would not end before it.
        jitter: Gives a number from 0 to 1.

    Returns:
        The seconds to wait before the same model is tried again; `next` for the next model; None to give up.
    """
    if isinstance(error, RateLimitedError | ServerFailedError) and tries < RETRIES:
        asked = error.retry_after
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**tries) * (1 + jitter()) / 2 if asked is None else asked
        if wait < left and (asked is None or asked <= LONGEST_RETRY_AFTER):
            return wait
    return "next" if more and isinstance(error, _OF_THE_SERVER) else None
