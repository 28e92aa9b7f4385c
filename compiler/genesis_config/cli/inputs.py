"""What several commands take: the configuration, variables from the environment and from files, keys."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from genesis_config.config.expansion import Layer, Variables
from genesis_config.diagnostics.errors import GenesisError, file_error
from genesis_config.files.reading import MAX_BYTES, read_found, read_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import rich.status

    from genesis_config.credentials.profiles import Profile
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.manifest import Manifest
    from genesis_config.pipeline import Session
    from genesis_config.resolve.lock import Lock
    from genesis_config.resolve.results import Purpose

__all__ = [
    "Input",
    "compile_now",
    "config_argument",
    "config_option",
    "env_file_option",
    "manifest_now",
    "named_in_config",
    "read",
    "show",
    "take",
    "variables",
    "waiting",
]

NAMES: Final = ("genesis.json5", "genesis.json")
# Where `--config` keeps its value until the argument is read.
_CONFIG: Final = "genesis_config.config"


def env_file_option(function: Callable[..., object]) -> Callable[..., object]:
    """Add `--env-file FILE`, which may be given several times."""
    return click.option(
        "env_files",
        "--env-file",
        metavar="FILE",
        multiple=True,
        type=click.Path(dir_okay=False),
        help="Read variables from FILE; the environment takes precedence. May be repeated; earlier files win.",
    )(function)


def config_option(function: Callable[..., object], name: str = "config", **attributes: Any) -> Callable[..., object]:
    """Add `--config FILE`."""
    return click.option(
        name,
        "--config",
        metavar="FILE",
        type=click.Path(),
        help="The configuration. Default: $GENESIS_CONFIG, or genesis.json5 or genesis.json in this directory or in "
        "your configuration directory.",
        **attributes,
    )(function)


def config_argument(function: Callable[..., object]) -> Callable[..., object]:
    """Add `--config FILE` and the same as an argument, `[CONFIG]`."""
    argument = click.argument("config", required=False, type=click.Path(), callback=_one_config)
    # The option is read first, and leaves what it names to the argument.
    return argument(config_option(function, "config_option", expose_value=False, is_eager=True, callback=_keep_config))


def _keep_config(context: click.Context, _: click.Parameter, path: str | None) -> None:
    context.meta[_CONFIG] = path


def _one_config(context: click.Context, _: click.Parameter, path: str | None) -> str | None:
    option: str | None = context.meta[_CONFIG]
    if path is not None and option is not None and os.path.realpath(path) != os.path.realpath(option):
        raise click.UsageError(f"two configurations: {path} and --config {option}", context)
    return path if option is None else option


def variables(env_files: Sequence[str], *, environment: bool) -> Variables:
    """Give the variables of the process environment, if it is to be used, and of files.

    Raises:
        GenesisError: A file cannot be read.
    """
    layers = [Layer("the environment", dict(os.environ))] if environment else []
    layers += [Layer(path, _read_env_file(path)) for path in env_files]
    return Variables(tuple(layers), complete=environment)


def _read_env_file(path: str) -> dict[str, str]:
    """Read an `--env-file`, without references from one value to another: `$` is for the configuration to use.

    Raises:
        GenesisError: It cannot be read, or a line of it is no assignment: what it should set would be missing.
    """
    import io

    from dotenv.parser import parse_stream  # only where a file is given; its `dotenv_values` logs and goes on

    data = read(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise GenesisError(f"{path} is larger than {MAX_BYTES // (1024 * 1024)} MiB", help="is this the right file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise GenesisError(f"{path} is not valid UTF-8") from None
    values = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            # Not the line itself, which may hold a key. What was read begins with the empty lines above it.
            text = binding.original.string
            line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            raise GenesisError(f"{path}:{line}: not an assignment", help="write NAME=value")
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def read(path: str, most: int = -1) -> bytes:
    """Read a file that a person named, all of it or at `most` so many bytes; `-` is standard input.

    Raises:
        GenesisError: It cannot be read.
    """
    if path == "-":
        return sys.stdin.buffer.read(most)
    try:
        with open(path, "rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise file_error("read", path, error) from None


class Config(NamedTuple):
    """A configuration.

    Attributes:
        path: Its path; `-` is standard input.
        data: Its bytes, or the beginning of what is too large.
        root: The directory that was searched when it was found; None where a person named it.
        is_outside: Whether a link out of the directory tree led to it, so that nothing of its text may be shown.
    """

    path: str
    data: bytes
    root: str | None = None
    is_outside: bool = False


def load_config(stated: str | None) -> Config:
    """Read the configuration: as stated, as the environment says, here, or in the user's config folder.

    What is in the user's own folder is taken as if it had been named: links to where people keep such files are common.

    Raises:
        GenesisError: There is none, or it cannot be read.
    """
    return _load(*_find_config(stated))


def _load(path: str, root: str | None) -> Config:
    """Read the configuration at a path; `root` is the directory that was searched for it, if one was."""
    try:
        if path == "-":
            return Config(path, sys.stdin.buffer.read(MAX_BYTES + 1))
        if root is not None:
            return Config(path, read_found(path, root), root)
        file = read_named(path)
    except OSError as error:
        raise file_error("read", path, error) from None
    return Config(path, file.data, is_outside=file.is_outside)


def _find_config(stated: str | None) -> tuple[str, str | None]:
    """Return the path of the configuration, and the directory that was searched unless it is the user's own."""
    path = stated or os.environ.get("GENESIS_CONFIG")
    if path and not os.path.isdir(path):
        return path, None
    folders = {path or ".": path or "."}
    if not path:
        import platformdirs  # only where the configuration is looked for

        folders[platformdirs.user_config_dir("genesis", appauthor=False)] = ""
    for folder, root in folders.items():
        for name in NAMES:
            candidate = os.path.normpath(os.path.join(folder, name))
            if os.path.exists(candidate) and not os.path.isdir(candidate):
                return candidate, root or None
    raise GenesisError(f"no {' or '.join(NAMES)} in {' or '.join(folders)}", help="`genesis init` writes one")


