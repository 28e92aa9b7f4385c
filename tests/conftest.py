"""What holds for all tests: property tests try the same examples everywhere, and a slow machine fails none."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("genesis", derandomize=True, deadline=None, database=None)
settings.load_profile("genesis")
