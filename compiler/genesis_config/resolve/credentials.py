"""The source of each provider's key, and the values of secrets.

A declared `apiKey` is used and never falls through; otherwise the provider's variable, then an auth profile, else no
key. `auth.order` and `auth.profiles` choose between several profiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from genesis_config.config.expansion import text_span
from genesis_config.config.lookup import declared_profiles, profile_order
from genesis_config.config.positions import config_path
from genesis_config.credentials.lookup import MissingSecretError, SecretRef, secret_value
from genesis_config.credentials.names import provider_variable
from genesis_config.credentials.patterns import without_keys
from genesis_config.credentials.profiles import for_provider
from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.syntax.references import canonical, names, resolve

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from genesis_config.config.expansion import Expanded, Expansion, Variables
    from genesis_config.credentials.profiles import Profile
    from genesis_config.diagnostics.finding import Path, Severity
    from genesis_config.diagnostics.source import Span
    from genesis_config.syntax import Document

__all__ = [
    "Credentials",
    "OptIn",
    "Secret",
    "declared_credential",
    "find_opt_in",
    "note_unset_variables",
    "read_secret",
    "secret_ref",
]


class OptIn(NamedTuple):
    """What enables a provider that is not declared, in words, and the reference to its key."""

    by: str
    ref: SecretRef


class Credentials(NamedTuple):
    """Where keys can be found.

    Attributes:
        variables: The environment and the `--env-file` files; never `env.vars`, which is part of the configuration.
        profiles: The user's auth profiles, by id.
    """

    variables: Variables
    profiles: Mapping[str, Profile]

    def is_blank(self, variable: str) -> bool:
        """Return whether a variable is set to nothing but whitespace, which counts as unset."""
        return self.variables.find(variable) is not None and self.lookup(variable) is None

    def lookup(self, name: str) -> str | None:
        """Return a variable's value; None where it is unset or holds only whitespace."""
        found = self.variables.find(name)
        return found[0] if found is not None and found[0].strip() else None

    def value(self, ref: SecretRef, what: str) -> str:
        """Return the value of a secret, which messages call `what`.

        Raises:
            MissingSecretError: It has none.
        """
        return secret_value(ref, self.variables.merged().get, what)


class Secret(NamedTuple):
    """The value of one secret position, or the findings that say why it has none."""

    value: str | None
    diagnostics: tuple[Diagnostic, ...] = ()


def find_opt_in(provider: str, value: Any, credentials: Credentials) -> OptIn | None:
    """Find the key of a provider that declares none: in its variable, or in an auth profile.

    Args:
        provider: Its id.
        value: The configuration, whose `auth` chooses between several profiles.
        credentials: Where keys can be found.
    """
    variable = provider_variable(provider)
    if credentials.lookup(variable):
        return OptIn(variable, SecretRef(template=f"${{{variable}}}"))
    order = profile_order(value, provider)
    profile = for_provider(credentials.profiles, provider, order=order, declared=declared_profiles(value, provider))
    return None if profile is None else OptIn(f"the auth profile {profile}", SecretRef(profile=profile))


def declared_credential(
    provider: str, entry: dict[str, Any], expansion: Expansion, credentials: Credentials
) -> SecretRef | None:
    """Return the credential of a declared provider; None sends no Authorization header."""
    stated = entry.get("apiKey")
    if isinstance(stated, str):
        if not stated.strip():
            return None
        return secret_ref(expansion, ("models", "providers", provider, "apiKey"), stated)
    if isinstance(stated, dict):
        if stated.get("source") == "file":
            return SecretRef(file=stated["path"])
        return SecretRef(template=f"${{{stated['id']}}}")
    opt_in = find_opt_in(provider, expansion.value, credentials)
    return opt_in.ref if opt_in else None


def secret_ref(expansion: Expansion, path: Path, text: str) -> SecretRef:
    """Return the reference for the string in a secret position: a template if it contains placeholders."""
    if names(text):
        return SecretRef(template=canonical(text))
    string = expansion.strings.get(path)
    return SecretRef(value=text if string is None or string.resolved.value is None else string.resolved.value)


def read_secret(  # noqa: PLR0913 - a secret, its place, and where both are looked up
    document: Document,
    expansion: Expansion,
    credentials: Credentials,
    path: Path,
    ref: SecretRef,
    *,
    what: str,
    span: Span | None,
) -> Secret:
    """Read the value of a secret position.

    Args:
        document: The configuration's places.
        expansion: Its strings.
        credentials: Where keys can be found.
        path: The secret position, declared or not.
        ref: The reference to its value.
        what: The words for it in messages.
        span: Where a missing value is reported, unless it is a variable's.
    """
    string = expansion.strings.get(path)
    if string is not None:
        consequence = f", but `{config_path(path)}` needs its value"
        unset = tuple(_unset_variables(document, string, credentials, consequence, "error"))
        if unset:
            return Secret(None, unset)
    try:
        return Secret(credentials.value(ref, what))
    except MissingSecretError as missing:
        return Secret(None, (Diagnostic("unset-variable", str(missing), span, missing.help),))


def note_unset_variables(
    document: Document, expansion: Expansion, credentials: Credentials, used: Container[Path]
) -> Iterator[Diagnostic]:
    """Note the variables without a value in secret positions that are not `used`.

    The manifest keeps the reference, so that a pipeline without secrets can compile.
    """
    for path, string in expansion.strings.items():
        if string.secret and path not in used:
            consequence = f"; `{config_path(path)}` keeps the reference"
            yield from _unset_variables(document, string, credentials, consequence, "info")


def _unset_variables(
    document: Document, string: Expanded, credentials: Credentials, consequence: str, severity: Severity
) -> Iterator[Diagnostic]:
    """Report each variable in a string of a secret position that has no value."""
    for reference, _ in resolve(string.template, credentials.lookup).problems:
        state = "is empty" if credentials.variables.find(reference.name) else "is not set"
        reason = f": {without_keys(reference.message)}" if reference.message is not None else ""
        span = text_span(document, string.path, string.template, reference.start, reference.end)
        message = f"the variable `{reference.name}` {state}{consequence}{reason}"
        help_ = f"export {reference.name}, or put it into an --env-file"
        if state == "is empty":
            help_ = f"give {reference.name} a value where it is set"
        yield Diagnostic("unset-variable", message, span, help_, severity=severity)
