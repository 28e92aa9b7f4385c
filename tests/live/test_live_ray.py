"""`genesis batch --engine ray` on a local Ray with two workers and a real vLLM server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.live.ray_environment import genesis_with_ray
from tests.live.test_live import ANY_KEY, explicit, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.server import Server

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def command() -> Path:
    return genesis_with_ray()


def test_a_batch_on_two_workers_resumes_after_a_kill(command: Path, folder: Path, server: Server) -> None:
    write(folder, explicit(server.base_url))
    lines = [
        {"custom_id": f"r{number}", "body": {"messages": [{"role": "user", "content": f"{number}"}], "max_tokens": 8}}
        for number in range(60)
    ]
    lines.append({"custom_id": "wrong", "body": {"model": "vllm/gone", "messages": []}})
    (folder / "requests.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    run = [str(command), "batch", "requests.jsonl", "-o", "results.jsonl", "--engine", "ray", "--concurrency", "4"]
    # Ray keeps the paths of its sockets below 107 bytes, and its files are deleted with the directory.
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "RAY_USAGE_STATS_ENABLED": "0", **ANY_KEY}
    results = folder / "results.jsonl"

    with subprocess.Popen(run, cwd=folder, env=environment, stderr=subprocess.PIPE, start_new_session=True) as first:
        while first.poll() is None and (not results.exists() or results.stat().st_size < 1000):
            time.sleep(0.01)
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    before = len(results.read_text(encoding="utf-8").splitlines())
    assert before > 0

    done = subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    finished = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    assert Counter(result["custom_id"] for result in finished) == Counter(line["custom_id"] for line in lines), (
        done.stderr
    )
    errors = {result["custom_id"]: result["error"]["code"] for result in finished if result["error"]}
    assert errors == {"wrong": "UnknownModelError"}
    assert done.returncode == int("1 failed" in done.stderr)
    assert "input + " in done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in ANY_KEY.values())
