"""Details of `genesis complete`: prompts, parameters, manifests, output to terminals and pipes."""

from __future__ import annotations

import json
import os
import re
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import pytest

from genesis_config.testing import Answer, Fault, ServedModel, ToolCall, serving
from tests.e2e.support import on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from genesis_config.testing import FakeVLLM
    from tests.e2e.support import Genesis

KEY = {"VLLM_API_KEY": "canary-4be1c09d"}
HOSTILE = "red \x1b[31m and \u202e back\nnext"


@pytest.fixture
def server(folder: Path) -> Iterator[FakeVLLM]:
    with serving((ServedModel("llama", max_model_len=4096),), answer=Answer((HOSTILE,))) as running:
        text = (
            f'{{ models: {{ providers: {{ vllm: {{ baseUrl: "{running.base_url}", apiKey: "${{VLLM_API_KEY}}",'
            ' models: [{ id: "llama", contextWindow: 4096 }] } } }, agents: { defaults: { model: "vllm/llama" } } }'
        )
        (folder / "genesis.json5").write_text(text, encoding="utf-8")
        yield running


def sent(server: FakeVLLM) -> dict[str, object]:
    body: dict[str, object] = json.loads(server.requests[-1].body)
    return body


def test_a_prompt_can_be_read_from_standard_input(genesis: Genesis, server: FakeVLLM) -> None:
    done = genesis("complete", "-", "--system", "be brief", env=KEY, stdin="what is 1 + 1?\n")
    assert done.returncode == 0
    assert sent(server)["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what is 1 + 1?\n"},
    ]


def test_parameters_are_json_or_text(genesis: Genesis, server: FakeVLLM) -> None:
    options = ["--param", "temperature=0.5", "--param", "stop=END", "--param", 'bias={"1": 2}', "--max-tokens", "7"]
    assert genesis("complete", "hi", *options, env=KEY).returncode == 0
    body = sent(server)
    assert (body["temperature"], body["stop"], body["bias"], body["max_tokens"]) == (0.5, "END", {"1": 2}, 7)


@pytest.mark.parametrize("param", ["temperature", "=1", ""])
def test_a_parameter_without_key_or_value_is_a_usage_error(param: str, genesis: Genesis, server: FakeVLLM) -> None:
    done = genesis("complete", "hi", "--param", param, env=KEY)
    assert done.returncode == 2
    assert f"--param expects K=V, got {param!r}" in done.stderr
    assert server.requests == []


def test_text_is_written_to_a_pipe_unchanged(genesis: Genesis, server: FakeVLLM) -> None:
    done = genesis("complete", "hi", env=KEY)
    assert done.stdout == HOSTILE
    assert done.stderr.startswith("usage: ")
    assert len(server.requests) == 1


def test_text_on_a_terminal_is_escaped_and_ends_with_a_newline(folder: Path, server: FakeVLLM) -> None:
    code, shown = on_terminal("complete", "hi", cwd=folder, env=KEY)
    assert code == 0
    assert shown == "red \\x1b[31m and \\u202e back\r\nnext\r\n"
    assert len(server.requests) == 1


