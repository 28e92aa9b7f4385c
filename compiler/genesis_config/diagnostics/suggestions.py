"""The word that somebody probably meant."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["listed", "meant", "nearest"]

_SLIPS: Final = 2  # characters that a word may be wrong in to be another one for sure


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


def meant(word: str, known: Iterable[str]) -> str | None:
    """Give the one of `known` that `word` can only be a slip for, so that it may be put in its place; else None.

    That is another spelling of it (case, `_`, `-`), or a word of some length with at most two characters too many, too
    few, wrong or swapped, if no other of `known` is as near. `minTokens` is no slip for `maxTokens`, and `time`
    none for `timeoutSeconds`: those mean something.
    """
    return _meant(word, tuple(known))


# What is written wrong once is often written so in every model. A server of editors is not to keep all of it for good.
@lru_cache(maxsize=1024)
def _meant(word: str, known: tuple[str, ...]) -> str | None:
    one = _plain(word)
    candidates = {candidate: _plain(candidate) for candidate in sorted(known)}
    spelt = [candidate for candidate, other in candidates.items() if other == one]
    if spelt:
        return spelt[0] if len(spelt) == 1 else None
    near = [
        candidate
        for candidate, other in candidates.items()
        # A short word is near to too many others: `host` to `cost`.
        if _distance(one, other) <= min(_SLIPS, (len(other) - 2) // 3) and {one[:3], other[:3]} != {"min", "max"}
    ]
    return near[0] if len(near) == 1 else None


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def _distance(one: str, other: str) -> int:
    """Count the characters to insert, delete, replace or swap with the next one, to make one word of another.

    Words that differ by far in length are that far apart, at least, and are not looked at.
    """
    if abs(len(one) - len(other)) > _SLIPS:
        return abs(len(one) - len(other))
    rows = [list(range(len(other) + 1))]
    for index, char in enumerate(one, 1):
        row = [index]
        for place, with_ in enumerate(other, 1):
            least = min(rows[-1][place] + 1, row[-1] + 1, rows[-1][place - 1] + (char != with_))
            if index > 1 and place > 1 and char == other[place - 2] and one[index - 2] == with_:
                least = min(least, rows[-2][place - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]


def listed(words: Iterable[str], limit: int = 12) -> str:
    """Write words as a list in backticks, the first `limit` of them."""
    shown = [f"`{word}`" for word in words]
    rest = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {rest} more" if rest > 0 else "")