class Input(NamedTuple):
    """What a command works on.

    Attributes:
        name: The configuration's name in findings: its path, or `<stdin>`.
        config: The configuration.
        variables: The environment, and the `--env-file` files.
        lock: The lock next to it.
    """

    name: str
    config: Config
    variables: Variables
    lock: Lock | None

    def run(self, purpose: Purpose, *, provider: str | None = None, inline: bool = False) -> Session:
        """Run the stages of a purpose; the user's profiles are read when a provider needs one."""
        from genesis_config.pipeline import Request, run_pipeline  # `--help` does without

        request = Request(
            purpose, self.variables, _Profiles(), self.lock, provider, inline, withheld=self.config.is_outside
        )
        return run_pipeline(self.name, self.config.data, request)


class _Profiles(Mapping[str, "Profile"]):
    """The user's auth profiles, read when a provider needs one: most have a key that is stated, or a variable.

    A look-up raises a `ProfilesError` if the store cannot be read.
    """

    def __init__(self) -> None:
        self._found: Mapping[str, Profile] | None = None

    def _profiles(self) -> Mapping[str, Profile]:
        from genesis_config.credentials.profiles import read, store_path

        if self._found is None:
            self._found = read(store_path())
        return self._found

    def __getitem__(self, name: str) -> Profile:
        return self._profiles()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._profiles())

    def __len__(self) -> int:
        return len(self._profiles())


def take(config: str | None, env_files: Sequence[str]) -> Input:
    """Find and read the configuration, with the environment's variables and the lock.

    Raises:
        GenesisError: A file cannot be read.
    """
    from genesis_config.resolve.lock import lock_path, read_lock  # `--help` does without

    loaded = load_config(config)
    found = variables(env_files, environment=True)
    if loaded.path == "-":
        return Input("<stdin>", loaded, found, None)
    return Input(loaded.path, loaded, found, read_lock(lock_path(loaded.path), loaded.root))


