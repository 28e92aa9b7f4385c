"""Run commands in children of a warm process: each is a separate process, but nothing is imported again.

The server imports the package once and forks a child per command. The child gets its own streams, directory,
environment and umask, then runs the package as `python -m` does. No state of a command outlives its process.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = struct.Struct("!i")
# Prefixes of variables read at the start of a process, which in a warm process is before the command is known.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ", "LD_")
_SECONDS = 60
# A module that runs when it is imported, and one that needs an extra of 600 MB.
_NOT_IMPORTED = ("__main__", "on_ray")


class Request(NamedTuple):
    """A command to run in a child."""

    arguments: list[str]
    cwd: str
    env: dict[str, str]
    umask: int


class WarmProcess:
    """The client of the server. Forking is safe in the server, which has no threads; tests may have many."""

    def __init__(self, package: str, env: Mapping[str, str]) -> None:
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), package],
                pass_fds=[theirs.fileno()],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        # Coverage is written when the process exits.
        stderr = self._process.communicate(timeout=_SECONDS)[1]
        assert self._process.returncode == 0, stderr.decode()

    def run(self, request: Request, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end.

        Raises:
            subprocess.TimeoutExpired: It did not end in time, and was killed.
        """
        (their_in, our_in), (our_out, their_out), (our_err, their_err) = os.pipe(), os.pipe(), os.pipe()
        body = json.dumps(request).encode()
        socket.send_fds(self._connection, [_NUMBER.pack(len(body))], [their_in, their_out, their_err])
        self._connection.sendall(body)
        for theirs in (their_in, their_out, their_err):
            os.close(theirs)
        with ThreadPoolExecutor(3) as streams:
            streams.submit(_feed, our_in, stdin)
            stdout, stderr = streams.submit(_drain, our_out), streams.submit(_drain, our_err)
            child = self._number()
            self._connection.settimeout(_SECONDS)
            try:
                code = self._number()
            except TimeoutError:
                os.kill(child, 9)
                self._connection.settimeout(None)
                self._number()
                raise subprocess.TimeoutExpired(request.arguments, _SECONDS) from None
            self._connection.settimeout(None)
        return subprocess.CompletedProcess(request.arguments, code, stdout.result(), stderr.result())

    def _number(self) -> int:
        data = self._connection.recv(_NUMBER.size, socket.MSG_WAITALL)
        if not data:
            raise RuntimeError(f"the warm process ended: {self._process.communicate()[1].decode()}")
        (number,) = _NUMBER.unpack(data)
        return int(number)


def can_run(env: Mapping[str, str]) -> bool:
    """Return whether a child of a warm process can use this environment."""
    return sys.platform == "linux" and not any(name.startswith(_READ_AT_START) for name in env)


def _feed(stream: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(stream, "wb") as pipe:
        pipe.write(data)


def _drain(stream: int) -> bytes:
    with open(stream, "rb") as pipe:
        return pipe.read()


def _import_everything(package: str) -> None:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if module.name.rpartition(".")[2] not in _NOT_IMPORTED:
            importlib.import_module(module.name)
    for name in (f"{package}.schema", "jsonschema", "jsonschema_rs", "rich.console", "rich.progress", "rich.table"):
        importlib.import_module(name)


def _serve(connection: socket.socket) -> Request | None:
    """Fork a child per request. Return the request in the child; return None in the server at the end."""
    while True:
        size, streams, *_ = socket.recv_fds(connection, _NUMBER.size, 3)
        if not size:
            return None
        body = connection.recv(_NUMBER.unpack(size)[0], socket.MSG_WAITALL)
        child = os.fork()
        for number, stream in enumerate(streams):
            if not child:
                os.dup2(stream, number)
            os.close(stream)
        if not child:
            connection.close()
            return Request(*json.loads(body))
        connection.sendall(_NUMBER.pack(child))
        connection.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


def _become(request: Request, package: str) -> None:
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.env)
    os.umask(request.umask)
    sys.path[0] = os.getcwd()
    sys.argv[1:] = request.arguments
    try:
        runpy.run_module(package, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        # What the interpreter does at exit, except freeing everything that was imported, which takes 40 ms.
        # There is no public function that runs exit handlers.
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)


def _main(connection: int, package: str) -> None:
    _import_everything(package)
    coverage: Any = sys.modules.get("coverage")
    if coverage is not None and (measured := coverage.Coverage.current()) is not None:
        measured.save()  # so that children do not write the coverage of the imports again
    gc.collect()
    gc.freeze()
    request = _serve(socket.socket(fileno=connection))
    if request is not None:
        _become(request, package)


if __name__ == "__main__":
    sys.path[0] = ""
    _main(int(sys.argv[1]), sys.argv[2])
