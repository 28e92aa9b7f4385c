"""Names related to keys: variables derived from a provider or header, and names that mark a secret."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

_Value = TypeVar("_Value")

__all__ = [
    "AUTHORIZATION",
    "AUTH_SCHEME",
    "BEARER",
    "find_authorization",
    "header_variable",
    "is_authorization",
    "is_secret_field",
    "is_secret_header",
    "is_secret_variable",
    "provider_variable",
]

# The header that carries a key, and the scheme in front of one there (RFC 6750, §2.1).
AUTHORIZATION: Final = "Authorization"
BEARER: Final = "Bearer "

# The scheme before a key, as in `Bearer …`. Like all patterns here, it is compiled on first use.
AUTH_SCHEME: Final = r"(?i)(?:bearer|basic|token|apikey)\s+"

_WORDS: Final = frozenset(
    {
        "KEY", "APIKEY", "TOKEN", "SECRET", "PASS", "PASSWORD", "PASSWD", "PASSPHRASE", "PWD", "PAT",
        "CREDENTIAL", "CREDENTIALS", "PRIVATE", "WEBHOOK", "DSN",
    }
)  # fmt: skip
# The ends of compound words: `HFTOKEN`, `OPENAIAPIKEY`.
_ENDS: Final = ("APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "ACCESSKEY", "SECRETKEY", "AUTHKEY")
# Names with such a word that are not secret: special tokens, keys of tables and caches, identifiers, public keys.
_HARMLESS: Final = (
    r"(?:EOS|BOS|PAD|STOP|UNK|SEP|CLS|MASK)_?TOKENS?|(?:PARTITION|SORT|PRIMARY|FOREIGN|CACHE|IDEMPOTENCY)_?KEY"
    r"|KEY_?ID|PUBLIC_?KEY"
)
# Connection strings, which contain a password.
_CONNECTION: Final = (
    r"(?:DATABASE|DB|POSTGRES(?:QL)?|PG|MYSQL|MARIADB|MONGO(?:DB)?|REDIS|AMQP|RABBITMQ|BROKER|JDBC|SQLALCHEMY)"
    r"(?:_[A-Z0-9]+)*_UR[IL]$|CONNECTION_STRING$"
)
# Names of variables that contain the location of a secret, not the secret itself.
_POINTERS: Final = ("_FILE", "_PATH", "_DIR")
_OF_FIELDS: Final = frozenset({"AUTHORIZATION", "COOKIE", "BEARER"})
_QUERY_SIGNATURES: Final = frozenset({"SIG", "SIGNATURE"})


def provider_variable(provider: str) -> str:
    """Return the variable of a provider's key: `FOO_BAR_API_KEY` for `foo-bar`, `_01_AI_API_KEY` for `01.ai`."""
    return _variable(f"{re.sub('[^A-Z0-9]+', '_', provider.upper()).strip('_')}_API_KEY")


def header_variable(header: str) -> str:
    """Return a variable for a header's value: `X_API_KEY` for `X-Api-Key`."""
    return _variable(re.sub("[^A-Z0-9]+", "_", header.upper()).strip("_") or "TOKEN")


@lru_cache(maxsize=1024)
def is_secret_variable(name: str) -> bool:
    """Return whether a variable is secret, judging by the words of its name."""
    plain = _plain(name)
    if plain.endswith(_POINTERS):
        return False
    return any(map(_is_secret_word, plain.split("_"))) or re.search(_CONNECTION, plain) is not None


@lru_cache(maxsize=1024)
def is_secret_header(name: str) -> bool:
    """Return whether a header is secret, judging by the end of its name."""
    return _plain(name).endswith(("AUTHORIZATION", "COOKIE", "KEY", "TOKEN", "SECRET", "PASSWORD"))


@lru_cache(maxsize=1024)
def is_secret_field(name: str) -> bool:
    """Return whether an object's field or a query parameter is secret, judging by the last word of its name."""
    *_, last = _plain(name).split("_")
    return _is_secret_word(last) or last in _OF_FIELDS or last in _QUERY_SIGNATURES


def _is_secret_word(word: str) -> bool:
    return word in _WORDS or word.endswith(_ENDS)


def _plain(name: str) -> str:
    """Return a name in upper case with `_` between its words, without its harmless parts."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = re.sub(r"[^A-Z0-9]+", "_", words.upper())
    return re.sub(rf"(?<![A-Z0-9])(?:{_HARMLESS})(?![A-Z0-9])", "", plain)


def _variable(name: str) -> str:
    return f"_{name}" if name[0].isdigit() else name


def is_authorization(header: str) -> bool:
    """Return whether a header is Authorization, which replaces a key. Header names are case-insensitive."""
    return header.lower() == AUTHORIZATION.lower()


def find_authorization(headers: Mapping[str, _Value]) -> _Value | None:
    """Return the value of the Authorization header; None if there is none."""
    return next((value for name, value in headers.items() if is_authorization(name)), None)
