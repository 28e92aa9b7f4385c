"""Streaming, beside what users would use instead: `python -m benchmarks.streaming [--without-litellm]`.

A server of this machine sends the same bytes to all of them; each client is a process of its own, in one environment
with all of them, and measures itself after its imports. Shown are the microseconds of CPU time for each streamed chunk
(one stream at a time, each chunk sent by itself), and the seconds of 1,000 streams of 200 chunks at once; ratios are to
Genesis.
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

_MEASURE = """
import asyncio, sys, time
base_url, streams, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
MESSAGES = [{"role": "user", "content": "Hello"}]

async def main():
    gate = asyncio.Semaphore(at_once)
    async def one():
        async with gate:
            return await stream()
    await stream()  # the first one pays for what is made once
    wall, cpu = time.perf_counter(), time.process_time()
    counts = await asyncio.gather(*(one() for _ in range(streams)))
    assert set(counts) == {200}, set(counts)
    print(time.perf_counter() - wall, time.process_time() - cpu)

asyncio.run(main())
"""
_CLIENTS = {
    "genesis": """
        from genesis.manifest import *
        from genesis.runtime import Runtime, TextDelta
        import sys
        model = Model("m", "m", False, ("text",), Cost(), 100000, "config", 8192, "default", {}, {}, Compat(), None)
        provider = Provider("explicit", "", "openai-completions", sys.argv[1], None, {}, 60, 1000, Streaming(),
                            RequestPolicy(), (model,))
        manifest = Manifest(1, Generator(), SourceInfo("", ""), {"vllm": provider}, Selection("vllm/m"))
        runtime = Runtime(manifest)
        async def stream():
            return sum([1 async for event in runtime.stream(None, MESSAGES) if isinstance(event, TextDelta)])
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


def main() -> None:
    """Measure, and print both tables."""
    names = [name for name in _CLIENTS if f"--without-{name}" not in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        python = _install(Path(folder), names)
        with _serving() as url:
            print("\nCPU time for each chunk, one stream at a time")
            _table({name: _run(python, name, url, 50, 1)[1] / 50 / _CHUNKS * 1e6 for name in names}, "µs")
            print("\n1,000 streams of 200 chunks at once")
            _table({name: _run(python, name, url, 1000, 1000)[0] for name in names}, "s")


def _table(values: dict[str, float], unit: str) -> None:
    for name, value in values.items():
        print(f"  {name:<10} {value:10.1f} {unit} {value / values['genesis']:8.1f} x")


def _run(python: Path, name: str, url: str, streams: int, at_once: int) -> tuple[float, float]:
    """Run a client, and give the seconds that it took: by the clock, and of the processor."""
    program = textwrap.dedent(_CLIENTS[name]) + _MEASURE
    command = [str(python), "-c", program, url, str(streams), str(at_once)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, cpu = map(float, done.stdout.split()[-2:])
    return wall, cpu


def _install(folder: Path, names: list[str]) -> Path:
    """Make an environment with Genesis, from its wheel, and the others."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(_ROOT)]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    others = [name for name in names if name != "genesis"]
    install = [str(python), "-m", "pip", "install", "--quiet", str(next(folder.glob("*.whl"))), *others]
    subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    return python


@contextlib.contextmanager
def _serving() -> Iterator[str]:
    """Run the server in a thread; it answers every request with the same stream."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [_event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})]
    pieces += [
        _event({"choices": [{"index": 0, "delta": {"content": f"word {number} "}}]}) for number in range(_CHUNKS)
    ]
    pieces += [_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})]
    usage = {"prompt_tokens": 5, "completion_tokens": _CHUNKS, "total_tokens": _CHUNKS + 5}
    pieces += [_event({"choices": [], "usage": usage}), b"data: [DONE]\n\n"]
    framed = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in request.lower().split(b"\r\n") if line.startswith(b"content-length:")
                )
                await reader.readexactly(length)
                writer.write(head)
                for piece in framed:
                    writer.write(piece)
                    await asyncio.sleep(0)
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", backlog=2048))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _event(data: dict[str, object]) -> bytes:
    whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795400502, "model": "m", **data}
    return b"data: " + json.dumps(whole).encode() + b"\n\n"


if __name__ == "__main__":
    main()
