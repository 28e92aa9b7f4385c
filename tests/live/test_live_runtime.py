"""The runtime with real vLLM servers: every kind of answer, usage, and requests that are abandoned."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.credentials.lookup import SecretRef
from genesis_config.manifest import (
    Compat,
    Cost,
    Generator,
    Manifest,
    Model,
    Provider,
    RequestPolicy,
    Selection,
    SourceInfo,
    Streaming,
)
from genesis_config.runtime import (
    FellBack,
    Finish,
    InvalidRequestError,
    ReasoningDelta,
    Runtime,
    TextDelta,
    ToolCallDelta,
    Usage,
    complete,
)
from tests.e2e.support import COMMAND
from tests.live.conftest import KEY
from tests.live.test_live import ANY_KEY, explicit, write

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from genesis_config.runtime import Event
    from tests.live.server import Server

pytestmark = pytest.mark.live

HELLO = [{"role": "user", "content": "hello"}]
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {
            "type": "object",
            "properties": {"where": {"enum": ["up", "down"]}},
            "required": ["where"],
            "additionalProperties": False,
        },
    },
}
# Many seconds of work for the server if it is not aborted.
LONG: dict[str, Any] = {"max_tokens": 2000, "params": {"ignore_eos": True, "n": 64}}
YES = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "schema": {
            "type": "object",
            "properties": {"verdict": {"enum": ["yes", "no"]}},
            "required": ["verdict"],
            "additionalProperties": False,
        },
    },
}


def provider(base_url: str, key: str | None = None) -> Provider:
    model = Model(
        id="tiny-llama",
        name="tiny-llama",
        reasoning=False,
        input=("text",),
        cost=Cost(input=1, output=2),
        context_window=2048,
        context_window_from="server",
        max_tokens=2048,
        max_tokens_from="default",
        params={},
        headers={},
        compat=Compat(),
        parent=None,
    )
    credential = None if key is None else SecretRef(value=key)
    return Provider(
        decision="explicit",
        reason="for a test",
        api="openai-completions",
        base_url=base_url,
        credential=credential,
        headers={},
        timeout_seconds=60,
        max_connections=10,
        streaming=Streaming(),
        request_policy=RequestPolicy(),
        models=(model,),
    )


def manifest(first: Provider, second: Provider | None = None) -> Manifest:
    providers = {"a": first} | ({} if second is None else {"b": second})
    fallbacks = () if second is None else ("b/tiny-llama",)
    return Manifest(1, Generator(), SourceInfo("", ""), providers, Selection("a/tiny-llama", fallbacks))


def stream_events(used: Manifest, **options: Any) -> list[Event]:
    async def run() -> list[Event]:
        async with Runtime(used) as runtime:
            return [event async for event in runtime.stream(None, HELLO, **options)]

    return asyncio.run(run())


def metrics(server: Server) -> dict[str, float]:
    """Return the server's counters, summed over all labels except the finish reason."""
    with urllib.request.urlopen(server.base_url.removesuffix("/v1") + "/metrics", timeout=10) as response:
        text = response.read().decode()
    counters: dict[str, float] = {}
    for name, labels, value in re.findall(r"^(vllm:\w+)\{(.*?)\} (\S+)$", text, re.MULTILINE):
        reason = re.search('finished_reason="(\\w+)"', labels)
        key = f"{name} {reason[1]}" if reason else name
        counters[key] = counters.get(key, 0) + float(value)
    return counters


def wait_until_running(server: Server) -> None:
    """Wait until the server runs a request."""
    end = time.monotonic() + 10
    while not (running := metrics(server)["vllm:num_requests_running"]) and time.monotonic() < end:
        time.sleep(0.01)
    assert running


def assert_aborted(server: Server, before: dict[str, float], log: str) -> None:
    """Wait until the server runs no request. Assert that it completed none, but aborted one and logged that.

    vLLM 0.32 has a counter for this, `request_success_total{finished_reason="abort"}`, but it does not count clients
    that disconnect: the request is removed before it is counted (`OutputProcessor.abort_requests`).
    """
    end = time.monotonic() + 10
    while (counters := metrics(server))["vllm:num_requests_running"] and time.monotonic() < end:
        time.sleep(0.05)
    assert counters["vllm:num_requests_running"] == 0
    generated = counters["vllm:generation_tokens_total"]
    assert generated - before["vllm:generation_tokens_total"] < 0.9 * LONG["max_tokens"] * LONG["params"]["n"]
    for reason in ("stop", "length"):
        assert counters[f"vllm:request_success_total {reason}"] == before[f"vllm:request_success_total {reason}"]
    time.sleep(0.3)
    assert metrics(server)["vllm:generation_tokens_total"] == generated
    assert re.search(r"Request chatcmpl-\w+ aborted", server.log().removeprefix(log))


