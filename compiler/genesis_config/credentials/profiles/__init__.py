"""Auth profiles: API keys that a user stores outside the configuration.

This package exports reading. Only `genesis auth` imports `editing`, which changes profiles, and `listing`.
"""

from __future__ import annotations

from genesis_config.credentials.profiles.choice import choose_profile
from genesis_config.credentials.profiles.store import Profile, ProfilesError, read_profiles, store_path

__all__ = ["Profile", "ProfilesError", "choose_profile", "read_profiles", "store_path"]
