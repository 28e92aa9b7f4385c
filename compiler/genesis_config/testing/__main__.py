"""`python -m genesis_config.testing`: the test server as a separate process.

It prints one line, its base URL, once it accepts connections. It exits with status 0 on SIGTERM, on SIGINT, or when its
standard input ends, so that it never outlives the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
import threading
from contextlib import suppress

from genesis_config.testing.protocol import ServedModel
from genesis_config.testing.server import DEFAULT_MODEL, FakeVLLM

__all__ = ["main"]

_STDIN = 0


def main() -> int:
    """Run the server with the options of the command line. Return the exit status."""
    parser = _parser()
    options = parser.parse_args()
    api_key = None
    if options.api_key_env is not None:
        api_key = os.environ.get(options.api_key_env)
        if not api_key:
            parser.error(f"the environment variable {options.api_key_env} is unset or empty")
    server = FakeVLLM(
        options.model or (DEFAULT_MODEL,), api_key=api_key, port=options.port, chunk_delay=options.chunk_delay
    )
    try:
        asyncio.run(_serve(server))
    except (OSError, OverflowError) as error:  # The port is in use, or its number is not valid.
        sys.stderr.write(f"genesis_config.testing: cannot listen on port {options.port}: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    # No abbreviations: an option in a script must not change its meaning when another option is added.
    parser = argparse.ArgumentParser(
        prog="python -m genesis_config.testing",
        description="Run a vLLM-shaped test server. It prints its base URL, and exits when its standard input ends.",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: 0, any free port)")
    parser.add_argument("--api-key-env", metavar="NAME", help="environment variable that contains the required API key")
    parser.add_argument(
        "--model",
        type=_model,
        action="append",
        metavar="ID[:WINDOW]",
        help="model to serve, with its context window in tokens; may be repeated (default: tiny-llama:2048)",
    )
    parser.add_argument(
        "--chunk-delay", type=float, default=0.0, metavar="S", help="seconds between the chunks of a stream"
    )
    return parser


def _model(text: str) -> ServedModel:
    """Parse `ID[:WINDOW]`; only digits after the last colon are a window, so `org/model:tag` is an id."""
    match = re.fullmatch(r"(.+?)(?::([0-9]+))?", text)
    if match is None or (match[2] is not None and not int(match[2])):
        raise argparse.ArgumentTypeError(f"expected ID or ID:WINDOW with WINDOW greater than 0, got {text!r}")
    return ServedModel(match[1], max_model_len=int(match[2]) if match[2] else None)


async def _serve(server: FakeVLLM) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    async with server:
        # Read in a thread: unlike the event loop, it can read pipes, files, terminals and /dev/null alike.
        threading.Thread(target=_await_end_of_input, args=(loop, end), daemon=True).start()
        with suppress(BrokenPipeError):  # The reader is gone, so standard input will end too.
            os.write(sys.stdout.fileno(), f"{server.base_url}\n".encode())
        await end.wait()


def _await_end_of_input(loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    """Set `end` in its loop once standard input ends.

    This bypasses Python's buffer, because a thread that outlives the interpreter must not hold the buffer's lock.
    """
    with suppress(OSError):  # Closed or unreadable counts as its end.
        while os.read(_STDIN, 65536):
            pass
    with suppress(RuntimeError):  # A signal came first, and the loop is closed.
        loop.call_soon_threadsafe(end.set)


if __name__ == "__main__":
    sys.exit(main())
