"""Suggestions for misspelled words."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["correct_spelling", "listed", "nearest"]

_MAX_TYPOS: Final = 2  # characters by which a word may differ to be a certain misspelling


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the word in `known` that is most similar to `word`, ignoring case; None if none is similar."""
    import difflib  # not needed for a file without mistakes

    candidates = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in candidates}
    if word.lower() in lowered:
        return lowered[word.lower()]
    starts = [candidate for candidate in candidates if len(word) > 3 and candidate.lower().startswith(word.lower())]  # noqa: PLR2004 - too many words start with `a`
    if starts:
        return starts[0]
    # The search takes quadratic time, and a very long word is not similar to any known one.
    close = difflib.get_close_matches(word.lower()[:200], lowered, n=1, cutoff=0.7)
    return lowered[close[0]] if close else None


def correct_spelling(word: str, known: Iterable[str]) -> str | None:
    """Return the word in `known` that `word` is certainly a misspelling of, so that it can be replaced; else None.

    A misspelling is a different spelling of the word (case, `_`, `-`), or a long enough word with at most two
    characters added, missing, wrong or swapped, if no other known word is as close. `minTokens` is not a misspelling of
    `maxTokens`, nor `time` of `timeoutSeconds`, because those have a meaning of their own.
    """
    return _correct_spelling(word, tuple(known))


# The same mistake is often repeated in every model. The size is limited because a language server runs for a long time.
@lru_cache(maxsize=1024)
def _correct_spelling(word: str, known: tuple[str, ...]) -> str | None:
    normalized = _normalize(word)
    candidates = {candidate: _normalize(candidate) for candidate in sorted(known)}
    same = [candidate for candidate, other in candidates.items() if other == normalized]
    if same:
        return same[0] if len(same) == 1 else None
    close = [
        candidate
        for candidate, other in candidates.items()
        # A short word is close to too many others: `host` to `cost`.
        if _distance(normalized, other) <= min(_MAX_TYPOS, (len(other) - 2) // 3)
        and {normalized[:3], other[:3]} != {"min", "max"}
    ]
    return close[0] if len(close) == 1 else None


def _normalize(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def _distance(one: str, other: str) -> int:
    """Return the number of insertions, deletions, replacements and swaps that turn one word into another.

    For words whose lengths differ too much, the difference in length is returned as a lower bound.
    """
    if abs(len(one) - len(other)) > _MAX_TYPOS:
        return abs(len(one) - len(other))
    rows = [list(range(len(other) + 1))]
    for index, char in enumerate(one, 1):
        row = [index]
        for column, other_char in enumerate(other, 1):
            cost = min(rows[-1][column] + 1, row[-1] + 1, rows[-1][column - 1] + (char != other_char))
            if index > 1 and column > 1 and char == other[column - 2] and one[index - 2] == other_char:
                cost = min(cost, rows[-2][column - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def listed(words: Iterable[str], limit: int = 12) -> str:
    """Return the first `limit` words in backticks, as a list for a message."""
    shown = [f"`{word}`" for word in words]
    rest = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {rest} more" if rest > 0 else "")
