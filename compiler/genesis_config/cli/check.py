"""`genesis check`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from genesis_config.cli.base import Command, WritingOption
from genesis_config.cli.checking import FORMATS, PARSED, run_check
from genesis_config.cli.options import env_file_option
from genesis_config.config.inputs import load_variables
from genesis_config.diagnostics.rule_names import RULE_NAMES
from genesis_config.lint.discovery import NAMES, STDIN
from genesis_config.lint.linter import CheckOptions
from genesis_config.lint.settings import check_rule_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from genesis_config.diagnostics.finding import Severity

__all__ = ["command"]

_FORMAT_OPTIONS: Final = ("--format",)
_OUTPUT_OPTIONS: Final = ("-o", "--output")


class _Command(Command):
    """A command that keeps the order of its options: each `-o FILE` belongs to the `--format` before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        args = _mark_paths(args)
        given = list(_ordered_outputs(args))
        rest = super().parse_args(ctx, args)
        ctx.params["outputs"] = _with_environment(given, _pair_outputs(given))
        return rest


def _mark_paths(args: Sequence[str]) -> list[str]:
    """Return a command line in which the path of an existing configuration cannot be parsed as an option.

    pre-commit and shell patterns put paths after the options without a `--` between them, and a repository can contain
    `-osub/genesis.json5` or `--env-file=e/genesis.json5`. Such paths get a leading `./`.

    Raises:
        click.UsageError: A word is the path of any other file, so that it is ambiguous.
    """
    end = args.index("--") if "--" in args else len(args)
    return [*map(_mark_path, args[:end]), *args[end:]]


def _mark_path(word: str) -> str:
    if word == STDIN or not word.startswith("-") or not (os.path.isfile(word) or os.path.islink(word)):
        return word
    path = os.path.join(".", word)
    if os.path.basename(word) in NAMES:
        return path
    raise click.UsageError(f"{word!r} could be an option or the file of that name: rename the file, or pass {path!r}")


