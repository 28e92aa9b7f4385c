"""`genesis explain`."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Final

import click

from genesis_config.cli.base import Command
from genesis_config.diagnostics.errors import GenesisError

if TYPE_CHECKING:
    from genesis_config.rules.rule import Rule

__all__ = ["command"]

# What the kind of a rule says of a finding. `genesis compile` stops at errors of either kind.
_KINDS: Final = {
    "required": "Required: a violation means that no correct manifest can be compiled.",
    "advice": "Advice: a violation is a likely mistake in a configuration that Genesis understands.",
}

_WIDTH: Final = 88


@click.command("explain", cls=Command)
@click.argument("rule", required=False)
def command(rule: str | None) -> int:
    """Explain what RULE means and why it matters, with a bad and a good example; without RULE, list all rules.

    \b
    Examples:
      genesis explain
      genesis explain hardcoded-secret
    """
    from genesis_config.rules.registry import load_rules  # `--help` does without

    rules = load_rules()
    if rule is None:
        width = max(map(len, rules))
        for listed in rules.values():
            fixable = "fix" if listed.fixable else ""
            sys.stdout.write(f"{listed.name:<{width}}  {listed.severity:<7}  {fixable:<3}  {listed.title}\n")
        return 0
    known = rules.get(rule)
    if known is None:
        from genesis_config.diagnostics.suggestions import nearest  # for mistakes only

        near = nearest(rule, rules)
        hint = f"did you mean `{near}`?" if near else "run `genesis explain` to list all rules"
        raise GenesisError(f"unknown rule `{rule}`", help=hint)
    if sys.stdout.isatty():
        _print_page(known)
    else:
        sys.stdout.write(_page(known))
    return 0


def _print_page(rule: Rule) -> None:
    """Print a rule's page on a terminal."""
    from rich.console import Console  # not needed for pipes
    from rich.markdown import Markdown
    from rich.syntax import Syntax
    from rich.theme import Theme

    console = Console(highlight=False, theme=Theme({"markdown.code": "bold cyan"}))
    colour = {"error": "red", "warning": "yellow", "info": "blue"}[rule.severity]
    console.print(f"[bold {colour}]{rule.severity}[/]\\[[bold]{rule.name}[/]]: {rule.title}\n")
    console.print(Markdown(rule.why), width=min(console.width, _WIDTH))
    for title, example in (("Bad", rule.bad), ("Good", rule.good)):
        console.print(f"\n[bold]{title}[/]")
        console.print(
            Syntax(example, "js", theme="ansi_dark", background_color="default", word_wrap=True, padding=(0, 2))
        )
    console.print(f"\n{_KINDS[rule.kind]}", style="dim")
    if rule.fixable:
        console.print("\n`genesis check --fix` can fix it.", style="dim")


def _page(rule: Rule) -> str:
    """Return a rule's page as plain text."""
    paragraphs = [textwrap.fill(" ".join(part.split()), _WIDTH) for part in rule.why.split("\n\n")]
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
            _KINDS[rule.kind],
            "",
        ]
    )
