"""The names of all rules, by the stage that reports them: the one place where a rule is registered.

Each has a module of its name in `genesis_config.rules`, which says what it means.
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
"""What reports a rule's findings.

text: the readers of texts, and of included files; references: expansion, of references as they are written;
variables: expansion, and whatever needs a variable's value; schema: validation; config: the rules that look at the
typed configuration; decision: the rules that look at what is decided for providers; server: discovery;
lock: the rules that compare the lock; comments: the reader of ignore comments.
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
"""What a finding can be of: a rule, or a bug in Genesis."""

# In the order of the documentation.
RULE_NAMES: Final[tuple[RuleName, ...]] = get_args(RuleName)
TEXT_RULES: Final[tuple[RuleName, ...]] = get_args(_Text)
CONFIG_RULES: Final[tuple[RuleName, ...]] = get_args(_Config)
LOCK_RULES: Final[tuple[RuleName, ...]] = get_args(_Lock)
# Those that look at the configuration once more, when it is known which providers there are and what they serve.
RESOLVED_RULES: Final[tuple[RuleName, ...]] = ("not-configured", "unknown-model", "max-tokens-exceeds-context")

HOME: Final = "https://github.com/genesis-config/genesis"


def documentation_url(name: RuleName) -> str:
    """Return the address of a rule's documentation."""
    return f"{HOME}/blob/main/docs/rules.md#{name}"
