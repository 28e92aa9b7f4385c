"""All rules by name, and functions that run those that check the typed configuration.

Each rule is in the module of the same name, which is imported only when the rule runs or is explained: `genesis check`
does not need the texts of all rules.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.diagnostics.rule_names import CONFIG_RULES, LOCK_RULES, RESOLVED_RULES, RULE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    from genesis_config.diagnostics.rule_names import RuleName
    from genesis_config.rules.rule import Context, Resolved, Rule

__all__ = ["load_rule", "load_rules", "run", "run_checks", "run_resolved"]


def load_rule(name: RuleName) -> Rule:
    """Return a rule's metadata."""
    rule: Rule = _module(name).RULE
    return rule


def load_rules() -> dict[str, Rule]:
    """Return the metadata of all rules by name, in the order of the documentation."""
    return {name: load_rule(name) for name in RULE_NAMES}


def run(context: Context) -> list[Diagnostic]:
    """Return the findings of the rules that check a configuration."""
    names = CONFIG_RULES if context.lock is None and context.purpose != "frozen" else (*CONFIG_RULES, *LOCK_RULES)
    return run_checks((_module(name).check for name in names), context)


def run_resolved(context: Context, resolved: Resolved) -> list[Diagnostic]:
    """Return the findings of the rules that check how the providers of a configuration were resolved."""
    return run_checks((_module(name).check_resolved for name in RESOLVED_RULES), context, resolved)


def run_checks(
    checks: Iterable[Callable[..., Iterator[Diagnostic]]], context: Context, *more: object
) -> list[Diagnostic]:
    """Return the findings of all checks. A check that crashes is reported as a finding, and the others still run."""
    findings: list[Diagnostic] = []
    for check in checks:
        try:
            findings += check(context, *more)
        except Exception as error:  # noqa: BLE001 - a bug in one rule must not hide what the others found
            name = check.__module__.rpartition(".")[2].replace("_", "-")
            # The error's own text could contain a value from a secret position.
            message = f"bug in Genesis: the rule `{name}` crashed with {type(error).__name__}"
            help_ = "please report this bug with the configuration; all other rules were checked"
            findings.append(Diagnostic("internal-error", message, context.config.at().span, help_))
    return findings


def _module(name: RuleName) -> ModuleType:
    return import_module(f"genesis_config.rules.{name.replace('-', '_')}")