def compile_now(
    config: str | None,
    env_files: Sequence[str],
    *,
    only: str | None = None,
    inline: bool = False,
    frozen: bool = False,
    output: str | None = None,
) -> Session:
    """Find, read and compile the configuration; `output` is where the manifest is going to be written.

    Raises:
        GenesisError: A file cannot be read or would be overwritten, or the one provider asked for is not
            configured.
    """
    from genesis_config.files.writing import is_one_of
    from genesis_config.resolve.lock import lock_path

    source = take(config, env_files)
    with waiting("asking the servers for their models"):
        session = source.run("frozen" if frozen else "compile", provider=only, inline=inline)
    if session.manifest is None:
        return session
    configured = [decision.provider for decision in session.decisions.every if decision.kind != "none"]
    if only is not None and only not in configured:
        raise click.UsageError(f"no provider {only!r} is configured (configured: {', '.join(configured) or 'none'})")
    if output is not None:
        includes = [file.source.name for file in session.files]
        if is_one_of(output, [source.name, lock_path(source.name), *env_files, *includes]):
            raise click.UsageError(f"-o {click.format_filename(output)} would overwrite an input file")
    return session


def manifest_now(
    path: str | None, config: str | None, env_files: Sequence[str], *, only: str | None = None
) -> Manifest | None:
    """Read the manifest at `path`, or without one compile the configuration; None where that has errors, shown here.

    Raises:
        GenesisError: A file cannot be read.
    """
    if path is not None:
        from genesis_config.manifest import load

        return load(path)
    session = compile_now(config, env_files, only=only)
    show(session.diagnostics, withheld=session.request.withheld)
    return session.manifest


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say on a terminal what takes so long, from a second on; nothing stays of it."""
    if not sys.stderr.isatty():
        yield
        return
    import threading  # for terminals

    shown: list[rich.status.Status] = []
    ended = threading.Event()

    def show() -> None:
        if ended.wait(1):
            return
        from rich.console import Console

        status = Console(stderr=True).status(f"{what} …")
        status.start()
        shown.append(status)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for status in shown:
            status.stop()


def named_in_config(stated: str | None) -> tuple[str, list[str]] | None:
    """Give the path of the configuration and the ids of the providers that it names, declared or in a model reference.

    None where there is no configuration, or none that can be read and shown: who only asks what it names has another
    errand.

    Raises:
        GenesisError: The configuration that was stated cannot be read.
    """
    from genesis_config.diagnostics.rule_names import TEXT_RULES
    from genesis_config.pipeline import check_config

    try:
        path, root = _find_config(stated)
        loaded = None if path == "-" else _load(path, root)
    except GenesisError:
        if stated:
            raise
        return None
    if loaded is None or loaded.is_outside:
        return None
    session = check_config(path, loaded.data, variables((), environment=True))
    # A name may stand in what could not be read.
    if any(finding.rule in TEXT_RULES for finding in session.diagnostics):
        return None
    return path, session.config.named_providers


def show(diagnostics: Sequence[Diagnostic], *, notes: bool = False, withheld: bool = False) -> None:
    """Print findings on standard error, where they are not part of a command's result.

    Args:
        diagnostics: The findings.
        notes: Whether those of severity info are printed too.
        withheld: Whether nothing of the configuration's text may be shown.
    """
    diagnostics = [finding for finding in diagnostics if notes or finding.severity != "info"]
    if withheld:
        from genesis_config.report.withheld import withhold_text  # for links

        diagnostics = withhold_text(diagnostics)
    if diagnostics:
        from genesis_config.report.text_report import paragraphs

        colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        sys.stderr.write(paragraphs(diagnostics, colour=colour))