def _ordered_outputs(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the `--format` and `-o` options of a command line in order, as name and value."""
    words = iter(args)
    for word in words:
        if word == "--":
            return
        name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:3], word[2:])
        if name in {*_FORMAT_OPTIONS, *_OUTPUT_OPTIONS}:
            yield name, (value if equals else next(words, ""))


def _pair_outputs(given: Sequence[tuple[str, str]]) -> list[tuple[str, str | None]]:
    outputs: list[tuple[str, str | None]] = []
    for name, value in given:
        if name in _FORMAT_OPTIONS:
            outputs.append((value, None))
        elif not outputs:
            outputs.append(("text", value))
        elif outputs[-1][1] is None:
            outputs[-1] = (outputs[-1][0], value)
        else:
            raise click.UsageError(f"-o {value} has no --format: each -o needs a --format before it")
    files = [os.path.realpath(path) for _, path in outputs if path not in {None, "-"}]
    if len(set(files)) < len(files):
        raise click.UsageError("two reports cannot be written to the same file")
    return outputs


def _with_environment(
    given: Sequence[tuple[str, str]], outputs: list[tuple[str, str | None]]
) -> list[tuple[str, str | None]]:
    """Apply GENESIS_FORMAT and GENESIS_OUTPUT, with which a CI job changes the output of a hook without editing it.

    Each is used only if the command line lacks the option: the format for all outputs, the file for the last format.
    """
    options = {name for name, _ in given}
    if not options.intersection(_FORMAT_OPTIONS):
        form = os.environ.get("GENESIS_FORMAT") or "text"
        if form not in FORMATS:
            raise click.UsageError(f"GENESIS_FORMAT is {form!r}, but must be one of {', '.join(FORMATS)}")
        outputs = [(form, path) for _, path in outputs] or [(form, None)]
    path = os.environ.get("GENESIS_OUTPUT")
    if path and not options.intersection(_OUTPUT_OPTIONS):
        outputs = [*outputs[:-1], (outputs[-1][0], path)]
    return outputs


def _rule_names(names: Sequence[str], option: str) -> frozenset[str]:
    if names:
        check_rule_names(names, RULE_NAMES, option)
    return frozenset(names)


@click.command("check", cls=_Command)
@click.argument("paths", nargs=-1, type=click.Path(readable=False))  # an unreadable file must not stop the others
@click.option("_formats", "--format", type=click.Choice(FORMATS), multiple=True, help="Output format. May be repeated.")
@click.option(
    "_files",
    "-o",
    "--output",
    cls=WritingOption,
    metavar="FILE",
    multiple=True,
    help="Write the preceding --format to FILE (default: standard output).",
)
@click.option("select", "--select", metavar="RULE", multiple=True, help="Check only RULE. May be repeated.")
@click.option("ignore", "--ignore", metavar="RULE", multiple=True, help="Skip RULE. May be repeated.")
@click.option("warn", "--warn", metavar="RULE", multiple=True, help="Report RULE as a warning. May be repeated.")
@click.option("error", "--error", metavar="RULE", multiple=True, help="Report RULE as an error. May be repeated.")
@click.option(
    "fail_on",
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    help="Lowest severity that causes exit code 1.  [default: error]",
)
@click.option("exit_zero", "--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option("fix", "--fix", cls=WritingOption, is_flag=True, help="Apply safe fixes.")
@click.option("diff", "--diff", is_flag=True, help="With --fix: print the changes as a diff; write nothing.")
@click.option("stdin_name", "--stdin-filename", metavar="PATH", help="File name to report for standard input.")
@click.option(
    "config", "--config", metavar="FILE", type=click.Path(), help="Check FILE; the same as passing it in PATHS."
)
@env_file_option
@click.option("use_env", "--use-env", is_flag=True, help="Also resolve references from the environment.")
def command(
    paths: tuple[str, ...],
    outputs: list[tuple[str, str | None]],
    fail_on: Severity,
    config: str | None,
    **options: Any,
) -> int:
    """Lint configurations: files, directories (searched for genesis.json5 and genesis.json), or - for standard input.

    Reads only the files: no network, no environment, no secrets; the result is the same on every machine. The exit code
    is 0 without errors, 1 with errors, and 2 for wrong usage or an unreadable file.

    \b
    Examples:
      genesis check
      genesis check deploy/ --format github --format sarif -o genesis.sarif
      genesis check --env-file .env --fail-on warning --ignore unknown-section
      genesis check --fix --diff
    """
    paths = paths if config is None else (*paths, config)
    if options["diff"] and not options["fix"]:
        raise click.UsageError("--diff requires --fix")
    printed = [form for form, file in outputs if file in {None, "-"} and form in PARSED]
    if options["diff"] and printed:
        raise click.UsageError(
            f"--diff and the {printed[0]} report cannot both go to standard output; write the report to a file with -o"
        )
    if options["stdin_name"] and "-" not in paths:
        raise click.UsageError("--stdin-filename requires - as one of the paths")
    if options["fix"] and "-" in paths:
        raise click.UsageError("--fix cannot be used with standard input")
    severity: dict[str, Severity] = {}
    severity |= dict.fromkeys(_rule_names(options["warn"], "--warn"), "warning")
    severity |= dict.fromkeys(_rule_names(options["error"], "--error"), "error")
    check_options = CheckOptions(
        variables=load_variables(options["env_files"], environment=options["use_env"]),
        select=_rule_names(options["select"], "--select") if options["select"] else None,
        ignore=_rule_names(options["ignore"], "--ignore"),
        severity=severity,
        stdin_name=options["stdin_name"],
        fix=options["fix"],
        write=not options["diff"],
    )
    code = run_check(paths, check_options, outputs=outputs, fail_on=fail_on, protected=options["env_files"])
    return 0 if options["exit_zero"] and code == 1 else code
