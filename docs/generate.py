"""Writes the reference pages rules.md, keys.md and cli.md: `make docs`. With `--check` it only compares."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genesis_config.cli.group import SECTIONS, genesis
from genesis_config.config.validation import schema_text
from genesis_config.rules.registry import load_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- Written by docs/generate.py from {source}; change that, and run `make docs`. -->\n"

COMMAND_LINE = """\
`genesis COMMAND --help` prints the same. The command is also installed as `genesis-config`, in case another package
provides a `genesis`; `uvx genesis-config check` runs it without an installation.

| exit code | |
|---|---|
| 0 | success |
| 1 | findings, or a failed request |
| 2 | wrong usage, or a file that cannot be used |
| 3 | a bug in Genesis |
| 130 | interrupted with Ctrl-C |

Errors go to standard error. They start with `error:`, or with `error[RULE]:` where a rule found them.
"""


def rules() -> str:
    """Write the catalogue of rules."""
    catalogue = load_rules().values()
    lines = [NOTE.format(source="compiler/genesis_config/rules"), "# Rules\n"]
    lines.append("`genesis explain RULE` prints the same. Errors make the exit code 1; so do warnings, if asked to.\n")
    lines += ["| rule | severity | |", "|---|---|---|"]
    lines += [f"| [{rule.name}](#{rule.name}) | {rule.severity} | {rule.title} |" for rule in catalogue]
    for rule in catalogue:
        lines += [f"\n## {rule.name}\n", f"{rule.severity} ({rule.kind}): {rule.title}\n", rule.why, ""]
        lines += ["```json5", "// bad", rule.bad, "// good", rule.good, "```"]
    return "\n".join([*lines, ""])


def keys() -> str:
    """Write the list of a configuration's keys."""
    schema = json.loads(schema_text("config"))
    lines = [NOTE.format(source="schema/config.schema.json"), "# The keys of a configuration\n"]
    lines.append("`genesis schema config` prints the JSON Schema that this is made from; editors show the same.\n")
    lines += ["| key | type | default | |", "|---|---|---|---|"]
    for path, part in _properties(schema, schema, ""):
        default = f"`{json.dumps(part['default'])}`" if "default" in part else ""
        lines.append(f"| `{path}` | {_type(part, schema)} | {default} | {part.get('description', '')} |")
    return "\n".join([*lines, ""])


def _properties(part: Any, schema: Any, path: str) -> Iterator[tuple[str, Any]]:
    """List the properties below a part of the schema, with their paths."""
    part = _resolved(part, schema)
    for branch in part.get("anyOf", ()):
        yield from _properties(branch, schema, path)
    for name, child in part.get("properties", {}).items():
        if not name.startswith("$"):
            here = f"{path}.{name}" if path else name
            yield here, _resolved(child, schema)
            yield from _properties(child, schema, here)
    if isinstance(part.get("additionalProperties"), dict):
        yield from _properties(part["additionalProperties"], schema, f"{path}.<name>")
    if isinstance(part.get("items"), dict):
        yield from _properties(part["items"], schema, f"{path}[]")


def _resolved(part: Any, schema: Any) -> Any:
    return schema["$defs"][part["$ref"].rpartition("/")[2]] if isinstance(part, dict) and "$ref" in part else part


def _type(part: Any, schema: Any) -> str:
    branches = [_resolved(branch, schema) for branch in part.get("anyOf", (part,))]
    return " or ".join(branch.get("type", "any") for branch in branches)


def commands() -> str:
    """Write the reference of the command line."""
    lines = [NOTE.format(source="compiler/genesis_config/cli"), "# The command line\n"]
    lines.append(COMMAND_LINE)
    root = click.Context(genesis, info_name="genesis")
    for title, section in SECTIONS.items():
        lines += [f"## {title}\n"]
        for name in section:
            command = genesis.get_command(root, name)
            assert command is not None
            lines += _command(command, click.Context(command, info_name=name, parent=root))
    return "\n".join(lines)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    """Write one command, or those of a group."""
    yield f"### {context.command_path}\n"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"```text\n{usage}\n```\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        # click leaves a paragraph as it is after this mark.
        title, _, examples = paragraph.removeprefix("\b\n").partition("\n")
        yield (
            f"{title}\n\n```sh\n{inspect.cleandoc(examples)}\n```\n" if paragraph.startswith("\b") else f"{paragraph}\n"
        )
    records = [record for parameter in command.params if (record := parameter.get_help_record(context)) and record[1]]
    if records:
        yield "| option | |\n|---|---|"
        for options, text in records:
            yield "| `{}` | {} |".format(*(cell.replace("|", "\\|") for cell in (options, text)))
        yield ""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _command(child, click.Context(child, info_name=name, parent=context))


def main() -> int:
    """Write the files, or with `--check` say which ones are not up to date."""
    stale = []
    for name, text in (("rules.md", rules()), ("keys.md", keys()), ("cli.md", commands())):
        path = DOCS / name
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        sys.stderr.write(f"not up to date: {', '.join(stale)}; run `make docs`\n")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
