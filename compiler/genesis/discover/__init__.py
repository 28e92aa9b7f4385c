"""Asking servers which models they have."""

from genesis.discover.asking import Answer, Query, discover, discover_with_versions
from genesis.discover.failures import Failure

__all__ = ["Answer", "Failure", "Query", "discover", "discover_with_versions"]
