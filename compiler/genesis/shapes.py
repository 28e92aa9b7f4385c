"""What keys look like: prefixes that services give theirs, and long words without any order in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["key_spans"]

# OpenAI, Hugging Face, GitHub, GitLab, Slack, NVIDIA, Groq; AWS; Google; and any run of 32 letters and digits.
# Compiled when first needed: most configurations hold no string that is long enough.
_CANDIDATE = (
    r"(?:(?<![\w-])|(?<=:-))((?:sk|pk|rk|hf|gh[pousr]|glpat|xox[abprs]|nvapi|gsk)[-_][A-Za-z0-9_.-]{16,}+"
    r"|AKIA[A-Z0-9]{16}(?!\w)|AIza[A-Za-z0-9_-]{35}(?!\w))"
    r"|[A-Za-z0-9+]{32,}+"
)
_SHORTEST: Final = 19  # characters: `sk-` and 16 more
_HEX_ENTROPY: Final = 3.3  # bits for each character; 32 random hexadecimal digits have 3.6 on average
_TEXT_ENTROPY: Final = 4.2  # 32 random letters and digits have 4.7


def key_spans(text: str) -> Iterator[tuple[int, int]]:
    """Find what looks like a key in a text; linear in its length.

    Careful rather than thorough: prompts, model ids, paths and UUIDs hold none.
    """
    if len(text) < _SHORTEST:
        return
    for match in re.finditer(_CANDIDATE, text):
        if match[1] is not None or _is_random(match[0]):
            yield match.span()


def _is_random(word: str) -> bool:
    if re.fullmatch("[0-9a-f]+|[0-9A-F]+", word):
        return _entropy(word) > _HEX_ENTROPY
    # No name has both cases and digits for long.
    mixed = word.lower() != word != word.upper() and any(map(str.isdigit, word))
    return mixed and _entropy(word) > _TEXT_ENTROPY


def _entropy(word: str) -> float:
    """Give the entropy of a word's characters, in bits for each."""
    import math  # for the few words that are long enough

    shares = [word.count(char) / len(word) for char in sorted(set(word))]
    return -math.fsum(share * math.log2(share) for share in shares)
