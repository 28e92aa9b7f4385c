"""The source of each provider's key, and the values of secrets.

A declared `apiKey` is final. Without one, the provider's variable is used, then an auth profile, otherwise no key.
`auth.order` and `auth.profiles` choose between several profiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from genesis_config.credentials.lookup import MissingSecretError, SecretRef, secret_value
from genesis_config.credentials.names import provider_variable
from genesis_config.credentials.patterns import without_keys
from genesis_config.credentials.profiles import choose_profile
from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.syntax.references import canonical, names, resolve

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from genesis_config.config.expansion import ExpandedString, Variables
    from genesis_config.config.views import Config, Header, Place, Provider
    from genesis_config.credentials.profiles import Profile
    from genesis_config.diagnostics.finding import Path, Severity
    from genesis_config.diagnostics.source import Span

__all__ = [
    "Credentials",
    "OptIn",
    "Secret",
    "SecretUse",
    "declared_credential",
    "find_opt_in",
    "header_refs",
    "note_unset_variables",
    "read_secret",
    "secret_ref",
]


class OptIn(NamedTuple):
    """The opt-in to a provider that is not declared: a description of its source, and the reference to the key."""

    by: str
    ref: SecretRef


class Credentials(NamedTuple):
    """The sources of keys.

    Attributes:
        variables: The environment and the `--env-file` files; never `env.vars`, which is part of the configuration.
        profiles: The user's auth profiles, by id.
    """

    variables: Variables
    profiles: Mapping[str, Profile]

    def is_blank(self, variable: str) -> bool:
        """Return whether a variable is set but empty or only whitespace, which counts as unset."""
        return self.variables.find(variable) is not None and self.lookup(variable) is None

    def lookup(self, name: str) -> str | None:
        """Return a variable's value; None if it is unset, empty or only whitespace."""
        found = self.variables.find(name)
        return found[0] if found is not None and found[0].strip() else None

    def value(self, ref: SecretRef, what: str) -> str:
        """Return the value of a secret. Messages refer to it as `what`.

        Raises:
            MissingSecretError: The secret has no usable value.
        """
        return secret_value(ref, self.variables.merged().get, what)


class SecretUse(NamedTuple):
    """A secret whose value is needed.

    Attributes:
        ref: The reference to the secret.
        place: The secret position, declared or not.
        what: The description of the secret in messages.
        span: Where to report a missing value, unless a variable in the position is missing.
    """

    ref: SecretRef
    place: Place
    what: str
    span: Span | None


class Secret(NamedTuple):
    """The value of one secret position, or the findings that explain why it has none."""

    value: str | None
    diagnostics: tuple[Diagnostic, ...] = ()


def find_opt_in(provider: str, config: Config, credentials: Credentials) -> OptIn | None:
    """Return the key of a provider that declares none, from its variable or an auth profile.

    Args:
        provider: The provider's id.
        config: The configuration, whose `auth` chooses between several profiles.
        credentials: The sources of keys.
    """
    variable = provider_variable(provider)
    if credentials.lookup(variable):
        return OptIn(variable, SecretRef(template=f"${{{variable}}}"))
    order, declared = config.auth.order(provider), config.auth.profiles_of(provider)
    profile = choose_profile(credentials.profiles, provider, order=order, declared=declared)
    return None if profile is None else OptIn(f"the auth profile {profile}", SecretRef(profile=profile))


def declared_credential(provider: Provider, credentials: Credentials) -> SecretRef | None:
    """Return the credential of a declared provider; None means that no Authorization header is sent."""
    key = provider.api_key
    if key is None:
        opt_in = find_opt_in(provider.id, provider.config, credentials)
        return opt_in.ref if opt_in else None
    if key.written is not None:
        return secret_ref(key.place, key.written, provider.config) if key.written.strip() else None
    return SecretRef(file=key.file) if key.file is not None else SecretRef(template=f"${{{key.variable}}}")


def header_refs(headers: Iterable[Header]) -> dict[str, SecretRef]:
    """Return the references to the values of headers, ordered by name."""
    return {
        header.name: secret_ref(header.place, header.value, header.owner.config)
        for header in sorted(headers, key=lambda header: header.name)
        if header.value is not None
    }


def secret_ref(place: Place, text: str, config: Config) -> SecretRef:
    """Return the reference for the string in a secret position: a template if it contains placeholders."""
    if names(text):
        return SecretRef(template=canonical(text))
    string = config.expansion.strings.get(place.path)
    return SecretRef(value=text if string is None or string.resolved.value is None else string.resolved.value)


def read_secret(use: SecretUse, config: Config, credentials: Credentials) -> Secret:
    """Read the value of a secret."""
    string = config.expansion.strings.get(use.place.path)
    if string is not None:
        consequence = f", but `{use.place}` needs its value"
        unset = tuple(_unset_variables(string, use.place, credentials, consequence, "error"))
        if unset:
            return Secret(None, unset)
    try:
        return Secret(credentials.value(use.ref, use.what))
    except MissingSecretError as missing:
        return Secret(None, (Diagnostic("unset-variable", str(missing), use.span, missing.help),))


def note_unset_variables(config: Config, credentials: Credentials, used: Container[Path]) -> Iterator[Diagnostic]:
    """Yield an info finding for each variable without a value in a secret position that is not in `used`.

    The manifest keeps the reference, so that a pipeline without secrets can compile.
    """
    for path, string in config.expansion.strings.items():
        if string.secret and path not in used:
            place = config.at(*path)
            yield from _unset_variables(string, place, credentials, f"; `{place}` keeps the reference", "info")


def _unset_variables(
    string: ExpandedString, place: Place, credentials: Credentials, consequence: str, severity: Severity
) -> Iterator[Diagnostic]:
    """Yield a finding for each variable without a value in the string of a secret position."""
    for problem in resolve(string.template, credentials.lookup).problems:
        reference = problem.reference
        is_empty = credentials.variables.find(reference.name) is not None
        state = "is empty" if is_empty else "is not set"
        reason = f": {without_keys(reference.message)}" if reference.message is not None else ""
        message = f"the variable `{reference.name}` {state}{consequence}{reason}"
        span = place.part(string.template, reference.start, reference.end)
        help_ = f"export {reference.name}, or add it to an --env-file"
        if is_empty:
            help_ = f"set {reference.name} to a non-empty value"
        yield Diagnostic("unset-variable", message, span, help_, severity=severity)
