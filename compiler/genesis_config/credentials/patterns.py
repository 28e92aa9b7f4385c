"""Key patterns: the prefixes that services use for their keys, and long random words."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_key", "is_revision", "key_spans", "without_keys"]

# OpenAI and its like, Cerebras, Langfuse; Stripe; Hugging Face, Groq, Fireworks, Replicate; GitHub, GitLab, Slack,
# NVIDIA, xAI, Perplexity: a prefix, then a word that has digits or is long. Compiled on first use: most
# configurations contain no string that is long enough.
_PREFIXED = (
    r"(?:(?<![\w-])|(?<=:-))(?:c?sk[-_]|pk-lf-|[pr]k_(?:live|test)_|hf_|gsk_|fw_|r8_|gh[pousr]_|github_pat_|glpat-"
    r"|nvapi-|xai-|pplx-)([A-Za-z0-9_.-]{10,}+)"
)
# Slack; AWS; Google; Databricks, Mailgun; JSON Web Tokens: the form alone identifies them.
_FORMED = (
    r"(?:(?<![\w-])|(?<=:-))(?:xox[abeprs]-[A-Za-z0-9-]{10,}+|A[KS]IA[A-Z0-9]{16}(?!\w)|AIza[A-Za-z0-9_-]{35}(?!\w)"
    r"|(?:dapi|key-)[0-9a-f]{32}(?:-[0-9])?(?!\w)|eyJ[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+)"
)
_RUN = "(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{32,}+"  # of base64, in either of its alphabets
_DIGEST = r"(?i)\b(?:md5|sha(?:1|224|256|384|512))[:=-]$"  # the text before a digest
# The account in the path of a gateway's URL. Cloudflare puts it after the version and after `accounts`.
_ACCOUNT = r"(?<=/)(?:v[0-9]|accounts)/([0-9a-f]{32})(?=[/\"'\s]|$)"
_SHORTEST: Final = 13  # characters: `hf_` and 10 more
_LONG: Final = 32  # characters
_LEAST: Final = 10  # characters of a word with a digit that follows a prefix
_LETTERS: Final = 16  # characters of such a word without a digit
_DISTINCT: Final = 4  # distinct characters: `sk-xxxxxxxxxxxxxxxx` is a blank to fill in
_UUID = "(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HEX_ENTROPY: Final = 3.3  # bits for each character; 32 random hexadecimal digits have 3.6 on average
_TEXT_ENTROPY: Final = 4.0  # 32 random letters and digits have 4.6, of one case 4.4
# The share of neighbouring characters of different kinds (lower case, upper case, digit). In random words it is 0.62,
# or 0.40 if the letters have one case; in names (`DeepSeek-R1-Distill-Qwen-32B-FP8-dynamic`) it is 0.3 and 0.15.
_MIXED_CHANGES: Final = 0.42
_LOWER_CHANGES: Final = 0.24


def key_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans in a text that look like a key, in linear time. Spans may overlap.

    The patterns avoid false positives: prompts, model ids, paths, digests, UUIDs and the account in a gateway's URL do
    not match.
    """
    if len(text) < _SHORTEST:
        return
    for match in re.finditer(_PREFIXED, text):
        if any(map(_is_key_word, re.split("[_.-]", match[1]))):
            yield match.span()
    yield from (match.span() for match in re.finditer(_FORMED, text))
    if len(text) < _LONG:
        return
    accounts = {match.start(1) for match in re.finditer(_ACCOUNT, text)}
    for match in re.finditer(_RUN, text):
        start = match.start()
        if re.search(_DIGEST, text[max(0, start - 8) : start]):
            continue
        # A segment of a path may be a key.
        parts = [match[0]] if _is_random(match[0]) else match[0].split("/")
        for part in parts:
            if len(part) >= _LONG and start not in accounts and _is_random(part):
                yield start, start + len(part)
            start += len(part) + 1


def is_key(text: str) -> bool:
    """Return whether a text contains something that looks like a key."""
    return any(True for _ in key_spans(text))


def is_revision(text: str) -> bool:
    """Return whether a text is a Git revision, which looks like a key."""
    return re.fullmatch("[0-9a-f]{40}", text) is not None


def without_keys(text: str) -> str:
    """Return a text with `***` for each part of it that looks like a key."""
    shown, done = "", 0
    for start, end in sorted(key_spans(text)):
        if end > done:
            shown += f"{text[done:start]}***"
            done = end
    return shown + text[done:]


def _is_key_word(word: str) -> bool:
    """Return whether a word after a prefix is part of a key, unlike those of `sk-no-auth-required`."""
    long = len(word) >= (_LEAST if any(map(str.isdigit, word)) else _LETTERS)
    return long and len(set(word)) >= _DISTINCT


@lru_cache(maxsize=256)
def _is_random(word: str) -> bool:
    if re.fullmatch(_UUID, word):
        return False
    if re.fullmatch("[0-9a-f]+|[0-9A-F]+", word):
        return _entropy(word) > _HEX_ENTROPY
    if not any(map(str.isdigit, word)) or _entropy(word) <= _TEXT_ENTROPY:
        return False
    if word.lower() != word != word.upper():
        return _changes(word) > _MIXED_CHANGES
    # A name in one case consists of words joined by hyphens and slashes, so a match without them is random.
    return word.isalnum() and _changes(word) > _LOWER_CHANGES


def _changes(word: str) -> float:
    """Return the share of neighbouring characters of different kinds. Pairs with a separator do not count."""
    kinds = re.sub("[0-9]", "0", re.sub("[A-Z]", "A", re.sub("[a-z]", "a", re.sub("[+/_-]", " ", word))))
    pairs = [kinds[index : index + 2] for index in range(len(kinds) - 1)]
    neighbours = [pair for pair in pairs if " " not in pair]
    return sum(pair[0] != pair[1] for pair in neighbours) / max(1, len(neighbours))


def _entropy(word: str) -> float:
    """Return the entropy of a word, in bits per character."""
    import math  # for the few words that are long enough

    shares = [word.count(char) / len(word) for char in sorted(set(word))]
    return -math.fsum(share * math.log2(share) for share in shares)
