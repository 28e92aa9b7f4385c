"""What keys look like: prefixes that services give theirs, and long words without any order in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["key_spans"]

# OpenAI, Hugging Face, GitHub, GitLab, Slack, NVIDIA, Groq; AWS; Google; and any run of 32 characters of base64, in
# either of its alphabets. Compiled when first needed: most configurations hold no string that is long enough.
_KNOWN = (
    r"(?:(?<![\w-])|(?<=:-))(?:(?:sk|pk|rk|hf|gh[pousr]|glpat|xox[abprs]|nvapi|gsk)[-_][A-Za-z0-9_.-]{16,}+"
    r"|AKIA[A-Z0-9]{16}(?!\w)|AIza[A-Za-z0-9_-]{35}(?!\w))"
)
_RUN = "(?<!sha256:)(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{32,}+"  # no digest of an image
_SHORTEST: Final = 19  # characters: `sk-` and 16 more
_LONG: Final = 32  # characters
_UUID = "(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HEX_ENTROPY: Final = 3.3  # bits for each character; 32 random hexadecimal digits have 3.6 on average
_TEXT_ENTROPY: Final = 4.0  # 32 random letters and digits have 4.6, of one case 4.4
# How often a small letter, a capital and a digit follow one of another kind. In random characters that is 0.62 of all
# pairs, where the letters have one case 0.40; in names (`DeepSeek-R1-Distill-Qwen-32B-FP8-dynamic`) 0.3 and 0.15.
_MIXED_CHANGES: Final = 0.42
_LOWER_CHANGES: Final = 0.24


def key_spans(text: str) -> Iterator[tuple[int, int]]:
    """Find what looks like a key in a text, maybe twice; linear in its length.

    Careful rather than thorough: prompts, model ids, paths and UUIDs hold none.
    """
    if len(text) < _SHORTEST:
        return
    yield from (match.span() for match in re.finditer(_KNOWN, text))
    for match in re.finditer(_RUN, text):
        if _is_random(match[0]):
            yield match.span()
            continue
        # A part of a path may be one.
        start = match.start()
        for part in match[0].split("/"):
            if _LONG <= len(part) < len(match[0]) and _is_random(part):
                yield start, start + len(part)
            start += len(part) + 1


def _is_random(word: str) -> bool:
    if re.fullmatch(_UUID, word):
        return False
    if re.fullmatch("[0-9a-f]+|[0-9A-F]+", word):
        return _entropy(word) > _HEX_ENTROPY
    if not any(map(str.isdigit, word)) or _entropy(word) <= _TEXT_ENTROPY:
        return False
    if word.lower() != word != word.upper():
        return _changes(word) > _MIXED_CHANGES
    # Names of one case are words between hyphens and slashes.
    return word.isalnum() and _changes(word) > _LOWER_CHANGES


def _changes(word: str) -> float:
    """Give the share of neighbours in a word that are of two kinds; what stands beside a separator does not count."""
    kinds = re.sub("[0-9]", "0", re.sub("[A-Z]", "A", re.sub("[a-z]", "a", re.sub("[+/_-]", " ", word))))
    pairs = [kinds[index : index + 2] for index in range(len(kinds) - 1)]
    beside = [pair for pair in pairs if " " not in pair]
    return sum(pair[0] != pair[1] for pair in beside) / max(1, len(beside))


def _entropy(word: str) -> float:
    """Give the entropy of a word's characters, in bits for each."""
    import math  # for the few words that are long enough

    shares = [word.count(char) / len(word) for char in sorted(set(word))]
    return -math.fsum(share * math.log2(share) for share in shares)
