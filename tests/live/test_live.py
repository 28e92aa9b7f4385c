"""From a configuration to streamed tokens from a real vLLM server, with the real command."""

from __future__ import annotations

import json
import socket
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis
    from tests.live.server import Server

pytestmark = pytest.mark.live

IMPLICIT = '{ agents: { defaults: { model: { primary: "vllm/tiny-llama" } } } }'
ANY_KEY = {"VLLM_API_KEY": "canary-any-91d2"}
RIGHT_KEY = {"VLLM_API_KEY": KEY}
WRONG_KEY = {"VLLM_API_KEY": "canary-wrong-07aa"}


def dynamic(base_url: str) -> str:
    """Return a configuration with a provider whose models are discovered."""
    return f"""{{
      models: {{ providers: {{ vllm: {{ baseUrl: "{base_url}", apiKey: "${{VLLM_API_KEY}}", models: [] }} }} }},
      agents: {{ defaults: {{ model: "vllm/tiny-llama", models: {{ "vllm/*": {{}} }} }} }},
    }}"""


def explicit(base_url: str) -> str:
    """Return a configuration that declares its only model."""
    return f"""{{
      models: {{ providers: {{ vllm: {{
        baseUrl: "{base_url}", apiKey: "${{VLLM_API_KEY}}", models: [{{ id: "tiny-llama", contextWindow: 2048 }}],
      }} }} }},
      agents: {{ defaults: {{ model: "vllm/tiny-llama" }} }},
    }}"""


def write(folder: Path, text: str) -> None:
    (folder / "genesis.json5").write_text(text, encoding="utf-8")


def test_implicit_discovery_lists_the_model_and_the_origin_of_its_window(
    genesis: Genesis, folder: Path, server: Server
) -> None:
    write(folder, IMPLICIT)

    table = genesis("models", "list", "--provider", "vllm", env=ANY_KEY)
    plain = genesis("models", "list", "--provider", "vllm", "--plain", env=ANY_KEY)
    report = json.loads(genesis("models", "list", "--json", env=ANY_KEY).stdout)

    assert (table.returncode, table.stderr) == (0, "")
    header, row = table.stdout.splitlines()
    assert header.split()[:3] == ["model", "context", "window"]
    assert row.split() == ["vllm/tiny-llama", "2048", "server", "2048", "default", "text", "no", "primary"]
    assert plain.stdout == "vllm/tiny-llama\t2048\tserver\t2048\tdefault\ttext\tno\tprimary\n"
    assert report["version"] == 1
    (model,) = report["models"]
    assert (model["provider"], model["id"]) == ("vllm", "tiny-llama")
    assert (model["contextWindow"], model["contextWindowFrom"]) == (2048, "server")
    assert server.base_url == "http://127.0.0.1:8000/v1"


def test_compile_writes_the_manifest(genesis: Genesis, folder: Path, server: Server) -> None:
    write(folder, IMPLICIT)

    done = genesis("compile", "-o", "manifest.json", "--explain", env=ANY_KEY)

    assert (done.returncode, done.stdout) == (0, "")
    assert "vllm: implicit" in done.stderr
    assert f"{server.base_url}/models" in done.stderr
    text = (folder / "manifest.json").read_text("utf-8")
    assert ANY_KEY["VLLM_API_KEY"] not in text + done.stderr
    provider = json.loads(text)["providers"]["vllm"]
    assert provider["decision"] == "implicit"
    assert provider["credential"] == {"template": "${VLLM_API_KEY}"}
    assert [(model["id"], model["contextWindow"]) for model in provider["models"]] == [("tiny-llama", 2048)]


