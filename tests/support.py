"""Helpers for tests of several packages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from genesis_config.config.expansion import expand
from genesis_config.config.views import Config
from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.diagnostics.source import Source
from genesis_config.pipeline import Request, run_pipeline
from genesis_config.syntax import parse

if TYPE_CHECKING:
    from genesis_config.config.expansion import Variables
    from genesis_config.diagnostics.rule_names import FindingName
    from genesis_config.diagnostics.source import Span
    from genesis_config.pipeline import Session
    from genesis_config.resolve.credentials import Credentials
    from genesis_config.resolve.lock import Lock
    from genesis_config.resolve.results import Purpose

__all__ = ["compile_config", "config_of", "finding_of"]


def config_of(value: object, variables: Variables | None = None) -> Config:
    """Return the configuration of a value or JSON5 text, with its references resolved if there are variables."""
    document = parse(Source("genesis.json5", value if isinstance(value, str) else json.dumps(value)))
    return Config.written(document) if variables is None else Config(document, expand(document, variables))


def compile_config(
    name: str,
    data: bytes,
    credentials: Credentials,
    *,
    purpose: Purpose = "compile",
    only: str | None = None,
    inline: bool = False,
    lock: Lock | None = None,
) -> Session:
    """Run the stages of a purpose over a configuration."""
    return run_pipeline(name, data, Request(purpose, *credentials, lock, only, inline))


def finding_of(rule: str, message: str, span: Span | None = None, **fields: Any) -> Diagnostic:
    """Return a finding of any rule, which need not exist."""
    return Diagnostic(cast("FindingName", rule), message, span, **fields)
