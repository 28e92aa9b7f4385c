"""Benchmark streaming against alternatives: `python -m benchmarks.streaming [--without-litellm]`.

A local server sends the same bytes to every client. Each client runs in a separate process, all of them in the same
environment, and measures itself after its imports. The tables show

- the CPU time in microseconds for each chunk that is read separately: one stream at a time, with a pause after each
  chunk. Each client counts its reads, and fails if several chunks arrived together. Most of this time is spent by the
  event loop on sleeping and waking, which is the same for all clients;
- the CPU time if twenty chunks are sent at once and read after a single wake-up: largely the client's own work;
- the wall time in seconds for 1,000 concurrent streams of 200 chunks.

Each value is the minimum of several runs, and ratios are relative to Genesis. The benchmark fails if Genesis exceeds a
limit in `_LIMITS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import textwrap
import threading
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parent.parent
_CHUNKS = 200

# The minimum time of another client in relation to Genesis. If waking dominates, Genesis must be close to aiohttp with
# msgspec; otherwise it must be much faster than the openai SDK.
_LIMITS = {"alone": ("aiohttp", 2.8 / 5), "together": ("openai", 15), "streams": ("openai", 10)}
# How the server sends, by the first part of the path: the seconds between two writes, and the chunks in each write. The
# pause is longer than the slowest client needs for a chunk.
_MODES = {"alone": (0.002, 1), "together": (0, 20), "streams": (0, 20)}

_MEASURE = """
import asyncio, sys, time
from asyncio.selector_events import _SelectorSocketTransport as Transport
base_url, streams, at_once, alone = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), "/alone/" in sys.argv[1]
MESSAGES = [{"role": "user", "content": "Hello"}]
reads = 0
read_ready = Transport._read_ready

def count_reads(transport):
    global reads
    reads += 1
    read_ready(transport)

