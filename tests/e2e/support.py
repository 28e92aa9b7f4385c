"""Helpers for tests of the command line: running commands, and snapshots in the directories of their cases."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.e2e.warm import Request, WarmProcess, can_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syrupy.assertion import SnapshotAssertion
    from syrupy.location import PyTestLocation
    from syrupy.types import SnapshotIndex

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"

# The command: the installed script if the wheel is tested, otherwise the module.
INSTALLED = shlex.split(os.environ.get("GENESIS_COMMAND", ""))
PACKAGE = "genesis_config"
COMMAND = INSTALLED or [sys.executable, "-m", PACKAGE]
# The name that it uses for itself.
PROGRAM = os.path.basename(COMMAND[0]) if INSTALLED else f"python -m {PACKAGE}"


class Genesis(Protocol):
    """A function that runs `genesis` in a directory, with only the given variables in its environment."""

    def __call__(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str | bytes = ""
    ) -> subprocess.CompletedProcess[str]: ...


def minimal_environment(home: Path, *, measured: bool = True) -> dict[str, str]:
    """Return an environment with only a path, a home and, if coverage is measured, the variables for that."""
    coverage = {name: value for name, value in os.environ.items() if measured and name.startswith("COVERAGE_")}
    return {"PATH": os.environ["PATH"], "HOME": str(home), **coverage}


def runner(home: Path, folder: Path, warm: WarmProcess | None = None, *, measured: bool = True) -> Genesis:
    """Return the command with `home` as its home, run in `folder` by default.

    With `warm` it runs in a child of that process if its environment allows it, which takes a tenth of the time.
    Coverage triples the time of a real executable; code that other tests run too need not be measured there.
    """

    def run(
        *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str | bytes = ""
    ) -> subprocess.CompletedProcess[str]:
        environment = {**minimal_environment(home, measured=measured), **(env or {})}
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = (
            warm.run(Request(list(arguments), str(cwd or folder), environment, umask()), data)
            if warm is not None and can_run(environment)
            else subprocess.run(
                [*COMMAND, *arguments],
                cwd=cwd or folder,
                env=environment,
                input=data,
                capture_output=True,
                timeout=60,
                check=False,
            )
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def umask() -> int:
    """Return the umask of this process, which can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def on_terminal(
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stream: Literal["stdout", "stderr", "both"] = "stdout",
    interrupt_at: str | None = None,
    other: int = subprocess.DEVNULL,
) -> tuple[int, str]:
    """Run the command with one or both of its streams on a terminal. Return the exit code and the terminal's text.

    The other stream goes to `other`, a file or a pipe. With `interrupt_at` the command is interrupted as by Ctrl-C,
    once this text is written.
    """
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 120))
    streams = {name: slave if stream in {name, "both"} else other for name in ("stdout", "stderr")}
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **(env or {})}
    shown = b""
    with subprocess.Popen([*COMMAND, *arguments], cwd=cwd, env=environment, **streams) as process:  # type: ignore[call-overload] # by name
        os.close(slave)
        with contextlib.suppress(OSError):  # raised at the end of a terminal on Linux
            while data := os.read(master, 65536):
                shown += data
                if interrupt_at is not None and interrupt_at in shown.decode(errors="replace"):
                    process.send_signal(signal.SIGINT)
                    interrupt_at = None
        code = process.wait(60)
    os.close(master)
    return code, shown.decode()


_IMPLICIT = """import genesis_config.config.defaults as config
config.DEFAULT_BASE_URL = config.IMPLICIT_PROVIDERS['vllm'] = '{url}'
"""


def implicit_vllm_at(url: str, folder: Path) -> dict[str, str]:
    """Return an environment with `url` as the implicit base URL, since a server may be running at the real one."""
    (folder / "sitecustomize.py").write_text(_IMPLICIT.format(url=url), encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


class _CaseSnapshot(SingleFileSnapshotExtension):
    """A snapshot in a separate file in the directory of its case: `fixtures/broken/NAME/findings.txt`."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"
    folder: Path
    name: str

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:  # noqa: ARG003 - the case decides, not the test
        return str(cls.folder)

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:  # noqa: ARG003
        return cls.name

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:  # noqa: ARG003
        return Path(snapshot_location).parent == cls.folder

    @classmethod
    def discovery_dirname(cls, *, test_location: PyTestLocation) -> str:  # noqa: ARG003
        # A directory other than `dirname`, so that syrupy does not touch files that it does not own: the case itself.
        return str(cls.folder.parent)

    def owns_snapshot_collection(self, *, filepath: str, test_location: PyTestLocation) -> bool:  # noqa: ARG002
        return Path(filepath) == self.folder / f"{self.name}.{self.file_extension}"


def snapshot_file(snapshot: SnapshotAssertion, path: Path) -> SnapshotAssertion:
    """Return a snapshot that is stored in the file `path`."""
    extension = type(
        "CaseSnapshot", (_CaseSnapshot,), {"folder": path.parent, "name": path.stem, "file_extension": path.suffix[1:]}
    )
    return snapshot.use_extension(extension)
