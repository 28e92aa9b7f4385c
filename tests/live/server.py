"""A real vLLM server for as long as a `with` lasts."""

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
# A start takes 25 seconds on two cores; a machine that is busy with another start takes longer.
START_SECONDS = 300
LOG_SECONDS = 30


class Server(NamedTuple):
    """A running server: its base URL, its port, and the file that it logs to."""

    base_url: str
    port: int
    log_file: Path

    def log(self) -> str:
        """Give what the server has logged so far, a line for each request included."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def requests(self) -> list[str]:
        """List the requests that the server has logged, such as `POST /v1/chat/completions HTTP/1.1`, none missing.

        The log may come late, but in its order: one more request, which is not listed, is made and waited for.
        """
        mark = f"/version?mark={time.monotonic_ns()}"
        urllib.request.urlopen(self.base_url.removesuffix("/v1") + mark, timeout=60).close()
        deadline = time.monotonic() + LOG_SECONDS
        while f"GET {mark} HTTP/" not in self.log():
            if time.monotonic() > deadline:
                raise RuntimeError(f"vLLM did not log a request within {LOG_SECONDS} seconds:\n{self.log()[-4000:]}")
            time.sleep(0.1)
        logged = self.log().partition(f"GET {mark} HTTP/")[0]
        return [found for found in re.findall(r'"([A-Z]+ \S+ HTTP/[\d.]+)"', logged) if "/version?mark=" not in found]


@contextmanager
def vllm_server(
    *, port: int = 0, api_key: str | None = None, adapter: str | None = None, parsers: bool = False
) -> Iterator[Server]:
    """Start `vllm serve` on 127.0.0.1 and end it afterwards, with everything that it started.

    Args:
        port: 0 takes a free one.
        api_key: The one key that it takes; None takes any, and none.
        adapter: The name under which a LoRA adapter is served as well.
        parsers: Whether reasoning and tool calls are told apart from the text.

    Raises:
        RuntimeError: It ended, or did not answer in time; the message holds the end of its log.
    """
    packages = install()
    with tempfile.TemporaryDirectory(prefix="genesis-live-") as name:
        folder = Path(name)
        model = folder / "model"
        script = Path(__file__).with_name("tiny_model.py")
        subprocess.run([str(packages / "bin" / "python"), str(script), str(model)], check=True)
        lora = [] if adapter is None else ["--enable-lora", "--max-lora-rank", "8", "--lora-modules"]
        lora += [] if adapter is None else [f"{adapter}={folder / 'adapter'}"]
        told_apart = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--reasoning-parser", "qwen3"]
        told_apart = told_apart if parsers else []
        port = port or _free_port()
        server = Server(f"http://127.0.0.1:{port}/v1", port, folder / "log")
        with server.log_file.open("wb") as log:
            process = subprocess.Popen(
                [str(packages / "bin" / "vllm"), "serve", str(model), *_arguments(port, api_key), *lora, *told_apart],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(folder, packages),
                # A session of its own, so that its worker processes can be ended with it, and nothing else.
                start_new_session=True,
            )
        try:
            _await(server, process)
            yield server
        finally:
            _end(process)


def _arguments(port: int, api_key: str | None) -> list[str]:
    key = [] if api_key is None else ["--api-key", api_key]
    window = str(CONTEXT_WINDOW)
    return [
        *("--host", "127.0.0.1", "--port", str(port), "--served-model-name", MODEL, "--max-model-len", window),
        *("--load-format", "dummy", "--enforce-eager", "--dtype", "float32", *key),
        # It then says which requests it gave up.
        "--enable-log-requests",
    ]


def _environment(folder: Path, packages: Path) -> dict[str, str]:
    """Give an environment in which nothing is downloaded, nothing is reported, and nothing is left behind."""
    return {
        "PATH": f"{packages / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "HF_HUB_OFFLINE": "1",
        # Without it vLLM looks for "cpu" in its version, which this build does not have.
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


def _await(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"vLLM ended with {process.returncode}:\n{server.log()[-4000:]}")
        with suppress(OSError):
            try:
                urllib.request.urlopen(f"{server.base_url}/models", timeout=5).close()
            except urllib.error.HTTPError as error:
                # It is up and asks for its key.
                error.close()
            return
        time.sleep(0.5)
    raise RuntimeError(f"vLLM did not answer within {START_SECONDS} seconds:\n{server.log()[-4000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server's process group: politely, then for good."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
            break
    # Workers that outlive their parent are in the same group.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
