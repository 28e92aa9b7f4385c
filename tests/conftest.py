"""What holds for all tests: property tests try the same examples everywhere, and a slow machine fails none."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile("genesis", derandomize=True, deadline=None, database=None)
settings.load_profile("genesis")

# The store of auth profiles is refused where others may write, and some systems let a user's group do so by default.
os.umask(0o022)

# A shell without job control lets what it starts in the background ignore SIGINT, and so would every command here.
signal.signal(signal.SIGINT, signal.default_int_handler)
