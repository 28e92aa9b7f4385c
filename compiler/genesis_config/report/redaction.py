"""Which characters of a source are never shown: a report would otherwise print the key that it complains about."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.lookup import mapping
from genesis_config.credentials.names import is_secret_variable
from genesis_config.credentials.patterns import key_spans
from genesis_config.net.policy import HEADER_NAME
from genesis_config.syntax.references import NAME, Reference, names, parse

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.diagnostics.source import Source
    from genesis_config.syntax import Document

__all__ = ["hide_secrets", "looks_secret", "without_secrets"]

# What a secret looks like in a text that may be too broken to have a structure. Every expression is linear in the text:
# no two of its parts can take the same characters, and what was taken is not given back.
_STRING = r"""(?:"(?:[^"\\\n\r]|\\[\s\S])*+"?|'(?:[^'\\\n\r]|\\[\s\S])*+'?)"""
_COMMENT = r"(?://[^\n\r]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?)"
_BARE = r"""[^\s,:{}\[\]"']++"""
# The end of a name that a secret stands under, right or misspelt.
_NAME = re.compile(
    r"""(?ix) (?: a[pi]{1,2}[-_]?k[ey]{1,3} | (?<![a-z]) key | token(?!s|iz) | secret | passw(?:or)?d | passphrase
        | authori[sz] | credential | cookie | (?P<one> (?<![a-z]) (?:pwd|auth|bearer) (?![a-z]) )
        | (?P<all> h(?:ea|ae|e|a)dd?(?:er|re|r|e)s? (?![\w$]) ) ) [\w$-]*+ """
)
# What may stand between the name and the value.
_SPACE = r"(?:\s|//[^\n\r]{0,200}+|/\*(?:[^*]|\*(?!/)){0,200}+\*/){0,200}+"
_BETWEEN = re.compile(rf"""["']?{_SPACE}([:=])?{_SPACE}""")
_COMMENTS = re.compile(_COMMENT)
_VALUE = re.compile(rf"({_STRING})|([^\s,{{}}\[\]\"']++)|[{{\[]")
# The tokens of a bracket in which all values are secret: a comment, a key or a value, an opening and a closing bracket.
_TOKEN = re.compile(rf"({_COMMENT})|({_STRING}|{_BARE})(\s*+:)?|([{{\[])|([}}\]])")
# A string that follows one, so that it belongs to it: put together from pieces, or a comma is missing. Not a key.
_MORE = re.compile(rf"[ \t]*+\+?[ \t]*+({_STRING})(?!\s*+:)")
# A bare word that is no word of a sentence.
_KEYISH = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[\w+/=.-]{12,}+")
# Also as the default of a reference: `${NAME:-sk-…}`.
_SHAPED = re.compile(
    r"(?:(?<![\w-])|(?<=:-))(?:sk|pk|rk|hf|gh[pousr]|glpat|xox[abprs]|nvapi|gsk|key)[-_][A-Za-z0-9_\-.]{8,}+"
)
_USER_INFO = re.compile(r"""://[^\s/"'@]++@""")
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey)\s+")
_PIECES = re.compile(r"\\(?:x..|u....|[\s\S])|\s+")
_COUNT = re.compile("[0-9]{1,7}")
# What stands in a secret position is hidden elsewhere too, if it looks like a key: a plain header's value is a word as
# others are (`X-Tenant: "research"`), and so are placeholders.
_WHOLE = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])\S{8,}+")
_MOST_KEYS: Final = 100
# How far from what it names a finding may be.
_NEAR: Final = 1000
_SHORT: Final = 5  # characters
# In `apiKey: {source: …}` these say where the key is, if they are what they should be.
_PLACES = {"source": re.compile("env|file"), "id": re.compile(NAME), "path": re.compile("[^\\n]*")}