async def main():
    gate = asyncio.Semaphore(at_once)
    async def one():
        async with gate:
            return await stream()
    if alone:
        Transport._read_ready = count_reads
    await stream()  # the first one includes one-time initialization
    wall, cpu, before = time.perf_counter(), time.process_time(), reads
    counts = await asyncio.gather(*(one() for _ in range(streams)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert set(counts) == {200}, set(counts)
    assert not alone or reads - before >= 0.9 * 200 * streams, f"{reads - before} reads: several chunks in a packet"
    print(wall, cpu)

asyncio.run(main())
"""
_CLIENTS = {
    "genesis": """
        from genesis_config.manifest import *
        from genesis_config.runtime import Runtime, TextDelta
        import sys
        model = Model("m", "m", False, ("text",), Cost(), 100000, "config", 8192, "default", {}, {}, Compat(), None)
        provider = Provider("explicit", "", "openai-completions", sys.argv[1], None, {}, 60, 1000, Streaming(),
                            RequestPolicy(), (model,))
        manifest = Manifest(1, Generator(), SourceInfo("", ""), {"vllm": provider}, Selection("vllm/m"))
        runtime = Runtime(manifest)
        async def stream():
            return sum([1 async for event in runtime.stream(None, MESSAGES) if isinstance(event, TextDelta)])
    """,
    "aiohttp": """
        import sys, aiohttp, msgspec
        class Delta(msgspec.Struct):
            content: str | None = None
        class Choice(msgspec.Struct):
            delta: Delta
        class Chunk(msgspec.Struct):
            choices: list[Choice]
        decode = msgspec.json.Decoder(Chunk).decode
        session = None
        async def stream():
            global session
            session = session or aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
            body = {"model": "m", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
            count, rest = 0, b""
            async with session.post(sys.argv[1] + "/chat/completions", json=body) as answer:
                async for data in answer.content.iter_any():
                    *events, rest = (rest + data).split(b"\\n\\n")
                    for event in events:
                        if event != b"data: [DONE]":
                            chunk = decode(event[6:])
                            count += bool(chunk.choices and chunk.choices[0].delta.content)
            return count
    """,
    "openai": """
        import sys
        from openai import AsyncOpenAI
        client = AsyncOpenAI(base_url=sys.argv[1], api_key="x", max_retries=0, timeout=600)
        async def stream():
            answer = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True,
                                                          stream_options={"include_usage": True})
            return sum([1 async for chunk in answer if chunk.choices and chunk.choices[0].delta.content])
    """,
    "litellm": """
        import sys, os
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm
        litellm.suppress_debug_info = True
        async def stream():
            answer = await litellm.acompletion(model="openai/m", messages=MESSAGES, stream=True, api_key="x",
                                               api_base=sys.argv[1], stream_options={"include_usage": True})
            return sum([1 async for chunk in answer if chunk.choices and chunk.choices[0].delta.content])
    """,
}


def main() -> int:
    """Measure, and print the tables. Return 1 if Genesis exceeds a limit."""
    names = [name for name in _CLIENTS if f"--without-{name}" not in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as directory:
        python = _install(Path(directory), names)
        with _serving() as url:
            per_chunk = 1e6 / _CHUNKS
            slow = [
                _table(title, {name: measure(python, name, f"{url}/{mode}/v1") for name in names}, unit, mode)
                for title, measure, unit, mode in (
                    ("CPU time in µs per chunk, read one at a time", _cpu, per_chunk, "alone"),
                    ("CPU time in µs per chunk, read twenty at a time", _cpu, per_chunk, "together"),
                    ("Wall time in s for 1,000 concurrent streams of 200 chunks", _wall, 1, "streams"),
                )
            ]
    return int(any(slow))


def _cpu(python: Path, name: str, url: str) -> float:
    """Return the CPU time in seconds of a stream, with one stream at a time."""
    streams = 5 if "/alone/" in url else 50
    return min(_run(python, name, url, streams, 1)[1] for _ in range(5)) / streams


def _wall(python: Path, name: str, url: str) -> float:
    """Return the wall time in seconds of a thousand streams. LiteLLM, which takes minutes, runs only once."""
    return min(_run(python, name, url, 1000, 1000)[0] for _ in range(1 if name == "litellm" else 3))


def _table(title: str, values: dict[str, float], unit: float, mode: str) -> bool:
    """Print a table. Return whether Genesis exceeds the limit."""
    print(f"\n{title}")
    for name, value in values.items():
        print(f"  {name:<10} {value * unit:10.1f} {value / values['genesis']:8.1f} x")
    other, limit = _LIMITS[mode]
    slow = values[other] < limit * values["genesis"]
    if slow:
        print(f"  FAILED: {other} must take at least {limit:.1f} times as long")
    return slow


def _run(python: Path, name: str, url: str, streams: int, at_once: int) -> tuple[float, float]:
    """Run a client. Return its wall time and its CPU time in seconds."""
    program = textwrap.dedent(_CLIENTS[name]) + _MEASURE
    command = [str(python), "-c", program, url, str(streams), str(at_once)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, cpu = map(float, done.stdout.split()[-2:])
    return wall, cpu


def _install(directory: Path, names: list[str]) -> Path:
    """Create an environment with Genesis, from its wheel, and the other clients. Return its Python."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(directory), str(_ROOT)]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    venv.create(directory / "venv", with_pip=True)
    python = directory / "venv" / "bin" / "python"
    others = [name for name in names if name in {"openai", "litellm"}]
    install = [str(python), "-m", "pip", "install", "--quiet", str(next(directory.glob("*.whl"))), *others]
    subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    return python


@contextlib.contextmanager
def _serving() -> Iterator[str]:
    """Run a server in a thread that answers every request with the same stream. Yield its URL."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [_event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})]
    pieces += [
        _event({"choices": [{"index": 0, "delta": {"content": f"word {number} "}}]}) for number in range(_CHUNKS)
    ]
    pieces += [_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})]
    usage = {"prompt_tokens": 5, "completion_tokens": _CHUNKS, "total_tokens": _CHUNKS + 5}
    pieces += [_event({"choices": [], "usage": usage}), b"data: [DONE]\n\n"]
    framed = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in request.lower().split(b"\r\n") if line.startswith(b"content-length:")
                )
                await reader.readexactly(length)
                writer.write(head)
                pause, count = _MODES[request.split(b"/")[1].decode()]
                for first in range(0, len(framed), count):
                    writer.write(b"".join(framed[first : first + count]))
                    await asyncio.sleep(pause)
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(respond, "127.0.0.1", backlog=2048))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _event(data: dict[str, object]) -> bytes:
    whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795400502, "model": "m", **data}
    return b"data: " + json.dumps(whole).encode() + b"\n\n"


if __name__ == "__main__":
    sys.exit(main())
