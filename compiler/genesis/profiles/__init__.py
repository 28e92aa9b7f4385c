"""Auth profiles: API keys that a user keeps outside every configuration.

Reading them is here. Changing them is `genesis.profiles.editing`, telling of them `genesis.profiles.listing`; only
`genesis auth` imports those.
"""

from __future__ import annotations

from genesis.profiles.choice import for_provider
from genesis.profiles.store import Profile, ProfilesError, read, store_path

__all__ = ["Profile", "ProfilesError", "for_provider", "read", "store_path"]
