"""Which characters of a source are never shown: a report would otherwise print the key that it complains about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from genesis.config import mapping
from genesis.expand import is_secret_name
from genesis.reference import Reference, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis.diagnostics import Path
    from genesis.source import Source
    from genesis.syntax import Document

__all__ = ["hide_secrets"]

_STRING = r"""(?:"(?:[^"\\\n\r]|\\.)*+"?|'(?:[^'\\\n\r]|\\.)*+'?)"""
# What a secret looks like in a text that may be too broken to have a structure, under a key that may be misspelt. The
# value is group 1; a bare word counts too, since a key is often pasted without quotes.
_NAMED = re.compile(
    rf"""(?ix) (?<![\w$-]) ["']? (?!max_?(?:completion_?)?tokens) [\w$-]*?
    (?: api[\w-]*key | a[pi]{{1,2}}_?k[ey]{{1,3}} | token | secret | passw(?:or)?d | author\w+ | credential | cookie )
    [\w$-]* ["']?+ (?: \s*[:=]\s* | \s+ ) ({_STRING} | (?<=[:=\s])[^\s,{{}}\[\]"']++ )"""
)
_SHAPED = re.compile(r"(?<![\w-])((?:sk|pk|rk|hf|gh[pousr]|glpat|xox[abprs]|nvapi|gsk|key)[-_][A-Za-z0-9_\-.]{8,}+)")
_HEADERS = re.compile(r"""(?<![\w$])["']?headers["']?\s*:\s*\{""")
# Tokens of an object of headers: a key, a value in quotes, a value without, a brace.
_HEADER_TOKEN = re.compile(rf"""{_STRING}\s*+:|({_STRING})|:\s*+([^\s"',{{}}\[\]]++)|([{{}}])""")
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey)\s+")


def hide_secrets(document: Document) -> None:
    """Mark the secrets in a document's texts, so that no report shows them.

    They are looked for twice: in the value, at every secret position, and in the text itself, by names and shapes, for
    what a syntax error, a duplicate or a misspelt key keeps out of the value.
    """
    hidden: dict[Source, list[tuple[int, int]]] = {source: list(_in_text(source.text)) for source in document.sources}
    for path, value in _secret_values(document.value):
        span = document.value_span(path)
        if isinstance(value, str):
            hidden[span.source] += _literal_parts(span.source.text, span.start, span.end)
        elif not isinstance(value, dict):
            hidden[span.source].append((span.start, span.end))
    for source, ranges in hidden.items():
        source.hidden = tuple(_merged(ranges))


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
    for name, provider in mapping(value, "models", "providers").items():
        path: Path = ("models", "providers", name)
        owners = [(path, provider)]
        models = provider.get("models") if isinstance(provider, dict) else None
        owners += [((*path, "models", index), model) for index, model in _with_headers(models)]
        for place, owner in owners:
            if isinstance(owner, dict):
                if "apiKey" in owner:
                    yield (*place, "apiKey"), owner["apiKey"]
                if isinstance(owner.get("headers"), dict):
                    yield from (((*place, "headers", key), header) for key, header in owner["headers"].items())
        if isinstance(provider, dict) and isinstance(provider.get("baseUrl"), str) and "@" in provider["baseUrl"]:
            yield (*path, "baseUrl"), provider["baseUrl"]
    for name, text in mapping(value, "env", "vars").items():
        if is_secret_name(name):
            yield ("env", "vars", name), text


def _with_headers(models: Any) -> Iterator[tuple[int, Any]]:
    for index, model in enumerate(models if isinstance(models, list) else ()):
        if isinstance(model, dict) and "headers" in model:
            yield index, model


def _in_text(text: str) -> Iterator[tuple[int, int]]:
    for match in _NAMED.finditer(text):
        yield from _literal_parts(text, *match.span(1))
    for match in _SHAPED.finditer(text):
        yield match.span(1)
    for match in _HEADERS.finditer(text):
        depth = 1
        for token in _HEADER_TOKEN.finditer(text, match.end()):
            quoted, bare, brace = token.groups()
            depth += {"{": 1, "}": -1}.get(brace, 0)
            if not depth:
                break
            if quoted or bare:
                yield from _literal_parts(text, *token.span(1 if quoted else 2))


def _literal_parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give what is literal in a string: its references, quotes and scheme (`Bearer `) may be shown."""
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
    yield done, end
