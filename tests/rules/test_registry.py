"""The registry of rules: their names, modules, stages and functions are consistent."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

import genesis_config.rules
from genesis_config.config.views import Config
from genesis_config.diagnostics.rule_names import (
    CONFIG_RULES,
    LOCK_RULES,
    RESOLVED_RULES,
    RULE_NAMES,
    TEXT_RULES,
    RuleName,
    documentation_url,
)
from genesis_config.diagnostics.source import Source
from genesis_config.rules import registry
from genesis_config.rules.rule import Context
from genesis_config.syntax import parse
from tests.support import finding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic

# Modules that contain no rule.
SHARED = {"__init__", "base_urls", "registry", "rule"}


def module_name(name: str) -> str:
    return name.replace("-", "_")


def context() -> Context:
    return Context(Config.written(parse(Source("genesis.json5", "{}"))))


def test_every_rule_has_one_module_and_every_module_one_rule() -> None:
    directory = Path(genesis_config.rules.__file__).parent
    assert {path.stem for path in directory.glob("*.py")} == {module_name(name) for name in RULE_NAMES} | SHARED
    assert len(set(RULE_NAMES)) == len(RULE_NAMES) == len(get_args(RuleName))


@pytest.mark.parametrize("name", RULE_NAMES)
def test_rule_has_the_name_and_stage_that_it_is_registered_with(name: RuleName) -> None:
    rule = registry.load_rule(name)
    assert rule.name == name
    assert (rule.stage == "config") is (name in CONFIG_RULES)
    assert (rule.stage == "lock") is (name in LOCK_RULES)
    assert (rule.stage == "text") is (name in TEXT_RULES)
    assert rule.kind in {"required", "advice"}
    # A rule that stops a compilation is an error, at least for the commands that it stops.
    assert rule.kind == "advice" or rule.severity == "error" or name == "lock-stale"


@pytest.mark.parametrize("name", RULE_NAMES)
def test_checks_of_a_rule_are_generators_in_its_module(name: RuleName) -> None:
    rule_module = import_module(f"genesis_config.rules.{module_name(name)}")
    assert hasattr(rule_module, "check") is (name in {*CONFIG_RULES, *LOCK_RULES})
    assert hasattr(rule_module, "check_resolved") is (name in RESOLVED_RULES)
    for function in ("check", "check_resolved"):
        assert not hasattr(rule_module, function) or inspect.isgeneratorfunction(getattr(rule_module, function))


def test_documentation_url_ends_in_the_rule_name() -> None:
    assert documentation_url("unknown-key").endswith("/docs/rules.md#unknown-key")


def test_crash_of_a_rule_is_reported_and_other_rules_still_run() -> None:
    def crashing(_context: Context) -> Iterator[Diagnostic]:
        yield finding_of("unknown-key", "found before")
        raise ValueError("canary")

    crashing.__module__ = "genesis_config.rules.no_models"

    def working(_context: Context) -> Iterator[Diagnostic]:
        yield finding_of("unknown-key", "found after")

    findings = registry.run_checks([crashing, working], context())
    crash, after = findings[-2:]
    assert crash.rule == "internal-error"
    assert "`no-models`" in crash.message
    assert "ValueError" in crash.message
    assert (after.rule, after.message) == ("unknown-key", "found after")
    assert "canary" not in str(findings)
