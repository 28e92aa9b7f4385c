"""A probe that streams one token, to show that a model works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_config.runtime import DeadlineError, Finish, Runtime, Usage

if TYPE_CHECKING:
    from genesis_config.manifest import Manifest
    from genesis_config.resolve.credentials import Credentials

__all__ = ["ProbeResult", "probe"]

# A person is waiting: `timeoutSeconds`, which is meant for responses of any length, would be too long.
_DEADLINE_SECONDS: Final = 30.0

_MESSAGES = ({"role": "user", "content": "Hello"},)


class ProbeResult(NamedTuple):
    """The seconds until the first token, and the usage; None if the server did not report it."""

    first_token_seconds: float
    usage: Usage | None


async def probe(manifest: Manifest, reference: str, credentials: Credentials) -> ProbeResult:
    """Stream one token from a model.

    Args:
        manifest: The manifest that contains the model.
        reference: `provider/model`.
        credentials: The variables to look up secrets in.

    Raises:
        genesis_config.runtime.CompletionError: No token arrived within 30 seconds.
    """
    started = time.perf_counter()
    first_token_seconds: float | None = None
    usage = None
    async with Runtime(manifest, environment=credentials.variables.merged()) as runtime:
        try:
            async for event in runtime.stream(reference, _MESSAGES, max_tokens=1, deadline=_DEADLINE_SECONDS):
                if first_token_seconds is None and not isinstance(event, Finish | Usage):
                    first_token_seconds = time.perf_counter() - started
                usage = event if isinstance(event, Usage) else usage
        except DeadlineError:
            message = f"`{reference}` did not complete a response of one token within {_DEADLINE_SECONDS:g} seconds"
            raise DeadlineError(message, help="see the server's log: is it busy or stuck?") from None
    if first_token_seconds is None:  # a token without text has no event of its own
        first_token_seconds = time.perf_counter() - started
    return ProbeResult(first_token_seconds, usage)
