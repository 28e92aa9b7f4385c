"""The choice between a provider's auth profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from genesis_config.credentials.profiles.store import Profile

__all__ = ["choose_profile"]


def choose_profile(
    profiles: Mapping[str, Profile],
    provider: str,
    *,
    order: Sequence[str] | None = None,
    declared: Container[str] = (),
) -> str | None:
    """Return the id of the profile that a provider uses; None if it has none.

    Only profiles stored for this provider count, regardless of their ids: a provider's key is never sent to another.

    Args:
        profiles: The profiles in the store.
        provider: The provider.
        order: The ids to try, as the configuration sets them. If given, the first that exists is used, or none.
        declared: The ids that the configuration lists for this provider, which are preferred. Among these,
            `<provider>:default` comes first, then the others in order of their ids.
    """
    own = sorted(name for name, profile in profiles.items() if profile.provider == provider)
    if order is not None:
        return next((name for name in order if name in own), None)
    candidates = [name for name in own if name in declared] or own
    default = f"{provider}:default"
    return default if default in candidates else next(iter(candidates), None)