def test_reasoning_is_separate_from_text(keyed_server: Server) -> None:
    events = stream_events(manifest(provider(keyed_server.base_url, KEY)), max_tokens=16, params={"temperature": 0})
    assert any(isinstance(event, ReasoningDelta) for event in events)
    assert not any(isinstance(event, TextDelta) for event in events)
    usage = events[-1]
    assert isinstance(usage, Usage)
    assert usage.reasoning
    assert "the response contains only reasoning" in usage.notes


def test_a_required_tool_call(keyed_server: Server) -> None:
    compiled = manifest(provider(keyed_server.base_url, KEY))
    options = {"tools": [LOOK], "tool_choice": "required", "max_tokens": 200}
    params = {"temperature": 0, "chat_template_kwargs": {"enable_thinking": False}}
    events = stream_events(compiled, params=params, **options)
    pieces = [event for event in events if isinstance(event, ToolCallDelta)]
    assert pieces[0].name == "look"
    assert next(event.reason for event in events if isinstance(event, Finish)) in {"tool_calls", "length", "stop"}
    done = complete(compiled, None, HELLO, params=params, **options)
    assert done.tool_calls[0].name == "look"
    # Random weights determine the arguments, but the server ensures that they are complete JSON.
    if done.finish_reason != "length":
        json.loads(done.tool_calls[0].arguments)


def test_an_answer_constrained_by_a_schema(server: Server) -> None:
    done = complete(manifest(provider(server.base_url)), None, HELLO, max_tokens=100, params={"response_format": YES})
    if done.finish_reason == "stop":
        assert json.loads(done.text)["verdict"] in {"yes", "no"}
    assert done.text.lstrip().startswith("{")


def test_an_image_is_rejected_before_any_request(server: Server) -> None:
    before = server.requests()
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}]
    with pytest.raises(InvalidRequestError, match="`tiny-llama` does not accept image input"):
        complete(manifest(provider(server.base_url)), None, [{"role": "user", "content": parts}])
    assert server.requests() == before


def test_log_probabilities_and_several_choices(server: Server) -> None:
    params = {"n": 2, "logprobs": True, "top_logprobs": 1, "seed": 3, "stop": ["zzz"]}
    done = complete(manifest(provider(server.base_url)), None, HELLO, max_tokens=4, params=params)
    assert len(done.texts) == len(done.finish_reasons) == 2
    assert len(done.logprobs) == 4


def test_failover_from_a_closed_port_to_the_server(server: Server) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = provider(f"http://127.0.0.1:{closed.getsockname()[1]}/v1")
        events = stream_events(manifest(dead, provider(server.base_url)), max_tokens=4)
    assert isinstance(events[0], FellBack)
    assert (events[0].failed, events[0].next, events[0].error) == (
        "a/tiny-llama",
        "b/tiny-llama",
        "ServerUnreachableError",
    )
    assert any(isinstance(event, TextDelta) for event in events)


def test_the_usage_matches_the_counters_of_the_server(server: Server) -> None:
    before = metrics(server)

    async def run() -> tuple[int, int]:
        async with Runtime(manifest(provider(server.base_url))) as runtime:
            several: list[Coroutine[Any, Any, Any]] = [
                runtime.complete(None, [{"role": "user", "content": "hello " * count}], max_tokens=count)
                for count in range(1, 9)
            ]
            await asyncio.gather(*several)
            total = runtime.usage["a/tiny-llama"]
            assert total.completions == 8
            return total.input, total.output

    prompt, generated = asyncio.run(run())
    after = metrics(server)
    assert after["vllm:prompt_tokens_total"] - before["vllm:prompt_tokens_total"] == prompt
    assert after["vllm:generation_tokens_total"] - before["vllm:generation_tokens_total"] == generated


@pytest.mark.parametrize("how", ["break", "close", "cancel"])
def test_leaving_a_stream_ends_the_request(how: str, server: Server) -> None:
    before, log = metrics(server), server.log()

    async def run() -> None:
        async with Runtime(manifest(provider(server.base_url))) as runtime:

            async def read() -> None:
                stream = runtime.stream(None, HELLO, **LONG)
                async for event in stream:
                    if isinstance(event, TextDelta) and how == "break":
                        break
                    if isinstance(event, TextDelta) and how == "close":
                        await stream.aclose()

            task = asyncio.create_task(read())
            if how == "cancel":
                await asyncio.to_thread(wait_until_running, server)
                task.cancel()
            await asyncio.wait([task])

    asyncio.run(run())
    assert_aborted(server, before, log)


@pytest.mark.parametrize("how", ["interrupt", "pipe"])
def test_leaving_the_command_ends_the_request(how: str, folder: Path, server: Server) -> None:
    write(folder, explicit(server.base_url))
    before, log = metrics(server), server.log()
    command = [*COMMAND, "complete", "hello", "--max-tokens", "2000", "--param", "ignore_eos=true", "--param", "n=64"]
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, **ANY_KEY}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1)
        if how == "interrupt":
            process.send_signal(signal.SIGINT)
        else:
            process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        code = process.wait(20)
    assert code == (130 if how == "interrupt" else 1)
    assert_aborted(server, before, log)
