"""What the tests of the command line share: how it is run, and snapshots that lie beside what they are of."""

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

from tests.e2e.warm import Request, Warm, can_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syrupy.assertion import SnapshotAssertion
    from syrupy.location import PyTestLocation
    from syrupy.types import SnapshotIndex

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"

# How the command is run: the installed script in the wheel's test, the module elsewhere.
INSTALLED = shlex.split(os.environ.get("GENESIS_COMMAND", ""))
PACKAGE = "genesis_config"
COMMAND = INSTALLED or [sys.executable, "-m", PACKAGE]
# How it calls itself then.
PROGRAM = os.path.basename(COMMAND[0]) if INSTALLED else f"python -m {PACKAGE}"


class Genesis(Protocol):
    """Runs `genesis` with arguments, in a folder, with nothing in its environment but what is given."""

    def __call__(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str | bytes = ""
    ) -> subprocess.CompletedProcess[str]: ...


def scrubbed(home: Path, *, measured: bool = True) -> dict[str, str]:
    """Return an environment of nothing but a path, a home and, if it is measured, what coverage needs."""
    kept = {name: value for name, value in os.environ.items() if measured and name.startswith("COVERAGE_")}
    return {"PATH": os.environ["PATH"], "HOME": str(home), **kept}


def runner(home: Path, folder: Path, warm: Warm | None = None, *, measured: bool = True) -> Genesis:
    """Return the command, with `home` as its home, run in `folder` unless the call names another.

    With `warm` it runs in a child of that process, which takes a tenth of the time, if its environment allows it.
    Coverage triples the time of a real executable; what runs elsewhere too need not be measured there.
    """

    def run(
        *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str | bytes = ""
    ) -> subprocess.CompletedProcess[str]:
        environment = {**scrubbed(home, measured=measured), **(env or {})}
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
    """Run the command with one or both of its streams on a terminal; give the exit code and what is written to it.

    The stream that is on none goes to `other`, a file or a pipe. With `interrupt_at` the command is interrupted, as
    Ctrl-C does, once that is written.
    """
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 120))
    streams = {name: slave if stream in {name, "both"} else other for name in ("stdout", "stderr")}
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **(env or {})}
    shown = b""
    with subprocess.Popen([*COMMAND, *arguments], cwd=cwd, env=environment, **streams) as process:  # type: ignore[call-overload] # by name
        os.close(slave)
        with contextlib.suppress(OSError):  # how the end of a terminal reads on Linux
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


def look_for_vllm_at(url: str, folder: Path) -> dict[str, str]:
    """Give an environment in which the implicit provider is looked for at `url`: elsewhere a server may well run."""
    (folder / "sitecustomize.py").write_text(_IMPLICIT.format(url=url), encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


class _BesideTheCase(SingleFileSnapshotExtension):
    """Keeps a snapshot as a file of its own in the folder of its case: `fixtures/broken/NAME/findings.txt`."""

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
        # Any other folder than `dirname` makes syrupy leave files alone that it does not own: the case itself.
        return str(cls.folder.parent)

    def owns_snapshot_collection(self, *, filepath: str, test_location: PyTestLocation) -> bool:  # noqa: ARG002
        return Path(filepath) == self.folder / f"{self.name}.{self.file_extension}"


def beside(snapshot: SnapshotAssertion, path: Path) -> SnapshotAssertion:
    """Give a snapshot that is kept in the file `path`."""
    extension = type(
        "Beside", (_BesideTheCase,), {"folder": path.parent, "name": path.stem, "file_extension": path.suffix[1:]}
    )
    return snapshot.use_extension(extension)