def hide_secrets(document: Document) -> None:
    """Mark the secrets in a document's texts, so that no report shows them.

    They are looked for twice: in the value, at every secret position, and in the text itself, by names and shapes, for
    what a syntax error, a duplicate or a misspelt key keeps out of the value.
    """
    hidden: dict[Source, list[tuple[int, int]]] = {source: list(_in_text(source.text)) for source in document.sources}
    values = list(_secret_values(document.value))
    keys: dict[str, None] = {}
    for path, text in [*values, *_secret_variables(document.value, values)]:
        span = document.value_span(path)
        if isinstance(text, str):
            parts = list(_literal_parts(span.source.text, span.start, span.end))
            hidden[span.source] += parts
            keys |= dict.fromkeys(key for start, end in parts if _WHOLE.fullmatch(key := span.source.text[start:end]))
        else:
            hidden[span.source].append((span.start, span.end))
    for source, ranges in hidden.items():
        ranges.extend(_elsewhere(source.text, keys))
    for path in _header_names(document.value):
        if not re.fullmatch(HEADER_NAME, str(path[-1])):
            # No name of a header, but maybe a whole one, with its key.
            span = document.key_span(path)
            hidden[span.source].append((span.start, span.end))
    for source, ranges in hidden.items():
        source.hidden = tuple(_merged(ranges))


def looks_secret(text: str) -> bool:
    """Tell whether a text would be hidden, all or in part, wherever it stood."""
    return any(start < end for start, end in _in_text(text))


def without_secrets(finding: Diagnostic) -> Diagnostic:
    """Take what is hidden around a finding's place out of its words: a syntax error names what it found.

    The words of its fix and the reason for which it is silenced are among them. A fix that would write a secret is left
    out: reports show what it writes.
    """
    span = finding.span
    if span is None:
        return finding
    hidden, text = span.source.hidden, span.source.text
    first = bisect_left(hidden, span.start - _NEAR, key=itemgetter(1))
    last = bisect_right(hidden, span.end + _NEAR, key=itemgetter(0))
    near = {text[start:end] for start, end in hidden[first:last]}
    # Where a secret holds escapes or line ends, the finding may name what is between them.
    near |= {part for secret in near for part in _PIECES.split(secret) if part}

    def without(words: str) -> str:
        for secret in sorted(near, key=lambda secret: (-len(secret), secret)):
            # A short one is in too many words, and is taken out where it is what a message quotes.
            found, instead = (secret, "***") if len(secret) > _SHORT else (f"`{secret}`", "`***`")
            words = words.replace(found, instead)
        return words

    fix = finding.fix
    if fix is not None:
        shows = any(looks_secret(edit.text) or without(edit.text) != edit.text for edit in fix.edits)
        fix = None if shows else fix._replace(title=without(fix.title))
    return finding._replace(
        message=without(finding.message),
        help=finding.help and without(finding.help),
        fix=fix,
        reason=finding.reason and _masked(without(finding.reason)),
    )


def _masked(text: str) -> str:
    """Give a text with three asterisks for each secret in it."""
    shown, done = "", 0
    for start, end in _merged(list(_in_text(text))):
        shown += f"{text[done:start]}***"
        done = end
    return shown + text[done:]


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Order ranges, join those that overlap, and leave empty ones out."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def _secret_values(value: Any) -> Iterator[tuple[Path, Any]]:
    """List what stands in secret positions, whatever its type."""
    for place, owner in _owners(value):
        for key in ("apiKey", "headers"):
            yield from _leaves(owner.get(key), (*place, key))
        if isinstance(owner.get("baseUrl"), str) and "@" in owner["baseUrl"]:
            yield (*place, "baseUrl"), owner["baseUrl"]


