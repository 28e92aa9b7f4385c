"""The synchronous API of the runtime: in scripts, and inside a running event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from genesis_config.manifest import dumps
from genesis_config.runtime import (
    Finish,
    ServerFailedError,
    TextDelta,
    TruncatedStreamError,
    Usage,
    complete,
    failover,
    stream_sync,
)
from genesis_config.testing import Answer, Fault, ServedModel, serving
from tests.runtime.support import MESSAGES, manifest_of, provider_with

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from genesis_config.manifest import Manifest
    from genesis_config.testing import FakeVLLM

TEXT = ("One ", "two ", "three.")


def server(
    faults: Iterable[Fault | None] = (), text: tuple[str, ...] = TEXT, delay: float = 0
) -> AbstractContextManager[FakeVLLM]:
    return serving([ServedModel("org/model")], answer=Answer(text), faults=faults, chunk_delay=delay)


def manifest(running: FakeVLLM) -> Manifest:
    return manifest_of(provider_with(base_url=running.base_url, credential=None))


def streamed(running: FakeVLLM) -> list[str]:
    events = list(stream_sync(manifest(running), None, MESSAGES, max_tokens=64))
    assert isinstance(events[-2], Finish)
    assert isinstance(events[-1], Usage)
    return [event.text for event in events if isinstance(event, TextDelta)]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "genesis-runtime"]


def test_stream_sync_in_a_script() -> None:
    with server() as running:
        assert streamed(running) == list(TEXT)
    assert threads() == []


def test_sync_calls_inside_a_running_event_loop() -> None:
    async def cell() -> list[str]:
        return streamed(running)

    async def whole() -> str:
        return complete(manifest(running), None, MESSAGES).text

    with server() as running:
        assert asyncio.run(cell()) == list(TEXT)
        assert asyncio.run(whole()) == "".join(TEXT)


def test_sync_calls_accept_a_manifest_path(tmp_path: Path) -> None:
    with server() as running:
        (tmp_path / "manifest.json").write_bytes(dumps(manifest(running)))
        assert complete(tmp_path / "manifest.json", None, MESSAGES).text == "".join(TEXT)
        events = stream_sync(str(tmp_path / "manifest.json"), "vllm/org/model", MESSAGES)
        assert next(events) == TextDelta("One ")
        events.close()


def test_leaving_the_loop_closes_the_connection() -> None:
    with server(text=tuple("x" * 1000), delay=0.01) as running:
        for event in stream_sync(manifest(running), None, MESSAGES):
            assert isinstance(event, TextDelta)
            break
        end = time.monotonic() + 5
        while not running.aborted and time.monotonic() < end:
            time.sleep(0.01)
        assert running.aborted == 1
    assert threads() == []


def test_sync_calls_raise_the_same_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "FIRST_WAIT", 0.001)
    with server([Fault("cut"), *[Fault("status", code=500)] * 3]) as running:
        with pytest.raises(TruncatedStreamError) as caught:
            list(stream_sync(manifest(running), None, MESSAGES))
        assert caught.value.text == "One two "
        with pytest.raises(ServerFailedError) as refused:
            complete(manifest(running), None, MESSAGES)
        assert len(refused.value.attempts) == 2
    assert threads() == []


def test_script_exits_cleanly_mid_stream(tmp_path: Path) -> None:
    script = (
        "from genesis_config.runtime import stream_sync\n"
        "events = stream_sync('manifest.json', None, [{'role': 'user', 'content': 'Hello'}])\n"
        "print(next(events).text)\n"
    )
    with server(text=tuple("x" * 1000), delay=0.05) as running:
        (tmp_path / "manifest.json").write_bytes(dumps(manifest(running)))
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "x\n"), done.stderr
