"""Every rule there is, in the order of the documentation: for `genesis explain`, the docs and the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.rules import (
    addresses,
    comments,
    endpoints,
    lock,
    models,
    native_params,
    reachable,
    references,
    schema,
    secrets,
    selection,
    server,
    text,
)

if TYPE_CHECKING:
    from genesis_config.rules.rule import Rule

__all__ = ["AS_WRITTEN", "CATALOGUE", "COMPILE_ONLY", "HOME", "TOLD", "address"]

HOME: Final = "https://github.com/genesis-config/genesis"

# Rules that need the environment or a server, so that `check` never reports them.
COMPILE_ONLY: Final = frozenset(
    {"not-configured", "unset-variable", "lock-missing", *(rule.name for rule in server.RULES)}
)
# Rules that `check` reports where it is told the variables, or finds a lock.
TOLD: Final = frozenset({"empty-variable", "lock-stale"})
# Rules about the text as it is written, whatever the values of variables are.
AS_WRITTEN: Final = frozenset(rule.name for rule in (*text.RULES, *schema.RULES))

CATALOGUE: Final[dict[str, Rule]] = {
    rule.name: rule
    for rule in (
        *text.RULES,
        *references.RULES,
        *schema.RULES,
        models.INVALID_VALUE,
        endpoints.MISSING_BASE_URL,
        endpoints.INVALID_BASE_URL,
        endpoints.CREDENTIALS_IN_URL,
        *addresses.RULES,
        models.NO_MODELS,
        models.DUPLICATE_MODEL,
        models.MAX_TOKENS_EXCEEDS_CONTEXT,
        models.ASSUMED_CONTEXT_WINDOW,
        native_params.NATIVE_ONLY_PARAM,
        secrets.HARDCODED_SECRET,
        secrets.SECRET_IN_PLAIN_POSITION,
        secrets.AUTHORIZATION_CONFLICT,
        selection.MALFORMED_MODEL_REF,
        selection.UNKNOWN_PROVIDER,
        selection.UNKNOWN_MODEL,
        reachable.NOT_CONFIGURED,
        selection.DUPLICATE_FALLBACK,
        selection.ALIAS_CONFLICT,
        *server.RULES,
        *lock.RULES,
        comments.UNUSED_IGNORE,
    )
}


def address(name: str) -> str:
    """Give the address of a rule's documentation."""
    return f"{HOME}/blob/main/docs/rules.md#{name}"
