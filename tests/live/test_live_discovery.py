"""Discovery, the lock file, the status and the doctor with real vLLM servers."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING

import pytest

from tests.live.conftest import ADAPTER, KEY
from tests.live.test_live import ANY_KEY, IMPLICIT, RIGHT_KEY, WRONG_KEY, dynamic, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis
    from tests.live.server import Server

pytestmark = pytest.mark.live


def test_a_lora_adapter_has_the_window_of_its_base_model(genesis: Genesis, folder: Path, keyed_server: Server) -> None:
    write(folder, dynamic(keyed_server.base_url))
    done = genesis("models", "list", "--plain", env=RIGHT_KEY)
    assert [line.split("\t")[:3] for line in done.stdout.splitlines()] == [
        ["vllm/tiny-llama", "2048", "server"],
        [f"vllm/{ADAPTER}", "2048", "parent"],
    ]
    done = genesis("complete", "hello", "--model", f"vllm/{ADAPTER}", "--max-tokens", "4", env=RIGHT_KEY)
    assert done.returncode == 0, done.stderr


def test_a_profile_alone_is_an_opt_in(genesis: Genesis, folder: Path, server: Server) -> None:
    write(folder, IMPLICIT)
    before = server.requests()
    assert "error[not-configured]" in genesis("models", "list").stderr
    # Without an opt-in there is no request.
    assert server.requests() == before
    assert genesis("auth", "set", "vllm", stdin=f"{KEY}\n").returncode == 0
    done = genesis("models", "list", "--plain")
    assert done.stdout == "vllm/tiny-llama\t2048\tserver\t2048\tdefault\ttext\tno\tprimary\n"
    compiled = genesis("compile", "-o", "manifest.json")
    assert compiled.returncode == 0, compiled.stderr
    manifest = (folder / "manifest.json").read_text("utf-8")
    assert KEY not in manifest
    assert json.loads(manifest)["providers"]["vllm"]["credential"] == {"profile": "vllm:default"}
    done = genesis("complete", "hello", "--max-tokens", "4", "--manifest", "manifest.json")
    assert done.returncode == 0, done.stderr


def test_an_entry_takes_precedence_over_the_wildcard(genesis: Genesis, folder: Path, keyed_server: Server) -> None:
    text = dynamic(keyed_server.base_url)
    write(folder, text.replace("models: []", 'models: [{ id: "tiny-llama", name: "Mine", contextWindow: 1024 }]'))
    done = genesis("compile", env=RIGHT_KEY)
    assert done.returncode == 0, done.stderr
    assert '"id": "*"' not in done.stdout
    models = json.loads(done.stdout)["providers"]["vllm"]["models"]
    assert [(model["id"], model["name"], model["contextWindow"], model["contextWindowFrom"]) for model in models] == [
        ("tiny-llama", "Mine", 1024, "config"),
        (ADAPTER, ADAPTER, 2048, "parent"),
    ]


def test_a_required_key_is_missing(genesis: Genesis, folder: Path, keyed_server: Server) -> None:
    write(folder, dynamic(keyed_server.base_url).replace('"${VLLM_API_KEY}"', '""'))
    done = genesis("models", "list", env=RIGHT_KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[auth-rejected]" in done.stderr
    assert "401" in done.stderr


def test_the_variable_of_a_required_key_is_not_set(genesis: Genesis, folder: Path, keyed_server: Server) -> None:
    write(folder, dynamic(keyed_server.base_url))
    before = keyed_server.requests()
    done = genesis("models", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[unset-variable]: " in done.stderr
    assert "VLLM_API_KEY" in done.stderr
    assert failed_step(genesis, {}).startswith("credential genesis.json5:")
    # The entry without a key: the server requires one, and the help names the variable.
    write(folder, dynamic(keyed_server.base_url).replace('apiKey: "${VLLM_API_KEY}",', ""))
    assert keyed_server.requests() == before
    done = genesis("models", "list")
    assert done.returncode == 1
    assert "error[auth-rejected]" in done.stderr
    assert "401" in done.stderr
    assert "help: set VLLM_API_KEY" in done.stderr


def test_the_lock_file_and_a_changed_model_list(
    genesis: Genesis, folder: Path, server: Server, keyed_server: Server
) -> None:
    write(folder, dynamic("${LLM_URL}"))
    first = {"LLM_URL": server.base_url, **RIGHT_KEY}
    locked = genesis("lock", env=first)
    assert locked.returncode == 0
    assert "genesis.lock.json: 1 model" in locked.stderr
    text = (folder / "genesis.lock.json").read_text("utf-8")
    assert KEY not in text
    assert server.base_url not in text
    live, before = genesis("compile", env=first), server.requests()
    assert genesis("compile", "--frozen", env=first).stdout == live.stdout
    assert server.requests() == before
    assert genesis("lock", "--check", env=first).returncode == 0

    other = genesis("lock", "--check", env={"LLM_URL": keyed_server.base_url, **RIGHT_KEY})
    assert other.returncode == 1
    assert other.stderr.startswith("error[lock-stale]: ")
    assert f"vllm/{ADAPTER}`" in other.stderr
    assert "\n --> genesis.lock.json:4:5\n" in other.stderr
    assert (folder / "genesis.lock.json").read_text("utf-8") == text


def test_the_status_with_a_probe(genesis: Genesis, folder: Path, keyed_server: Server) -> None:
    write(folder, dynamic(keyed_server.base_url))
    done = genesis("models", "status", "--probe", "--plain", env=RIGHT_KEY)
    assert (done.returncode, done.stderr) == (0, "")
    url = re.escape(keyed_server.base_url)
    assert re.fullmatch(rf"vllm\texplicit\t{url}\tVLLM_API_KEY\tyes\t0\.32\.0\S*\t2\t\d+ ms\n", done.stdout)


def failed_step(genesis: Genesis, env: dict[str, str]) -> str:
    """Run the doctor. Return the line of the step that failed."""
    done = genesis("doctor", env=env)
    assert done.returncode == 1
    assert KEY not in done.stdout
    (line,) = re.findall("^  FAIL  (.*)$", done.stdout, re.MULTILINE)
    return " ".join(line.split())


def test_the_doctor_with_four_broken_setups_and_a_working_one(
    genesis: Genesis, folder: Path, keyed_server: Server
) -> None:
    write(folder, IMPLICIT)
    assert failed_step(genesis, {}).startswith("decision not configured: ")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        write(folder, dynamic(f"http://127.0.0.1:{port}/v1"))
        assert failed_step(genesis, ANY_KEY) == f"connection 127.0.0.1:{port}: connection refused"
    write(folder, dynamic(keyed_server.base_url).replace("vllm/tiny-llama", "vllm/tiny-lama"))
    assert failed_step(genesis, WRONG_KEY).endswith("the server rejected the key")
    assert failed_step(genesis, RIGHT_KEY).startswith("selection `vllm/tiny-lama` ")
    write(folder, dynamic(keyed_server.base_url))
    done = genesis("doctor", env=RIGHT_KEY)
    assert done.returncode == 0, done.stdout
    assert re.search(r"ok    completion      streamed a token; usage: \d+ input \+ 1 output tokens", done.stdout)
