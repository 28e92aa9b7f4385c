"""One streamed token: the proof that a model can be used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_config.runtime import DeadlineError, Finish, Runtime, Usage

if TYPE_CHECKING:
    from genesis_config.manifest import Manifest
    from genesis_config.resolve.credentials import Credentials

__all__ = ["Probed", "probe"]

# A person waits for it: `timeoutSeconds`, which is for answers of any length, is too long.
_DEADLINE_SECONDS: Final = 30.0

_MESSAGES = ({"role": "user", "content": "Hello"},)


class Probed(NamedTuple):
    """What came of it: the seconds until the first token, and the usage, None where the server tells none."""

    first_token_seconds: float
    usage: Usage | None


async def probe(manifest: Manifest, reference: str, credentials: Credentials) -> Probed:
    """Stream one token from a model.

    Args:
        manifest: Holds the model.
        reference: `provider/model`.
        credentials: Where variables are looked up.

    Raises:
        genesis_config.runtime.CompletionError: None came, in 30 seconds at most.
    """
    began = time.perf_counter()
    first: float | None = None
    usage = None
    async with Runtime(manifest, environment=credentials.variables.merged()) as runtime:
        try:
            async for event in runtime.stream(reference, _MESSAGES, max_tokens=1, deadline=_DEADLINE_SECONDS):
                if first is None and not isinstance(event, Finish | Usage):
                    first = time.perf_counter() - began
                usage = event if isinstance(event, Usage) else usage
        except DeadlineError:
            message = f"the answer of `{reference}` with one token did not end within {_DEADLINE_SECONDS:g} seconds"
            raise DeadlineError(message, help="look at the server's log: is it busy, or stuck?") from None
    # A token without text has no event of its own.
    return Probed(time.perf_counter() - began if first is None else first, usage)
