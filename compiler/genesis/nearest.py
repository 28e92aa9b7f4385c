"""The word that somebody probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["listed", "nearest"]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the one of `known` that is nearest to `word`, None where none is near. Case alone is no difference."""
    import difflib  # a file without mistakes never needs it

    candidates = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in candidates}
    if word.lower() in lowered:
        return lowered[word.lower()]
    starts = [candidate for candidate in candidates if len(word) > 3 and candidate.lower().startswith(word.lower())]  # noqa: PLR2004 - `a` starts too many
    if starts:
        return starts[0]
    # A very long word is near to nothing, and finding that out is quadratic.
    close = difflib.get_close_matches(word.lower()[:200], lowered, n=1, cutoff=0.7)
    return lowered[close[0]] if close else None


def listed(words: Iterable[str], limit: int = 12) -> str:
    """Write words as a list in backticks, the first `limit` of them."""
    shown = [f"`{word}`" for word in words]
    rest = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {rest} more" if rest > 0 else "")