def _elsewhere(text: str, keys: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Find what stands in a secret position wherever else it stands; of very many keys the first alone."""
    for key in islice(keys, _MOST_KEYS):
        start = text.find(key)
        while start >= 0:
            yield start, start + len(key)
            start = text.find(key, start + len(key))


def _owners(value: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """List what may have headers: the providers, and the models that do."""
    for name, provider in mapping(value, "models", "providers").items():
        if isinstance(provider, dict):
            path: Path = ("models", "providers", name)
            yield path, provider
            yield from (((*path, "models", index), model) for index, model in _with_headers(provider.get("models")))


def _header_names(value: Any) -> Iterator[Path]:
    """List the places of all headers."""
    for place, owner in _owners(value):
        yield from ((*place, "headers", header) for header in mapping(owner, "headers"))


def _secret_variables(value: Any, values: Iterable[tuple[Path, Any]]) -> Iterator[tuple[Path, Any]]:
    """List the document's own variables that are secret: by their name, or since a secret position refers to them."""
    used = {name for _, text in values if isinstance(text, str) for name in names(text)}
    providers = mapping(value, "models", "providers")
    used |= {id_ for name in providers if isinstance(id_ := mapping(providers, name, "apiKey").get("id"), str)}
    for name, text in mapping(value, "env", "vars").items():
        if name in used or is_secret_variable(name):
            yield from _leaves(text, ("env", "vars", name))


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """List the values in a value that are secret, by their paths."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, key))
    elif value is not None and not (isinstance(value, str) and _is_place(path[-1], value)):
        yield path, value


def _is_place(key: str | int, text: str) -> bool:
    """Tell whether a value says where a key is, and is none."""
    expected = _PLACES.get(key) if isinstance(key, str) else None
    return expected is not None and expected.fullmatch(text) is not None


def _with_headers(models: Any) -> Iterator[tuple[int, Any]]:
    for index, model in enumerate(models if isinstance(models, list) else ()):
        if isinstance(model, dict) and "headers" in model:
            yield index, model


def _in_text(text: str) -> Iterator[tuple[int, int]]:
    yield from key_spans(text)
    for pattern in (_SHAPED, _USER_INFO):
        yield from (match.span() for match in pattern.finditer(text))
    position = 0
    while (name := _NAME.search(text, position)) is not None:
        between = _BETWEEN.match(text, name.end())
        position = name.end()
        value = _VALUE.match(text, between.end()) if between else None
        if between is None or value is None:
            continue
        if between[1]:
            yield from (comment.span() for comment in _COMMENTS.finditer(text, *between.span()))
        quoted, bare = value.groups()
        if quoted or bare:
            # Without a colon a bare word is the next one of a sentence, if it looks like one.
            alone = quoted or (between[0] and _KEYISH.fullmatch(bare))
            if bare and _COUNT.fullmatch(bare):
                continue  # `maxToken: 512`
            if between[1] or (alone and not name["all"]):
                yield from _literal_parts(text, *value.span())
                position = value.end()
                while quoted and (more := _MORE.match(text, position)) is not None:
                    yield from _literal_parts(text, *more.span(1))
                    position = more.end()
        elif between[1] and not name["one"]:  # `auth` is a section too
            position = yield from _in_brackets(text, value.start())


def _in_brackets(text: str, start: int) -> Generator[tuple[int, int], None, int]:
    """Give all values up to the bracket that closes the one at `start`, and return where that is."""
    depth = 0
    key = ""
    end = start
    for token in _TOKEN.finditer(text, start):
        comment, word, colon, opens, closes = token.groups()
        end = token.end()
        if comment:
            yield token.span()
        elif colon:
            key = word.strip("\"'")
            if not re.fullmatch(HEADER_NAME, key):
                yield from _literal_parts(text, *token.span(2))
        elif word:
            if not _is_place(key, word.strip("\"'")):
                yield from _literal_parts(text, *token.span(2))
        else:
            depth += 1 if opens else -1
            if closes and not depth:
                break
    return end


def _literal_parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give what is literal in a string: its references, quotes and scheme (`Bearer `) may be shown, no default."""
    while start < end and text[start] in "\"' \t":
        start += 1
    while start < end and text[end - 1] in "\"' \t\r\n":
        end -= 1
    scheme = _SCHEME.match(text, start, end)
    done = scheme.end() if scheme else start
    offset = start
    for part in parse(text[start:end]):
        if isinstance(part, Reference):
            yield done, offset + part.start
            done = offset + part.end
            if part.default:
                yield done - 1 - len(part.default), done - 1
    yield done, end
