"""Ending `genesis complete` early closes the connection, so that the server stops generating."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from genesis_config.testing import Answer, serving
from tests.e2e.support import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from genesis_config.testing import FakeVLLM

LINES = Answer(tuple(f"{number}\n" for number in range(100_000)))
PATIENCE = 20


@pytest.fixture
def server(folder: Path) -> Iterator[FakeVLLM]:
    """Run a server whose answer takes minutes."""
    with serving(answer=LINES, chunk_delay=0.01) as running:
        provider = f'{{ baseUrl: "{running.base_url}", models: [{{ id: "tiny-llama" }}] }}'
        model = 'agents: { defaults: { model: "vllm/tiny-llama" } }'
        text = f"{{ models: {{ providers: {{ vllm: {provider} }} }}, {model} }}"
        (folder / "genesis.json5").write_text(text, encoding="utf-8")
        yield running


def start_completion(folder: Path) -> subprocess.Popen[bytes]:
    """Start a completion and wait for its first line."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    process = subprocess.Popen(
        [*COMMAND, "complete", "hi"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **kept},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    return process


def wait_for_end(process: subprocess.Popen[bytes], server: FakeVLLM) -> tuple[int, bytes]:
    """Wait until the process has exited and the server has noticed. Return the exit code and standard error."""
    with process:
        assert process.stderr is not None
        stderr = process.stderr.read()
        code = process.wait(PATIENCE)
    until = time.monotonic() + PATIENCE
    while not server.aborted and time.monotonic() < until:
        time.sleep(0.01)
    assert server.aborted == 1
    return code, stderr


def test_ctrl_c_ends_the_command_and_the_server_stops(folder: Path, server: FakeVLLM) -> None:
    process = start_completion(folder)
    process.send_signal(signal.SIGINT)
    assert wait_for_end(process, server) == (130, b"\nerror: interrupted\n")


def test_a_closed_pipe_ends_the_command_and_the_server_stops(folder: Path, server: FakeVLLM) -> None:
    process = start_completion(folder)
    assert process.stdout is not None
    process.stdout.close()  # as `| head -1` does
    assert wait_for_end(process, server) == (1, b"")
