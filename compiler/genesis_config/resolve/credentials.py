"""Where each provider's key comes from.

A stated `apiKey` holds and never falls through; else the provider's variable, else an auth profile, else none. Which
profile that is, `auth.order` and `auth.profiles` may say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from genesis_config.config.expansion import text_span
from genesis_config.config.lookup import declared_profiles, profile_order
from genesis_config.credentials.names import provider_variable
from genesis_config.credentials.patterns import without_keys
from genesis_config.credentials.profiles import for_provider
from genesis_config.diagnostics.finding import Diagnostic, config_path
from genesis_config.manifest import SecretRef, secret_value
from genesis_config.syntax.references import canonical, names, resolve

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from genesis_config.config.expansion import Expansion, Variables
    from genesis_config.credentials.profiles import Profile
    from genesis_config.diagnostics.finding import Path, Severity
    from genesis_config.syntax import Document

__all__ = ["Keys", "OptIn", "missing_values", "secret_ref"]


class OptIn(NamedTuple):
    """What opted in to a provider that is not declared, in words, and where its key is."""

    by: str
    ref: SecretRef


class Keys(NamedTuple):
    """What keys can be found in.

    Attributes:
        variables: Never `env.vars`, which stands in the configuration.
        profiles: The user's, by id.
        assumed: Providers whose variable opts in though nothing here gives it a value: a lock says that it did.
    """

    variables: Variables
    profiles: Mapping[str, Profile]
    assumed: frozenset[str] = frozenset()

    def credential(self, provider: str, entry: dict[str, Any], expansion: Expansion) -> SecretRef | None:
        """Give a declared provider's credential; None sends no Authorization header."""
        path = ("models", "providers", provider, "apiKey")
        stated = entry.get("apiKey")
        if isinstance(stated, str):
            if not stated.strip():
                return None
            return secret_ref(expansion, path, stated)
        if isinstance(stated, dict):
            kind = "file" if stated.get("source") == "file" else "template"
            return SecretRef(**{kind: stated["path"] if kind == "file" else f"${{{stated['id']}}}"})
        found = self.opt_in(provider, expansion.value)
        return found.ref if found else None

    def opt_in(self, provider: str, value: Any) -> OptIn | None:
        """Tell what gives a provider a key that its entry does not state: its variable, or a profile.

        Args:
            provider: Its id.
            value: The configuration; `auth` in it says which of several profiles.
        """
        variable = provider_variable(provider)
        by_variable = OptIn(variable, SecretRef(template=f"${{{variable}}}"))
        if self.lookup(variable):
            return by_variable
        order = profile_order(value, provider)
        profile = for_provider(self.profiles, provider, order=order, declared=declared_profiles(value, provider))
        if profile is not None:
            return OptIn(f"the auth profile {profile}", SecretRef(profile=profile))
        return by_variable if provider in self.assumed else None

    def blank(self, variable: str) -> bool:
        """Tell whether a variable is set and has nothing but white space, which counts as unset."""
        return self.variables.find(variable) is not None and self.lookup(variable) is None

    def lookup(self, name: str) -> str | None:
        """Give a variable's value; one of white space only is as good as unset, since no key looks like that."""
        found = self.variables.find(name)
        return found[0] if found is not None and found[0].strip() else None

    def value(self, ref: SecretRef, what: str) -> str:
        """Give the value of a secret position.

        Raises:
            MissingSecretError: It has none.
        """
        return secret_value(ref, self.variables.merged().get, what)


def missing_values(document: Document, expansion: Expansion, keys: Keys, needed: Container[Path]) -> list[Diagnostic]:
    """Report the variables of secret positions that have no value.

    That is an error at the paths `needed`, where the value is used; elsewhere a note, so that a pipeline without
    secrets can compile.
    """
    findings = []
    for path, string in expansion.strings.items():
        if not string.secret:
            continue
        where = config_path(path)
        for reference, _ in resolve(string.template, keys.lookup).problems:
            state = "is empty" if keys.variables.find(reference.name) else "is not set"
            span = text_span(document, path, string.template, reference.start, reference.end)
            message = f"the variable `{reference.name}` {state}, and the value of `{where}` is needed here"
            severity: Severity = "error"
            if path not in needed:
                message = f"the variable `{reference.name}` {state}; `{where}` keeps the reference"
                severity = "info"
            if reference.message is not None:
                message += f": {without_keys(reference.message)}"
            help_ = f"export {reference.name}, or put it into an --env-file"
            findings.append(Diagnostic("unset-variable", message, span, help_, severity=severity))
    return findings


def secret_ref(expansion: Expansion, path: Path, text: str) -> SecretRef:
    """Say where the value of the string in a secret position comes from: a template if it holds references."""
    if names(text):
        return SecretRef(template=canonical(text))
    string = expansion.strings.get(path)
    return SecretRef(value=text if string is None or string.resolved.value is None else string.resolved.value)
