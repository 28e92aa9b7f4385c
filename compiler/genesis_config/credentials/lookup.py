"""The values of secret positions: where they are looked up, and how they are kept out of what is printed."""

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


__all__ = ["MissingSecretError", "SecretRef", "echoed_parts", "remedy", "scrub", "secret_value"]

_LONGEST_SECRET: Final = 64 * 1024  # bytes


class SecretRef(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Where the value of a secret position comes from; exactly one field is set.

    Attributes:
        template: Text with `${NAME}` references, resolved when a request is made.
        value: The text itself: a plain header, a placeholder key, or a secret written by `--secrets inline`.
        file: The path of a file that holds the value; one trailing newline is not part of it.
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
    """A secret position that has no value. The message says what is missing, `help` what to do."""

    def __init__(self, message: str, help_: str) -> None:
        """Hold both texts; neither repeats a value."""
        super().__init__(message, help=help_)


def secret_value(ref: SecretRef, lookup: Callable[[str], str | None], what: str) -> str:
    """Give the value of a secret position.

    Args:
        ref: Where it comes from.
        lookup: Gives a variable's value, None where it is unset. One of white space only is as good as unset.
        what: What needs it, for messages.

    Raises:
        MissingSecretError: A variable, file or profile is not there, or empty, or no header can hold its value.
    """
    value = _looked_up(ref, lookup, what)
    if not value.isprintable():
        message = f"{what} holds a line break or a control character, which no header can"
        raise MissingSecretError(message, "remove it where the value is set")
    return value


def remedy(ref: SecretRef | None) -> str | None:
    """Say how a person changes the value of a secret position, in words that go before `a key that the server accepts`.

    None where there is none, or it is stated as it is.
    """
    if ref is None:
        return None
    if ref.file is not None:
        return f"write into {ref.file}"
    if ref.profile is not None:
        return f"put into the auth profile {ref.profile}"
    used = names(ref.template or "")
    return f"set {used[0]} to" if used else None


def echoed_parts(ref: SecretRef, value: str, lookup: Callable[[str], str | None]) -> list[str]:
    """List what servers repeat of a secret: all of it, what follows its scheme, and each variable of its template.

    Each is listed as it is and with single spaces, since messages are put on one line.
    """
    variables = (lookup(name) or "" for name in names(ref.template or ""))
    parts = (value, value.partition(" ")[2], *variables)
    forms = (form for part in parts for form in (part.strip(), " ".join(part.split())))
    return list(dict.fromkeys(filter(None, forms)))


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of what a server said: some echo the key that they refuse.

    That is as it is, as JSON has it, or as a URL has it. One of less than 6 characters is taken out where it is a whole
    word, and not out of the middle of others.
    """
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        whole = len(form) < 6  # noqa: PLR2004 - as the docstring says
        text = re.sub(rf"\b{re.escape(form)}\b", "***", text) if whole else text.replace(form, "***")
    return text


def _forms(secret: str) -> Iterator[str]:
    """Give a secret in each of the ways that it is written."""
    yield secret
    yield msgspec.json.encode(secret).decode()[1:-1]
    for safe in ("", "/"):
        quoted = quote(secret, safe=safe)
        yield quoted
        yield re.sub("%..", lambda code: code[0].lower(), quoted)  # RFC 3986, §2.1: both are the same


def _looked_up(ref: SecretRef, lookup: Callable[[str], str | None], what: str) -> str:
    if ref.value is not None:
        return ref.value
    if ref.file is not None:
        return _from_file(ref.file, what)
    if ref.profile is not None:
        return _from_profile(ref.profile, what)
    resolved = resolve(ref.template or "", lambda name: lookup(name) if (lookup(name) or "").strip() else None)
    if resolved.value is not None:
        return resolved.value
    reference = resolved.problems[0].reference
    unset = lookup(reference.name) is None
    state = "is not set" if unset else "is empty"
    reason = "" if reference.message is None else f": {reference.message}"
    message = f"the variable `{reference.name}` {state}, and {what} needs it{reason}"
    help_ = f"export {reference.name}, or put it into an --env-file"
    raise MissingSecretError(message, help_ if unset else f"give {reference.name} a value where it is set")


def _from_file(path: str, what: str) -> str:
    """Read a secret that is mounted as a file, as Docker and Kubernetes do; one line end after it is not part of it."""
    needs = f"{what} needs the file {path}, which"
    try:
        # A pipe waits for who writes into it, which may be nobody.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            data = stream.read(_LONGEST_SECRET + 1) if regular else b""
    except FileNotFoundError:
        raise MissingSecretError(f"{needs} is not there", "mount or create it") from None
    except IsADirectoryError:
        help_ = "name the file in it; a Kubernetes secret is a folder with a file for each key"
        raise MissingSecretError(f"{needs} is a folder", help_) from None
    except OSError as error:
        help_ = "let the user that Genesis runs as read it"
        raise MissingSecretError(f"{needs} cannot be read: {error.strerror}", help_) from None
    if not regular:
        raise MissingSecretError(f"{needs} is no regular file", "name a file that holds the key")
    if len(data) > _LONGEST_SECRET:
        raise MissingSecretError(f"{needs} has more than 64 KiB, and is no key", "is this the right file?")
    try:
        value = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise MissingSecretError(f"{needs} is no UTF-8 text", "is this the right file?") from None
    if not value.strip():
        raise MissingSecretError(f"{needs} is empty", "write the key into it")
    return value


def _from_profile(name: str, what: str) -> str:
    try:
        profile = profiles.read(profiles.store_path()).get(name)
    except profiles.ProfilesError as error:
        raise MissingSecretError(f"{what} needs an auth profile: {error}", error.help or "fix the file") from None
    if profile is None:
        raise MissingSecretError(
            f"{what} needs the auth profile {name}, which is not there", "`genesis auth set` adds it"
        )
    return profile.key
