"""Two real servers, each started when a test first needs it, and the real command."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import runner
from tests.live.server import vllm_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.support import Genesis
    from tests.live.server import Server

# The port of implicit discovery.
DEFAULT_PORT = 8000
KEY = "canary-key-5e1b0c"
ADAPTER = "tiny-lora"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Run a server without a key at the default base URL."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            pytest.fail(f"port {DEFAULT_PORT} of implicit discovery is in use: stop the process that listens there")
    with vllm_server(port=DEFAULT_PORT) as running:
        yield running


@pytest.fixture(scope="session")
def keyed_server() -> Iterator[Server]:
    """Run a server with a key, a LoRA adapter, and parsers for reasoning and tool calls."""
    with vllm_server(api_key=KEY, adapter=ADAPTER, parsers=True) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the directory in which the command runs."""
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def genesis(tmp_path: Path, folder: Path) -> Genesis:
    """Return the command with an empty directory as its home."""
    home = tmp_path / "home"
    home.mkdir()
    return runner(home, folder)
