"""`genesis explain`."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from genesis.rules.rule import Rule

__all__ = ["command"]


@click.command("explain")
@click.argument("rule", required=False)
def command(rule: str | None) -> int:
    """Say what RULE means, why it matters, and show a bad and a good example; without RULE, list them all.

    \b
    Examples:
      genesis explain
      genesis explain hardcoded-secret
    """
    from genesis.rules.catalogue import CATALOGUE  # `--help` does without

    if rule is None:
        width = max(map(len, CATALOGUE))
        for found in CATALOGUE.values():
            fixable = "fix" if found.fixable else ""
            sys.stdout.write(f"{found.name:<{width}}  {found.severity:<7}  {fixable:<3}  {found.title}\n")
        return 0
    known = CATALOGUE.get(rule)
    if known is None:
        from genesis.nearest import nearest  # for mistakes only

        near = nearest(rule, CATALOGUE)
        hint = f"Did you mean {near!r}?" if near else "`genesis explain` lists them."
        raise click.UsageError(f"There is no rule {rule!r}. {hint}")
    sys.stdout.write(_page(known))
    return 0


def _page(rule: Rule) -> str:
    """Write a rule's page for a terminal of 88 columns."""
    paragraphs = [textwrap.fill(" ".join(part.split()), 88) for part in rule.why.split("\n\n")]
    return "\n".join(
        [
            f"{rule.name} ({rule.severity}): {rule.title}",
            "",
            "\n\n".join(paragraphs),
            "",
            "Bad:",
            textwrap.indent(rule.bad, "  "),
            "Good:",
            textwrap.indent(rule.good, "  "),
            "",
        ]
    )
