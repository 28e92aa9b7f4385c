"""`genesis auth`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from genesis_config.cli.base import Command, Group
from genesis_config.cli.options import config_option
from genesis_config.cli.output import print_json, print_note
from genesis_config.cli.tables import write_table
from genesis_config.diagnostics.errors import GenesisError
from genesis_config.lint.location import find_named_providers

if TYPE_CHECKING:
    from genesis_config.credentials.profiles.listing import ProfileSummary

__all__ = ["command"]

_COLUMNS = ("profile", "provider", "kind", "age")
# How long a line may be that a terminal hands over, in bytes; it drops what is past that without a word.
_LONGEST_LINE: Final = 1023 if sys.platform == "darwin" else 4095


class _Command(Command):
    """A command that repeats no argument which it does not take, as click's complaint would: that may be a key."""

    allow_extra_args = True

    def invoke(self, ctx: click.Context) -> object:
        if ctx.args:
            raise click.UsageError(
                "unexpected argument. Keys are never passed as arguments: `genesis auth set PROVIDER` prompts for the "
                "key, or reads it from standard input. If you typed a key, it is now in your shell history.",
                ctx,
            )
        return super().invoke(ctx)


class _Auth(Group):
    """The group, which repeats no command that it does not know."""

    command_class = _Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            ctx.fail(f"no such command (commands: {', '.join(self.commands)})")
        return super().resolve_command(ctx, args)


@click.group("auth", cls=_Auth)
def command() -> None:
    """Store API keys outside the configuration, in a file that only you can read.

    A provider uses its auth profile if its configuration has no `apiKey` and its variable (`VLLM_API_KEY` for vllm) is
    not set.

    \b
    Examples:
      genesis auth set vllm                    prompt for the key, without showing it
      genesis auth list
      genesis auth remove vllm
    """


@command.command("set", short_help="Store a key (prompted, or read from stdin).")
@click.argument("provider")
@click.option("profile", "--profile", metavar="ID", help="The profile ID.  [default: PROVIDER:default]")
@config_option
def set_key(provider: str, profile: str | None, config: str | None) -> int:
    """Store a key for PROVIDER, replacing any existing key in the profile.

    On a terminal the command prompts for the key and does not show it; otherwise the key is the one line on standard
    input. It is never an argument, which the shell's history and the process list would show. If a configuration exists
    that does not name the provider, a note says so.

    \b
    Examples:
      genesis auth set vllm
      genesis auth set vllm --profile vllm:staging < key.txt
      pass show vllm | genesis auth set vllm
    """
    from datetime import UTC, datetime  # `--help` does without

    from genesis_config.credentials.profiles.editing import check_key, check_target, store_key
    from genesis_config.credentials.profiles.store import store_path

    if config == "-":
        raise click.UsageError("--config - and the key would both be read from standard input")
    name = f"{provider}:default" if profile is None else profile
    path = store_path()
    # Before somebody looks for the key: whether it can be kept.
    check_target(path, provider, name)
    _note(provider, config)
    key = _asked(provider) if sys.stdin is not None and sys.stdin.isatty() else _piped()
    check_key(key)
    replaced = store_key(path, provider, name, key, datetime.now(UTC))
    what = "replaced the key of the auth profile" if replaced else "added the auth profile"
    print_note(f"{what} {name}, in {click.format_filename(path)}")
    return 0


@command.command("list", short_help="List the profiles and the age of their keys.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON (versioned).")
def list_profiles(*, as_json: bool) -> int:
    """List the auth profiles and the age of their keys, never a key itself.

    \b
    Examples:
      genesis auth list
      genesis auth list --json
    """
    from datetime import UTC, datetime  # `--help` does without

    from genesis_config.credentials.profiles.listing import format_age, summarize_profiles
    from genesis_config.credentials.profiles.store import read_profiles, store_path
    from genesis_config.report.escape import escape

    path = store_path()
    profiles = summarize_profiles(read_profiles(path), datetime.now(UTC))
    if as_json:
        report = {"version": 1, "profiles": [_report(profile) for profile in profiles]}
        print_json(report)
    elif not profiles:
        print_note(f"no auth profiles in {click.format_filename(path)}; `genesis auth set PROVIDER` adds one")
    else:
        rows = [(row.profile, row.provider, row.kind, format_age(row.age_seconds)) for row in profiles]
        write_table(_COLUMNS, [tuple(map(escape, row)) for row in rows])
    return 0


