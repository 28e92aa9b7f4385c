"""The names of all rules, by the stage that reports them. Rules are registered here, and nowhere else.

The module of the same name in `genesis_config.rules` contains the rule's documentation.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

__all__ = [
    "CONFIG_RULES",
    "HOME",
    "LOCK_RULES",
    "RESOLVED_RULES",
    "RULE_NAMES",
    "TEXT_RULES",
    "FindingName",
    "RuleName",
    "Stage",
    "documentation_url",
]

Stage = Literal["text", "references", "variables", "schema", "config", "decision", "server", "lock", "comments"]
"""The stage that reports a rule's findings.

text: parsing, and resolving includes; references: expansion, for malformed references; variables: expansion, and every
other stage that needs the value of a variable; schema: validation; config: the rules that check the typed
configuration; decision: the rules that check the decisions for providers; server: discovery; lock: the rules that
compare the lock file; comments: processing of ignore comments.
"""

_Text = Literal[
    "syntax",
    "duplicate-key",
    "non-finite-number",
    "lone-surrogate",
    "not-utf8",
    "too-deep",
    "too-large",
    "include",
]
_Reference = Literal["malformed-reference"]
_Variable = Literal["unset-variable", "empty-variable"]
_Schema = Literal["unknown-key", "wrong-type", "missing-key", "out-of-range", "unknown-section"]
_Config = Literal[
    "invalid-value",
    "missing-base-url",
    "invalid-base-url",
    "credentials-in-url",
    "base-url-path",
    "cleartext-credential",
    "metadata-address",
    "no-models",
    "duplicate-model",
    "max-tokens-exceeds-context",
    "assumed-context-window",
    "native-only-param",
    "hardcoded-secret",
    "marker-key",
    "secret-in-plain-position",
    "authorization-conflict",
    "malformed-model-ref",
    "unknown-provider",
    "unknown-model",
    "duplicate-fallback",
    "alias-conflict",
]
_Decision = Literal["not-configured"]
_Server = Literal["server-unreachable", "auth-rejected", "no-models-discovered", "bad-model-list"]
_Lock = Literal["lock-missing", "lock-stale"]
_Comment = Literal["unused-ignore"]

RuleName = Literal[_Text, _Reference, _Variable, _Schema, _Config, _Decision, _Server, _Lock, _Comment]

FindingName = Literal[RuleName, "internal-error"]
"""The name of a finding: that of a rule, or `internal-error` for a bug in Genesis."""

# In the order of the documentation.
RULE_NAMES: Final[tuple[RuleName, ...]] = get_args(RuleName)
TEXT_RULES: Final[tuple[RuleName, ...]] = get_args(_Text)
CONFIG_RULES: Final[tuple[RuleName, ...]] = get_args(_Config)
LOCK_RULES: Final[tuple[RuleName, ...]] = get_args(_Lock)
# The rules that check the configuration again once its providers and their models are resolved.
RESOLVED_RULES: Final[tuple[RuleName, ...]] = ("not-configured", "unknown-model", "max-tokens-exceeds-context")

HOME: Final = "https://github.com/genesis-config/genesis"


def documentation_url(name: RuleName) -> str:
    """Return the address of a rule's documentation."""
    return f"{HOME}/blob/main/docs/rules.md#{name}"
