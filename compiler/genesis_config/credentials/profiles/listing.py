"""Summaries of auth profiles: their provider and age, never the key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genesis_config.credentials.profiles.store import Profile

__all__ = ["ProfileSummary", "format_age", "summarize_profiles"]

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


class ProfileSummary(NamedTuple):
    """A profile without its key.

    Attributes:
        provider: The provider's id.
        profile: The profile's id.
        kind: How the key is used.
        created: When the key was stored, in RFC 3339 and UTC; None if the store does not say.
        age_seconds: The age of the key, at least 0; None if `created` is None.
    """

    provider: str
    profile: str
    kind: str
    created: str | None
    age_seconds: int | None


def summarize_profiles(profiles: Mapping[str, Profile], now: datetime) -> list[ProfileSummary]:
    """Return summaries of profiles, in order of their ids."""
    summaries = []
    for name, profile in sorted(profiles.items()):
        created = _parse_time(profile.created)
        text = None if created is None else created.strftime("%Y-%m-%dT%H:%M:%SZ")
        age = None if created is None else max(0, int((now - created).total_seconds()))
        summaries.append(ProfileSummary(profile.provider, name, profile.kind, text, age))
    return summaries


def format_age(seconds: int | None) -> str:
    """Return an age in its largest unit: `3 days`, `1 hour`, `under a minute`; `unknown` for None."""
    if seconds is None:
        return "unknown"
    for unit, length in _UNITS:
        count = seconds // length
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "under a minute"


def _parse_time(text: str | None) -> datetime | None:
    """Return an RFC 3339 time; None if it is not valid, because the key can still be used."""
    try:
        time = datetime.fromisoformat(text or "")
        return None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
