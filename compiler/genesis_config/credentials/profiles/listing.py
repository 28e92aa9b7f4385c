"""What may be told of auth profiles: whose they are and how old, and nothing of the keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.credentials.profiles.store import Profile

__all__ = ["Listed", "age_text", "listing"]

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


class Listed(NamedTuple):
    """One profile.

    Attributes:
        profile: Its id.
        created: When its key was put there, RFC 3339 in UTC; None where the store does not say.
        age_seconds: How long ago that is, 0 for a time to come; None where `created` is.
    """

    provider: str
    profile: str
    kind: str
    created: str | None
    age_seconds: int | None


def listing(profiles: Mapping[str, Profile], now: datetime) -> list[Listed]:
    """Tell of profiles, in the order of their ids."""
    rows = []
    for name, profile in sorted(profiles.items()):
        created = _time(profile.created)
        text = None if created is None else created.strftime("%Y-%m-%dT%H:%M:%SZ")
        age = None if created is None else max(0, int((now - created).total_seconds()))
        rows.append(Listed(profile.provider, name, profile.kind, text, age))
    return rows


def age_text(seconds: int | None) -> str:
    """Say how old something is, in its largest unit: `3 days`, `1 hour`, `under a minute`; None is `unknown`."""
    if seconds is None:
        return "unknown"
    for unit, length in _UNITS:
        count = seconds // length
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "under a minute"


def _time(text: str | None) -> datetime | None:
    """Read an RFC 3339 time; None where it is none, since a key is no worse for that."""
    try:
        time = datetime.fromisoformat(text or "")
        return None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