def test_the_whole_answer_as_json(genesis: Genesis, server: FakeVLLM) -> None:
    done = genesis("complete", "hi", "--json", env=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert list(answer) == [
        "version", "provider", "model", "text", "reasoning", "toolCalls", "finishReason", "choices", "usage",
        "notes", "attempts", "error",
    ]  # fmt: skip
    assert (answer["version"], answer["provider"], answer["model"]) == (1, "vllm", "llama")
    assert (answer["text"], answer["finishReason"]) == (HOSTILE, "stop")
    assert list(answer["choices"][0]) == [
        "index", "text", "reasoning", "toolCalls", "finishReason", "logprobs",
    ]  # fmt: skip
    assert list(answer["usage"]) == ["input", "output", "reasoning", "cached", "cost", "contextUsed"]
    assert len(server.requests) == 1


def test_every_choice_is_in_the_json_with_its_log_probabilities(genesis: Genesis, folder: Path) -> None:
    answers = (Answer(("One",)), Answer((), tool_calls=(ToolCall("c1", "look", ("{}",)),)))
    with serving(answer=answers) as running:
        fallback(folder, running.base_url, running.base_url)
        done = genesis("complete", "hi", "--json", "--param", "n=2", "--param", "logprobs=true")
    answer = json.loads(done.stdout)
    first, second = answer["choices"]
    assert {key: first[key] for key in ("text", "reasoning", "toolCalls", "finishReason")} == {
        key: answer[key] for key in ("text", "reasoning", "toolCalls", "finishReason")
    }
    assert (second["index"], second["finishReason"]) == (1, "tool_calls")
    assert second["toolCalls"] == [{"id": "c1", "name": "look", "arguments": "{}"}]
    assert second["logprobs"] is None


def test_a_manifest_is_used_unchanged(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    assert genesis("compile", "-o", "manifest.json", env=KEY).returncode == 0
    (folder / "genesis.json5").unlink()
    assert genesis("complete", "hi", "--manifest", "manifest.json", env=KEY).stdout == HOSTILE
    assert [request.path for request in server.requests] == ["/v1/chat/completions"]


def test_the_error_for_an_invalid_manifest_gives_the_reason(genesis: Genesis, folder: Path) -> None:
    (folder / "manifest.json").write_text('{"manifestVersion": 2}', encoding="utf-8")
    done = genesis("complete", "hi", "--manifest", "manifest.json", env=KEY)
    assert done.returncode == 2
    assert "manifest version 2 is not supported" in done.stderr
    assert "compile the configuration again with this Genesis" in done.stderr
    gone = genesis("complete", "hi", "--manifest", "gone.json", env=KEY)
    assert gone.returncode == 2
    assert "gone.json" in gone.stderr


def fallback(folder: Path, first: str, second: str) -> None:
    models = 'models: [{ id: "tiny-llama", contextWindow: 2048 }]'
    (folder / "genesis.json5").write_text(
        f"""{{
          models: {{ providers: {{
            a: {{ baseUrl: "{first}", {models} }},
            b: {{ baseUrl: "{second}", {models} }},
          }} }},
          agents: {{ defaults: {{ model: {{ primary: "a/tiny-llama", fallbacks: ["b/tiny-llama"] }} }} }},
        }}""",
        encoding="utf-8",
    )


def test_a_fallback_is_reported_and_its_answer_is_the_result(genesis: Genesis, folder: Path) -> None:
    with socket.socket() as closed, serving(answer=Answer(("well",))) as well:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        fallback(folder, url, well.base_url)
        done = genesis("complete", "hi")
        whole = json.loads(genesis("complete", "hi", "--json").stdout)
        named = genesis("complete", "hi", "--model", "a/tiny-llama")
    assert (done.returncode, done.stdout) == (0, "well")
    failover, usage = done.stderr.splitlines()
    assert failover == (
        f"a/tiny-llama: request to {url}/chat/completions failed: connection refused; falling back to b/tiny-llama"
    )
    assert usage.startswith("usage: ")
    assert (whole["text"], whole["provider"]) == ("well", "b")
    assert [(attempt["model"], attempt["error"], attempt["status"]) for attempt in whole["attempts"]] == [
        ("a/tiny-llama", "ServerUnreachableError", None)
    ]
    assert (named.returncode, named.stdout) == (1, "")


def test_the_error_lists_earlier_attempts(genesis: Genesis, folder: Path) -> None:
    with serving(faults=[Fault("cut", after=1)]) as first, serving(faults=[Fault("status", code=403)]) as second:
        fallback(folder, first.base_url, second.base_url)
        done = genesis("complete", "hi")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[1:3] == [
        f"error[auth-rejected]: {second.base_url}/chat/completions answered 403: out of order (b/tiny-llama)",
        "  = earlier attempt: a/tiny-llama: the stream ended before the response was complete: no finish reason",
    ]


def test_events_as_json_lines(genesis: Genesis, server: FakeVLLM) -> None:
    done = genesis("complete", "hi", "--events", env=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    assert [event["type"] for event in events][-2:] == ["finish", "usage"]
    assert "".join(event["text"] for event in events if event["type"] == "text") == HOSTILE
    assert "\x1b" not in done.stdout
    assert events[-1]["contextUsed"] > 0
    assert genesis("complete", "hi", "--events", "--json", env=KEY).returncode == 2
    assert len(server.requests) == 1


def test_the_last_event_is_the_error(genesis: Genesis, folder: Path) -> None:
    with serving(faults=[Fault("cut")]) as running:
        fallback(folder, running.base_url, running.base_url)
        done = genesis("complete", "hi", "--events", "--model", "a/tiny-llama")
    assert done.returncode == 1
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["type"] for event in events] == ["text", "text", "error"]
    assert events[-1]["error"] == "TruncatedStreamError"
    assert done.stderr.startswith("error[truncated-stream]: ")


def test_an_image_is_sent_only_to_a_model_that_accepts_images(genesis: Genesis, folder: Path) -> None:
    (folder / "dot.png").write_bytes(b"\x89PNG")
    (folder / "beep.wav").write_bytes(b"RIFF")
    with serving() as running:
        fallback(folder, running.base_url, running.base_url)
        done = genesis("complete", "What is it?", "--file", "dot.png")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error[invalid-request]: `tiny-llama` does not accept image input")
        assert 'add "image" to the `input` of its entry' in done.stderr
        assert running.requests == []
        text = (folder / "genesis.json5").read_text(encoding="utf-8")
        text = text.replace("contextWindow: 2048", 'contextWindow: 2048, input: ["text", "image", "audio"]')
        (folder / "genesis.json5").write_text(text, encoding="utf-8")
        done = genesis("complete", "What is it?", "--file", "dot.png", "--file", "beep.wav")
        assert done.returncode == 0, done.stderr
        (request,) = running.requests
        assert request.json()["messages"] == [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                    {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                ],
            }
        ]
    assert genesis("complete", "x", "--file", "genesis.json5").returncode == 2
    assert "cannot read gone.png: No such file or directory" in genesis("complete", "x", "--file", "gone.png").stderr


@pytest.mark.parametrize("stream", ["stderr", "both"])
def test_the_speed_of_an_answer_is_shown_on_a_terminal(stream: Literal["stderr", "both"], folder: Path) -> None:
    with serving(answer=Answer(tuple("word " for _ in range(30))), chunk_delay=0.05) as running:
        fallback(folder, running.base_url, running.base_url)
        code, shown = on_terminal("complete", "hi", cwd=folder, stream=stream)
    assert code == 0
    # During the answer its speed is on the last of the 24 lines, which the scroll region excludes.
    kept, _, given_back = shown.rpartition("\x1b[r")
    assert kept.index("\x1b[1;23r") < kept.index("\x1b[24;1H\x1b[2K\x1b[2m")
    assert re.search(
        r"\d+ tokens, \d+ tokens/s; first after \d+\.\d\d s; 0\.\d% of context \(excluding prompt\)\x1b\[22m\x1b8", kept
    )
    assert given_back.startswith("\x1b[24;1H\x1b[2K\x1b8")
    assert re.search(r"usage: .*; first token after \d+\.\d\d s, \d+ tokens/s\r\n$", given_back)


@pytest.mark.parametrize("kind", ["pipe", "file"])
@pytest.mark.parametrize("form", [[], ["--json"], ["--events"]])
def test_an_answer_is_complete_while_its_speed_is_shown_on_a_terminal(kind: str, form: list[str], folder: Path) -> None:
    words = tuple(f"word {number}\n" for number in range(30))
    with serving(answer=Answer(words), chunk_delay=0.03) as running, ExitStack() as stack:
        fallback(folder, running.base_url, running.base_url)
        path = folder / "answer"
        path.touch()
        reading, writing = os.pipe() if kind == "pipe" else (os.open(path, os.O_RDONLY), os.open(path, os.O_WRONLY))
        received = stack.enter_context(open(reading, encoding="utf-8"))
        with open(writing, "wb"):
            code, shown = on_terminal("complete", "hi", *form, cwd=folder, stream="stderr", other=writing)
        written = received.read()
    assert code == 0
    if form == ["--json"]:
        written = json.loads(written)["text"]
    elif form == ["--events"]:
        events = [json.loads(line) for line in written.splitlines()]
        written = "".join(event["text"] for event in events if event["type"] == "text")
    assert written == "".join(words)
    assert re.search(r"\d+ tokens, \d+ tokens/s; first after", shown)
    # The other formats include the usage in their output.
    assert ("usage: " in shown) == (not form)


def test_what_text_output_omits_is_reported_with_the_usage(genesis: Genesis, folder: Path) -> None:
    calls = (ToolCall("c1", "look", ("{}",)), ToolCall("c2", "look", ("{}",)))
    with serving(answer=(Answer((), tool_calls=calls), Answer(("two",)))) as running:
        fallback(folder, running.base_url, running.base_url)
        several = genesis("complete", "hi", "--param", "n=2")
        cut = genesis("complete", "hi", "--max-tokens", "1", "--param", "n=2")
        plain = genesis("complete", "hi", "--param", "n=1", "--param", "tool_choice=none")
    assert (several.stdout, several.stderr.partition("cost 0; ")[2]) == (
        "",
        "2 tool calls not shown (use --json); 1 further choice not shown (use --json)\n",
    )
    assert "output truncated: the token limit was reached" in cut.stderr
    assert "cut off" not in plain.stderr + several.stderr


def test_an_interrupted_terminal_scrolls_again(folder: Path) -> None:
    with serving(answer=Answer(tuple("word " for _ in range(400))), chunk_delay=0.05) as running:
        fallback(folder, running.base_url, running.base_url)
        code, shown = on_terminal("complete", "hi", cwd=folder, stream="both", interrupt_at="tokens/s")
    assert code == 130
    assert shown.count("\x1b[1;23r") == shown.count("\x1b[r") == 1
    assert shown.endswith("\x1b[r\x1b[24;1H\x1b[2K\x1b8\r\nerror: interrupted\r\n")


def test_the_json_of_a_failure_contains_the_partial_output(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    whole = json.loads(genesis("complete", "hi", "--json", env=KEY).stdout)
    with serving(faults=[Fault("cut")], answer=Answer(("One ", "two ", "three"))) as running:
        fallback(folder, running.base_url, running.base_url)
        done = genesis("complete", "hi", "--json")
    assert done.returncode == 1
    failed = json.loads(done.stdout)
    assert list(failed) == list(whole)
    assert (failed["text"], failed["error"]["type"]) == ("One two ", "TruncatedStreamError")
    assert (failed["choices"][0]["text"], failed["choices"][0]["finishReason"]) == ("One two ", None)
    assert whole["error"] is None
    assert len(server.requests) == 1
