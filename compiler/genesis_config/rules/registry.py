"""Every rule by its name, and the running of those that look at the typed configuration.

A rule's module has its name, and is imported when it is run or explained: the texts of all rules are not for a run of
`genesis check`.
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
    """Return the metadata of all rules by their names, in the order of the documentation."""
    return {name: load_rule(name) for name in RULE_NAMES}


def run(context: Context) -> list[Diagnostic]:
    """Run the rules for a configuration."""
    names = CONFIG_RULES if context.lock is None and context.purpose != "frozen" else (*CONFIG_RULES, *LOCK_RULES)
    return run_checks((_module(name).check for name in names), context)


def run_resolved(context: Context, resolved: Resolved) -> list[Diagnostic]:
    """Run the rules for what was decided for the providers of a configuration, and what they serve."""
    return run_checks((_module(name).check_resolved for name in RESOLVED_RULES), context, resolved)


def run_checks(
    checks: Iterable[Callable[..., Iterator[Diagnostic]]], context: Context, *more: object
) -> list[Diagnostic]:
    """Run rules. One that crashes is a finding that names it, and hides no other rule's."""
    findings: list[Diagnostic] = []
    for check in checks:
        try:
            findings += check(context, *more)
        except Exception as error:  # noqa: BLE001 - a bug in one rule must not hide what the others found
            name = check.__module__.rpartition(".")[2].replace("_", "-")
            # The error's own text could hold a value from a secret position.
            message = f"a bug in Genesis: the rule `{name}` crashed with {type(error).__name__}"
            help_ = "please report it with the configuration; the other rules went on"
            findings.append(Diagnostic("internal-error", message, context.config.at().span, help_))
    return findings


def _module(name: RuleName) -> ModuleType:
    return import_module(f"genesis_config.rules.{name.replace('-', '_')}")
