"""Auth profiles: API keys that a user keeps outside every configuration.

Reading them is here. `editing` beside it changes them and `listing` lists them; only `genesis auth` imports those two.
"""

from __future__ import annotations

from genesis_config.credentials.profiles.choice import for_provider
from genesis_config.credentials.profiles.store import Profile, ProfilesError, read, store_path

__all__ = ["Profile", "ProfilesError", "for_provider", "read", "store_path"]