@command.command("remove", short_help="Remove a profile and its key.")
@click.argument("name", metavar="PROVIDER|PROFILE-ID")
def remove_profile(name: str) -> int:
    """Remove an auth profile and its key, by its ID or, if the provider has only one, by the provider.

    \b
    Examples:
      genesis auth remove vllm
      genesis auth remove vllm:staging
    """
    from genesis_config.credentials.profiles.editing import remove_profile  # `--help` does without
    from genesis_config.credentials.profiles.store import store_path

    path = store_path()
    removed = remove_profile(path, name)
    print_note(f"removed the auth profile {removed}, from {click.format_filename(path)}")
    return 0


@command.command("path", short_help="Print the path of the file with the profiles.")
def show_path() -> int:
    """Print the path of the file with the auth profiles, whether or not it exists.

    \b
    Examples:
      genesis auth path
      ls -l "$(genesis auth path)"
    """
    from genesis_config.credentials.profiles.store import store_path  # `--help` does without

    # Bytes, since the name of a folder may be no UTF-8.
    click.echo(os.fsencode(store_path()))
    return 0


def _note(provider: str, config: str | None) -> None:
    """Say that the configuration, if there is one, has no use for a provider's key."""
    from genesis_config.config.defaults import IMPLICIT_PROVIDERS
    from genesis_config.diagnostics.suggestions import nearest

    found = find_named_providers(config)
    if found is None:
        return
    path, named = found
    known = {*named, *IMPLICIT_PROVIDERS}
    if provider not in known:
        near = nearest(provider, known)
        hint = f"; did you mean {near}?" if near else ", so nothing there uses the key yet"
        print_note(f"note: {click.format_filename(path)} names no provider {provider}{hint}")


def _asked(provider: str) -> str:
    """Ask for the key on the terminal, which does not show it."""
    import getpass
    import warnings

    piped = f"pass the key on standard input: `genesis auth set {provider} < FILE`"
    try:
        with warnings.catch_warnings():
            # Else it would go on with a key that everybody can see.
            warnings.simplefilter("error", getpass.GetPassWarning)
            key = getpass.getpass(f"Key for {provider} (hidden): ")
    except getpass.GetPassWarning:
        raise GenesisError("this terminal cannot hide what is typed", help=piped) from None
    except EOFError:
        raise GenesisError("no key was entered; nothing was changed") from None
    except UnicodeDecodeError:
        raise GenesisError("the key is not in the terminal's encoding") from None
    if len(key.encode(errors="replace")) >= _LONGEST_LINE:
        raise GenesisError(f"a terminal passes on {_LONGEST_LINE} bytes of a line and drops the rest", help=piped)
    return key


def _piped() -> str:
    """Read the key from standard input; one line end after it is not part of it."""
    from genesis_config.credentials.profiles.editing import LONGEST_KEY

    data = b"" if sys.stdin is None else sys.stdin.buffer.read(4 * LONGEST_KEY + 1)
    try:
        key = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise GenesisError("the key on standard input is not valid UTF-8") from None
    if not key.strip():
        raise GenesisError(
            "no key on standard input",
            help="pipe it in (`genesis auth set PROVIDER < FILE`), or run this on a terminal, which prompts for it",
        )
    return key


def _report(row: ProfileSummary) -> dict[str, str | int | None]:
    return {
        "provider": row.provider,
        "profile": row.profile,
        "kind": row.kind,
        "created": row.created,
        "ageSeconds": row.age_seconds,
    }
