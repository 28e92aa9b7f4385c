"""`genesis auth`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from genesis_config.cli.base import Command, Group
from genesis_config.cli.options import config_option
from genesis_config.cli.output import print_json, print_note
from genesis_config.cli.tables import print_table
from genesis_config.diagnostics.errors import GenesisError
from genesis_config.lint.location import find_named_providers

if TYPE_CHECKING:
    from genesis_config.credentials.profiles.listing import ProfileSummary

__all__ = ["command"]

_COLUMNS = ("profile", "provider", "kind", "age")
# Longest line, in bytes, that a terminal passes on; it silently drops the rest.
_LONGEST_LINE: Final = 1023 if sys.platform == "darwin" else 4095


class _Command(Command):
    """A command whose errors never repeat an unexpected argument, as click's would: it may be a key."""

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
    """A group whose errors never repeat an unknown command, which may be a key."""

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
@click.option("profile", "--profile", metavar="ID", help="Profile ID.  [default: PROVIDER:default]")
@config_option
def set_key(provider: str, profile: str | None, config: str | None) -> int:
    """Store a key for PROVIDER, replacing any existing key in the profile.

    On a terminal the command prompts for the key and does not show it; otherwise the key is the one line on standard
    input. It is never passed as an argument, which would show up in the shell history and the process list. If there is
    a configuration that does not refer to the provider, a note says so.

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
    # Check that the key can be stored before asking for it.
    check_target(path, provider, name)
    _note_unknown_provider(provider, config)
    key = _prompt_for_key(provider) if sys.stdin is not None and sys.stdin.isatty() else _read_piped_key()
    check_key(key)
    replaced = store_key(path, provider, name, key, datetime.now(UTC))
    done = "replaced the key of auth profile" if replaced else "added auth profile"
    print_note(f"{done} {name} in {click.format_filename(path)}")
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
        report = {"version": 1, "profiles": [_profile_report(profile) for profile in profiles]}
        print_json(report)
    elif not profiles:
        print_note(f"no auth profiles in {click.format_filename(path)}; run `genesis auth set PROVIDER` to add one")
    else:
        rows = [(row.profile, row.provider, row.kind, format_age(row.age_seconds)) for row in profiles]
        print_table(_COLUMNS, [tuple(map(escape, row)) for row in rows])
    return 0


@command.command("remove", short_help="Remove a profile and its key.")
@click.argument("name", metavar="PROVIDER|PROFILE-ID")
def remove_profile(name: str) -> int:
    """Remove an auth profile and its key: by profile ID or, if the provider has only one profile, by provider.

    \b
    Examples:
      genesis auth remove vllm
      genesis auth remove vllm:staging
    """
    from genesis_config.credentials.profiles.editing import remove_profile  # `--help` does without
    from genesis_config.credentials.profiles.store import store_path

    path = store_path()
    removed = remove_profile(path, name)
    print_note(f"removed auth profile {removed} from {click.format_filename(path)}")
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

    # Bytes, since the path may not be valid UTF-8.
    click.echo(os.fsencode(store_path()))
    return 0


def _note_unknown_provider(provider: str, config: str | None) -> None:
    """Print a note if there is a configuration that does not refer to the provider, so that the key is not used."""
    from genesis_config.config.defaults import IMPLICIT_PROVIDERS
    from genesis_config.diagnostics.suggestions import nearest

    located = find_named_providers(config)
    if located is None:
        return
    path, named = located
    known = {*named, *IMPLICIT_PROVIDERS}
    if provider not in known:
        near = nearest(provider, known)
        hint = f"; did you mean {near}?" if near else ", so the key is not used yet"
        print_note(f"note: {click.format_filename(path)} does not refer to a provider {provider}{hint}")


def _prompt_for_key(provider: str) -> str:
    """Prompt for the key on the terminal, with hidden input."""
    import getpass
    import warnings

    piped = f"pass the key on standard input: `genesis auth set {provider} < FILE`"
    try:
        with warnings.catch_warnings():
            # Otherwise getpass would read the key with visible input.
            warnings.simplefilter("error", getpass.GetPassWarning)
            key = getpass.getpass(f"Key for {provider} (hidden): ")
    except getpass.GetPassWarning:
        raise GenesisError("this terminal cannot hide input", help=piped) from None
    except EOFError:
        raise GenesisError("no key was entered; nothing was changed") from None
    except UnicodeDecodeError:
        raise GenesisError("the key is not valid in the encoding of the terminal") from None
    if len(key.encode(errors="replace")) >= _LONGEST_LINE:
        raise GenesisError(
            f"the key may be truncated: a terminal passes on at most {_LONGEST_LINE} bytes of a line", help=piped
        )
    return key


def _read_piped_key() -> str:
    """Read the key from standard input, without the line end after it."""
    from genesis_config.credentials.profiles.editing import LONGEST_KEY

    data = b"" if sys.stdin is None else sys.stdin.buffer.read(4 * LONGEST_KEY + 1)
    try:
        key = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise GenesisError("the key on standard input is not valid UTF-8") from None
    if not key.strip():
        raise GenesisError(
            "no key on standard input",
            help="pipe it in (`genesis auth set PROVIDER < FILE`), or run this in a terminal to be prompted for it",
        )
    return key


def _profile_report(row: ProfileSummary) -> dict[str, str | int | None]:
    return {
        "provider": row.provider,
        "profile": row.profile,
        "kind": row.kind,
        "created": row.created,
        "ageSeconds": row.age_seconds,
    }
