"""Settings for all tests: property tests use the same examples everywhere, and do not fail on slow machines."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile("genesis", derandomize=True, deadline=None, database=None)
settings.load_profile("genesis")

# A store of auth profiles that others may write to is rejected, and some systems allow a user's group by default.
os.umask(0o022)

# Processes that a shell without job control starts in the background ignore SIGINT, as would every command here.
signal.signal(signal.SIGINT, signal.default_int_handler)
