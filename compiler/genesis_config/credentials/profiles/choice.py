"""Which of its auth profiles a provider uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from genesis_config.credentials.profiles.store import Profile

__all__ = ["for_provider"]


def for_provider(
    profiles: Mapping[str, Profile],
    provider: str,
    *,
    order: Sequence[str] | None = None,
    declared: Container[str] = (),
) -> str | None:
    """Give the id of the profile that `provider` uses; None where it has none.

    Only profiles that are stored for `provider` count, whatever they are called: the key of one provider is never sent
    to another.

    Args:
        profiles: What is in the store.
        provider: The provider that a key is for.
        order: The ids that the configuration says to try: the first that is in the store. No other is used then.
        declared: The ids that the configuration knows as this provider's, which go before others. Among equals
            `<provider>:default` is first, then the ids in their order.
    """
    own = sorted(name for name, profile in profiles.items() if profile.provider == provider)
    if order is not None:
        return next((name for name in order if name in own), None)
    candidates = [name for name in own if name in declared] or own
    default = f"{provider}:default"
    return default if default in candidates else next(iter(candidates), None)
