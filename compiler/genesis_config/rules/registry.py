"""The rules that are run over a configuration, in one explicit order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.rules import addresses, endpoints, headers, lock, models, native_params, secrets, selection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genesis_config.rules.rule import Check, Context

__all__ = ["CHECKS", "run"]

CHECKS: Final[tuple[Check, ...]] = (
    endpoints.check,
    addresses.check,
    headers.check,
    models.check,
    native_params.check,
    secrets.check,
    selection.check,
    lock.check,
)


def run(context: Context, checks: Iterable[Check] = CHECKS) -> list[Diagnostic]:
    """Run rules over a configuration. One that crashes is a finding that names it; the others go on."""
    findings: list[Diagnostic] = []
    for check in checks:
        try:
            findings += check(context)
        except Exception as error:  # noqa: BLE001 - a bug in one rule must not hide what the others found
            name = check.__module__.removeprefix("genesis_config.rules.")
            # The error's own text could hold a value from a secret position.
            message = f"a bug in Genesis: the rules in `{name}` crashed with {type(error).__name__}"
            help_ = "please report it with the configuration; the other rules went on"
            span = context.document.value_span(())
            findings.append(Diagnostic("internal-error", message, span, help_))
    return findings