def test_completion_streams_with_the_usage_of_the_server(genesis: Genesis, folder: Path, server: Server) -> None:
    write(folder, IMPLICIT)
    options = ["--max-tokens", "16", "--param", "temperature=0", "--param", "seed=7"]

    streamed = genesis("complete", "hello", *options, env=ANY_KEY)
    done = genesis("complete", "hello", *options, "--json", env=ANY_KEY)
    assert (done.returncode, done.stderr) == (0, "")
    whole = json.loads(done.stdout)

    messages = [{"role": "user", "content": "hello"}]
    response = complete_directly(server, {"messages": messages, "max_tokens": 16, "temperature": 0, "seed": 7})
    usage = response["usage"]
    assert streamed.returncode == 0
    assert streamed.stdout == response["choices"][0]["message"]["content"] == whole["text"]
    assert streamed.stderr.startswith(
        f"usage: {usage['prompt_tokens']} input + {usage['completion_tokens']} output tokens, "
    )
    assert (whole["usage"]["input"], whole["usage"]["output"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert whole["finishReason"] == response["choices"][0]["finish_reason"]


def test_an_assumed_token_limit_is_not_sent(genesis: Genesis, folder: Path, server: Server) -> None:
    # vLLM would respond to the default of 8192 tokens with 400; the declared model sets no limit of its own here.
    write(folder, explicit(server.base_url).replace(", contextWindow: 2048", ""))
    done = genesis("complete", "hello", "--param", 'stop=["a"]', "--json", env=ANY_KEY)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["usage"]["input"] > 0


def test_right_key(genesis: Genesis, folder: Path, keyed_server: Server) -> None:
    write(folder, dynamic(keyed_server.base_url))
    listed = genesis("models", "list", "--plain", env=RIGHT_KEY)
    done = genesis("complete", "hello", "--max-tokens", "4", env=RIGHT_KEY)
    assert listed.stdout.startswith("vllm/tiny-llama\t2048\tserver\t")
    assert done.returncode == 0
    assert KEY not in listed.stdout + listed.stderr + done.stdout + done.stderr


@pytest.mark.parametrize("command", [("models", "list"), ("compile",), ("complete", "hello")])
def test_wrong_key(command: tuple[str, ...], genesis: Genesis, folder: Path, keyed_server: Server) -> None:
    write(folder, dynamic(keyed_server.base_url))
    done = genesis(*command, env=WRONG_KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[auth-rejected]: ")
    assert f"{keyed_server.base_url}/models" in done.stderr
    assert "401" in done.stderr
    assert "help: set VLLM_API_KEY" in done.stderr
    assert WRONG_KEY["VLLM_API_KEY"] not in done.stderr


def test_wrong_key_for_the_completion(genesis: Genesis, folder: Path, keyed_server: Server) -> None:
    write(folder, explicit(keyed_server.base_url))
    done = genesis("complete", "hello", env=WRONG_KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[auth-rejected]: ")
    assert "help: set VLLM_API_KEY" in done.stderr
    assert WRONG_KEY["VLLM_API_KEY"] not in done.stderr


@pytest.mark.parametrize("command", [("models", "list"), ("complete", "hello")])
def test_no_server(command: tuple[str, ...], genesis: Genesis, folder: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        write(folder, dynamic(base_url))
        done = genesis(*command, env=ANY_KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[server-unreachable]: ")
    assert f"{base_url}/models: connection refused" in done.stderr


def test_explicit_entry_requests_no_model_list(genesis: Genesis, folder: Path, server: Server) -> None:
    write(folder, explicit(server.base_url))
    before = server.requests()

    assert genesis("compile", "-o", "manifest.json", env=ANY_KEY).returncode == 0
    assert genesis("models", "list", env=ANY_KEY).returncode == 0
    assert genesis("complete", "hello", "--max-tokens", "4", env=ANY_KEY).returncode == 0
    assert genesis("complete", "hello", "--max-tokens", "4", "--manifest", "manifest.json", env=ANY_KEY).returncode == 0

    assert server.requests()[len(before) :] == ["POST /v1/chat/completions HTTP/1.1"] * 2


def test_reference_to_a_missing_model(genesis: Genesis, folder: Path, server: Server) -> None:
    write(folder, dynamic(server.base_url).replace('model: "vllm/tiny-llama"', 'model: "vllm/tiny-lama"'))
    done = genesis("compile", env=ANY_KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[unknown-model]: ")
    assert "did you mean `vllm/tiny-llama`?" in done.stderr


def complete_directly(server: Server, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request to the server without Genesis."""
    body = json.dumps({"model": "tiny-llama", **request}).encode()
    headers = {"Content-Type": "application/json"}
    completion = urllib.request.Request(f"{server.base_url}/chat/completions", body, headers)
    with urllib.request.urlopen(completion, timeout=60) as response:
        result: dict[str, Any] = json.load(response)
        return result
