"""A real vLLM server within a `with` block."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.live.install import install

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "tiny-llama"
CONTEXT_WINDOW = 2048
# Starting takes 25 seconds on two cores, and longer if another server is starting.
START_SECONDS = 300
LOG_SECONDS = 30


class Server(NamedTuple):
    """A running server: its base URL, its port, and its log file."""

    base_url: str
    port: int
    log_file: Path

    def log(self) -> str:
        """Return the log of the server so far, which has a line for each request."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def requests(self) -> list[str]:
        """Return all requests so far, such as `POST /v1/chat/completions HTTP/1.1`.

        The log may be late but is in order, so this waits until one more request, which is not returned, is logged.
        """
        mark = f"/version?mark={time.monotonic_ns()}"
        urllib.request.urlopen(self.base_url.removesuffix("/v1") + mark, timeout=60).close()
        deadline = time.monotonic() + LOG_SECONDS
        while f"GET {mark} HTTP/" not in self.log():
            if time.monotonic() > deadline:
                raise RuntimeError(f"vLLM did not log a request within {LOG_SECONDS} seconds:\n{self.log()[-4000:]}")
            time.sleep(0.1)
        logged = self.log().partition(f"GET {mark} HTTP/")[0]
        return [
            request for request in re.findall(r'"([A-Z]+ \S+ HTTP/[\d.]+)"', logged) if "/version?mark=" not in request
        ]


@contextmanager
def vllm_server(
    *, port: int = 0, api_key: str | None = None, adapter: str | None = None, parsers: bool = False
) -> Iterator[Server]:
    """Start `vllm serve` on 127.0.0.1, and stop it and all of its processes at the end of the block.

    Args:
        port: The port; 0 for any free port.
        api_key: The required key; None if no key is required.
        adapter: The name of a LoRA adapter to serve, if any.
        parsers: Whether reasoning and tool calls are parsed.

    Raises:
        RuntimeError: The server exited or did not respond in time. The message contains the end of its log.
    """
    packages = install()
    with tempfile.TemporaryDirectory(prefix="genesis-live-") as name:
        directory = Path(name)
        model = directory / "model"
        script = Path(__file__).with_name("tiny_model.py")
        subprocess.run([str(packages / "bin" / "python"), str(script), str(model)], check=True)
        lora = [] if adapter is None else ["--enable-lora", "--max-lora-rank", "8", "--lora-modules"]
        lora += [] if adapter is None else [f"{adapter}={directory / 'adapter'}"]
        parsing = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--reasoning-parser", "qwen3"]
        parsing = parsing if parsers else []
        port = port or _free_port()
        server = Server(f"http://127.0.0.1:{port}/v1", port, directory / "log")
        with server.log_file.open("wb") as log:
            process = subprocess.Popen(
                [str(packages / "bin" / "vllm"), "serve", str(model), *_arguments(port, api_key), *lora, *parsing],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(directory, packages),
                # A session of its own, so that it can be stopped together with its worker processes.
                start_new_session=True,
            )
        try:
            _wait_until_ready(server, process)
            yield server
        finally:
            _stop(process)


def _arguments(port: int, api_key: str | None) -> list[str]:
    key = [] if api_key is None else ["--api-key", api_key]
    window = str(CONTEXT_WINDOW)
    return [
        *("--host", "127.0.0.1", "--port", str(port), "--served-model-name", MODEL, "--max-model-len", window),
        *("--load-format", "dummy", "--enforce-eager", "--dtype", "float32", *key),
        # So that it logs aborted requests.
        "--enable-log-requests",
    ]


def _environment(directory: Path, packages: Path) -> dict[str, str]:
    """Return an environment in which nothing is downloaded, reported or left behind."""
    return {
        "PATH": f"{packages / 'bin'}:{os.environ['PATH']}",
        "HOME": str(directory),
        "HF_HUB_OFFLINE": "1",
        # Otherwise vLLM looks for "cpu" in its version, which this build does not have.
        "VLLM_TARGET_DEVICE": "cpu",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"vLLM exited with {process.returncode}:\n{server.log()[-4000:]}")
        with suppress(OSError):
            try:
                urllib.request.urlopen(f"{server.base_url}/models", timeout=5).close()
            except urllib.error.HTTPError as error:
                # The server is up and requires its key.
                error.close()
            return
        time.sleep(0.5)
    raise RuntimeError(f"vLLM did not respond within {START_SECONDS} seconds:\n{server.log()[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server's process group: first with SIGTERM, then with SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
            break
    # Workers that outlive their parent are in the same group.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
