"""Summaries of auth profiles: their age, and nothing about the keys."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from genesis_config.credentials.profiles import Profile
from genesis_config.credentials.profiles.listing import ProfileSummary, format_age, summarize_profiles

NOW = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)


def test_summaries_are_ordered_and_without_keys() -> None:
    rows = summarize_profiles(
        {
            "vllm:default": Profile("vllm", "api_key", "sk-canary", "2026-03-01T05:06:07Z"),
            "pool:a": Profile("pool", "api_key", "sk-canary"),
        },
        NOW,
    )
    assert rows == [
        ProfileSummary("pool", "pool:a", "api_key", None, None),
        ProfileSummary("vllm", "vllm:default", "api_key", "2026-03-01T05:06:07Z", 3 * 86400),
    ]
    assert "canary" not in repr(rows)


@pytest.mark.parametrize(
    ("created", "shown", "age"),
    [
        ("2026-03-04T05:06:07Z", "2026-03-04T05:06:07Z", 0),
        ("2026-03-04T05:06:06.9Z", "2026-03-04T05:06:06Z", 0),
        ("2026-03-04T06:05:07+01:00", "2026-03-04T05:05:07Z", 60),
        # The clock was wrong, then or now.
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z", 0),
        # A time that is not valid RFC 3339 is ignored; the key still counts.
        ("2026-03-04T05:06:07", None, None),
        ("yesterday", None, None),
        ("", None, None),
        ("0001-01-01T00:00:00+23:00", None, None),
    ],
)
def test_time_is_in_utc_and_seconds(created: str, shown: str | None, age: int | None) -> None:
    (row,) = summarize_profiles({"a": Profile("vllm", "api_key", "k", created)}, NOW)
    assert (row.created, row.age_seconds) == (shown, age)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (0, "under a minute"),
        (59, "under a minute"),
        (60, "1 minute"),
        (3599, "59 minutes"),
        (3600, "1 hour"),
        (86399, "23 hours"),
        (86400, "1 day"),
        (3 * 86400 + 80000, "3 days"),
        (800 * 86400, "800 days"),
    ],
)
def test_age_is_in_its_largest_unit(seconds: int | None, text: str) -> None:
    assert format_age(seconds) == text
