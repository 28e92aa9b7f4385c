"""The values of secret positions: looking them up, and redacting them in text from servers."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from genesis_config.credentials import profiles
from genesis_config.diagnostics.errors import GenesisError
from genesis_config.syntax.references import names, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


__all__ = ["MissingSecretError", "SecretRef", "echoed_parts", "is_ordinary", "remedy", "scrub", "secret_value"]

_LONGEST_SECRET: Final = 64 * 1024  # bytes
_SHORTEST_LITERAL: Final = 6  # characters
# A word, or a media type with its parameters.
_ORDINARY: Final = (
    r"[A-Z]?[a-z]+|[A-Z]+"
    r"|(?:application|audio|font|image|model|multipart|text|video|\*)/[A-Za-z0-9.+*-]{1,40}(?:\s*;\s*[a-z]+=[a-z0-9.-]+)*"
)


class SecretRef(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """The source of the value of a secret position. Exactly one field is set.

    Attributes:
        template: Text with `${NAME}` references, resolved when a request is made.
        value: The value itself: a plain header, a marker, or a secret written by `--secrets inline`.
        file: The path of a file that contains the value, without its trailing newline.
        profile: The id of an auth profile, such as `vllm:default`.
    """

    template: str | None = None
    value: str | None = None
    file: str | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        if sum(field is not None for field in (self.template, self.value, self.file, self.profile)) != 1:
            raise ValueError("expected exactly one of `template`, `value`, `file`, `profile`")


class MissingSecretError(GenesisError):
    """A secret position without a usable value."""

    def __init__(self, message: str, help_: str) -> None:
        """Create an error. Neither text may contain a value."""
        super().__init__(message, help=help_)


def secret_value(ref: SecretRef, lookup: Callable[[str], str | None], what: str) -> str:
    """Return the value of a secret position.

    Args:
        ref: The source of the value.
        lookup: A function that returns a variable's value, or None if it is unset. Only whitespace counts as unset.
        what: The description of the secret position in messages.

    Raises:
        MissingSecretError: A variable, file or profile is missing or empty, or its value is not allowed in a header.
    """
    value = _look_up(ref, lookup, what)
    if not value.isprintable():
        message = f"{what} contains a line break or control character, which is not allowed in an HTTP header"
        help_ = "remove it, e.g. use `printf %s KEY` instead of `echo KEY` when creating the secret"
        raise MissingSecretError(message, help_)
    return value


def remedy(ref: SecretRef | None) -> str | None:
    """Return how to change the value of a secret position, as a phrase followed by `a key that the server accepts`.

    None if there is no value, or if it is a literal.
    """
    if ref is None:
        return None
    if ref.file is not None:
        return f"replace the content of {ref.file} with"
    if ref.profile is not None:
        return f"set the auth profile {ref.profile} to"
    used = names(ref.template or "")
    return f"set {used[0]} to" if used else None


def echoed_parts(ref: SecretRef, value: str, lookup: Callable[[str], str | None]) -> list[str]:
    """Return the parts of a secret that a server may echo: all of it, the part after its scheme, and each variable.

    Each part is included verbatim and with single spaces, because messages are put on one line.
    """
    variables = (lookup(name) or "" for name in names(ref.template or ""))
    parts = (value, value.partition(" ")[2], *variables)
    forms = (form for part in parts for form in (part.strip(), " ".join(part.split())))
    return list(dict.fromkeys(filter(None, forms)))


def is_ordinary(value: str) -> bool:
    """Return whether the literal value of a header stays readable in a server's text.

    Any value may be a secret. But an error message may contain a short text, a single word or a media type anyway, and
    would be harder to read without it.
    """
    text = value.strip()
    return len(text) < _SHORTEST_LITERAL or re.fullmatch(_ORDINARY, text) is not None


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Redact secrets in a server's text: some servers echo the key that they reject.

    Each secret is redacted verbatim, JSON-escaped and URL-encoded. A secret of fewer than 6 characters is redacted only
    if it is a whole word.
    """
    forms = {form for secret in secrets if secret for form in _encoded_forms(secret)}
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        whole = len(form) < 6  # noqa: PLR2004 - as the docstring says
        text = re.sub(rf"\b{re.escape(form)}\b", "***", text) if whole else text.replace(form, "***")
    return text


def _encoded_forms(secret: str) -> Iterator[str]:
    """Yield a secret verbatim, JSON-escaped and URL-encoded."""
    yield secret
    yield msgspec.json.encode(secret).decode()[1:-1]
    for safe in ("", "/"):
        quoted = quote(secret, safe=safe)
        yield quoted
        yield re.sub("%..", lambda code: code[0].lower(), quoted)  # RFC 3986, §2.1: both are the same


def _look_up(ref: SecretRef, lookup: Callable[[str], str | None], what: str) -> str:
    if ref.value is not None:
        return ref.value
    if ref.file is not None:
        return _read_file(ref.file, what)
    if ref.profile is not None:
        return _read_profile(ref.profile, what)
    resolved = resolve(ref.template or "", lambda name: lookup(name) if (lookup(name) or "").strip() else None)
    if resolved.value is not None:
        return resolved.value
    reference = resolved.problems[0].reference
    unset = lookup(reference.name) is None
    state = "is not set" if unset else "is empty"
    reason = "" if reference.message is None else f": {reference.message}"
    message = f"the variable `{reference.name}` {state}, but {what} needs its value{reason}"
    help_ = f"export {reference.name}, or add it to an --env-file"
    raise MissingSecretError(message, help_ if unset else f"set {reference.name} to a non-empty value")


def _read_file(path: str, what: str) -> str:
    """Return the secret in a file, as Docker and Kubernetes mount it, without a trailing line break."""
    needs = f"{what} needs the file {path}, which"
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer, possibly forever.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            data = stream.read(_LONGEST_SECRET + 1) if regular else b""
    except FileNotFoundError:
        raise MissingSecretError(f"{needs} does not exist", "mount or create it") from None
    except IsADirectoryError:
        help_ = "use the path of a file in it; a Kubernetes secret is a directory with a file for each key"
        raise MissingSecretError(f"{needs} is a directory", help_) from None
    except OSError as error:
        help_ = "make it readable for the user that runs Genesis"
        raise MissingSecretError(f"{needs} cannot be read: {error.strerror}", help_) from None
    except ValueError:  # a NUL, or a character that the locale's encoding does not have
        help_ = "correct the path; one that is not ASCII needs a UTF-8 locale, such as LC_ALL=C.UTF-8"
        raise MissingSecretError(f"{needs} is not a valid path here", help_) from None
    if not regular:
        raise MissingSecretError(f"{needs} is not a regular file", "use the path of a file that contains the key")
    if len(data) > _LONGEST_SECRET:
        raise MissingSecretError(f"{needs} is larger than 64 KiB, too large for a key", "is this the right file?")
    try:
        value = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise MissingSecretError(f"{needs} is not valid UTF-8", "is this the right file?") from None
    if not value.strip():
        raise MissingSecretError(f"{needs} is empty", "write the key into it")
    return value


def _read_profile(name: str, what: str) -> str:
    try:
        profile = profiles.read_profiles(profiles.store_path()).get(name)
    except profiles.ProfilesError as error:
        raise MissingSecretError(f"{what} needs an auth profile: {error}", error.help or "fix the file") from None
    if profile is None:
        raise MissingSecretError(
            f"{what} needs the auth profile {name}, which does not exist", "add it with `genesis auth set`"
        )
    return profile.key
