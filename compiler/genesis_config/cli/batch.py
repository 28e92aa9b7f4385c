"""`genesis batch`."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from genesis_config.cli.base import Command, WritingOption
from genesis_config.cli.inputs import load_manifest
from genesis_config.cli.options import config_option, env_file_option
from genesis_config.cli.output import print_note
from genesis_config.config.inputs import load_variables
from genesis_config.diagnostics.errors import GenesisError, file_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from genesis_config.runtime.batch import Request

__all__ = ["command"]


@click.command("batch", cls=Command)
@click.argument("requests", type=click.Path())
@click.option(
    "output",
    "-o",
    "--output",
    cls=WritingOption,
    metavar="FILE",
    required=True,
    type=click.Path(),
    help="Append the results to FILE.",
)
@click.option(
    "at_once", "--concurrency", metavar="N", type=click.IntRange(min=1), default=32, show_default=True,
    help="Number of concurrent requests.",
)  # fmt: skip
@click.option(
    "engine", "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="Run in this process or on a Ray cluster (requires `pip install 'genesis-config[ray]'`).",
)  # fmt: skip
@click.option(
    "workers", "--workers", metavar="N", type=click.IntRange(min=1), help="Number of Ray workers.  [default: 2]"
)
@click.option(
    "manifest_path",
    "--manifest",
    metavar="FILE",
    type=click.Path(),
    help="Use a compiled manifest instead of a configuration.",
)
@config_option
@env_file_option
def command(
    requests: str,
    output: str,
    at_once: int,
    engine: str,
    workers: int | None,
    manifest_path: str | None,
    config: str | None,
    env_files: tuple[str, ...],
) -> int:
    """Run the requests in REQUESTS, a file in OpenAI's batch format, and append a line to FILE for each result.

    A run that was interrupted or killed resumes where it stopped: requests that have a line in FILE are not repeated. A
    failed request gets a line with its error, and the exit code is 1; delete the line to retry the request.

    \b
    Examples:
      genesis batch requests.jsonl -o results.jsonl
      genesis batch requests.jsonl -o results.jsonl --concurrency 200 --manifest manifest.json
      genesis batch requests.jsonl -o results.jsonl --manifest manifest.json --engine ray --workers 8
    """
    if engine != "ray" and workers is not None:
        raise click.UsageError("--workers requires --engine ray")
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise GenesisError("`ray` is not installed", help="run `pip install 'genesis-config[ray]'`")
    from genesis_config.files.writing import is_one_of
    from genesis_config.runtime.batch import Results, run_batch

    shown = click.format_filename(output)
    if is_one_of(output, [requests, manifest_path or "", config or "", *env_files]):
        raise click.UsageError(f"-o {shown} would overwrite an input file")
    parsed = _read_requests(requests)
    manifest = load_manifest(manifest_path, config, env_files)
    if manifest is None:
        return 1
    environment = load_variables(env_files, environment=True).merged()
    try:
        with Results(output) as results:
            before = sum(request.custom_id in results.done for request in parsed)
            failed_before = sum(request.custom_id in results.failed for request in parsed)
            with _progress_bar(len(parsed), before) as on_result:
                if engine == "ray":
                    from genesis_config.runtime.batch.on_ray import run_on_ray  # Ray takes a second to import

                    done = run_on_ray(
                        manifest, parsed, results, workers=workers or 2, concurrency=at_once, on_result=on_result
                    )
                else:
                    done = asyncio.run(
                        run_batch(manifest, environment, parsed, results, concurrency=at_once, on_result=on_result)
                    )
    except OSError as error:
        if error.errno == errno.EWOULDBLOCK:
            raise GenesisError(f"{output} is being written by another run") from None
        raise file_error("write", output, error) from None
    except ValueError as error:
        raise GenesisError(f"{output}: {error}", help="choose another file") from None
    earlier = f", {before} already done" if before else ""
    earlier += f" ({failed_before} failed: delete their lines from {shown} to retry them)" if failed_before else ""
    used = f"{done.input} input + {done.output} output tokens, cost {done.cost:g}"
    print_note(f"{done.succeeded} succeeded, {done.failed} failed{earlier}; {used}")
    return int(done.failed + failed_before > 0)


def _read_requests(path: str) -> list[Request]:
    """Read the requests of a batch file.

    Raises:
        GenesisError: The file cannot be read, or a request is not valid.
    """
    from genesis_config.runtime.batch import read_requests  # `--help` does without

    try:
        return list(read_requests(path))
    except OSError as error:
        raise file_error("read", path, error) from None


@contextmanager
def _progress_bar(total: int, before: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on standard error, if that is a terminal; yield a function that advances it by one."""
    import sys

    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("requests", total=total, completed=before)
        yield lambda: progress.advance(task)
