"""One streamed token: the proof that a model can be used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from genesis.runtime import Finish, Runtime, Usage

if TYPE_CHECKING:
    from genesis.credentials import Keys
    from genesis.manifest import Manifest

__all__ = ["Probed", "probe"]

_MESSAGES = ({"role": "user", "content": "Hello"},)


class Probed(NamedTuple):
    """What came of it: the seconds until the first token, and the usage, None where the server tells none."""

    first_token_seconds: float
    usage: Usage | None


async def probe(manifest: Manifest, reference: str, keys: Keys) -> Probed:
    """Stream one token from a model.

    Args:
        manifest: Holds the model.
        reference: `provider/model`.
        keys: Where variables are looked up.

    Raises:
        genesis.runtime.CompletionError: None came.
    """
    began = time.perf_counter()
    first: float | None = None
    usage = None
    async with Runtime(manifest, environment=keys.variables.merged()) as runtime:
        async for event in runtime.stream(reference, _MESSAGES, max_tokens=1):
            if first is None and not isinstance(event, Finish | Usage):
                first = time.perf_counter() - began
            usage = event if isinstance(event, Usage) else usage
    # A token without text has no event of its own.
    return Probed(time.perf_counter() - began if first is None else first, usage)
