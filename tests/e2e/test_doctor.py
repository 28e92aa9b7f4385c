"""`genesis doctor` and `genesis models status`, as seen by a user who looks for a problem."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING

import pytest

from genesis_config.testing import ServedModel, serving
from tests.e2e.support import implicit_vllm_at, on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

    from genesis_config.testing import FakeVLLM
    from tests.e2e.support import Genesis

CANARY = "canary-77c0"
KEY = {"VLLM_API_KEY": CANARY}


@pytest.fixture
def server() -> Iterator[FakeVLLM]:
    with serving([ServedModel("llama-3-8b", max_model_len=4096)], api_key=CANARY) as running:
        yield running


@pytest.fixture
def closed() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def write(folder: Path, url: str, model: str = "vllm/llama-3-8b", more: str = "") -> None:
    (folder / "genesis.json5").write_text(
        f"""{{
  models: {{ providers: {{
    vllm: {{ baseUrl: "{url}", apiKey: "${{VLLM_API_KEY}}", models: [] }},{more}
  }} }},
  agents: {{ defaults: {{ model: "{model}", models: {{ "vllm/*": {{}} }} }} }},
}}
""",
        encoding="utf-8",
    )


def normal(text: str) -> str:
    """Replace what differs in every run: ports and times."""
    return re.sub(r"in \d+ ms", "in N ms", re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text))


def test_following_the_help_leads_from_one_mistake_to_the_next(
    genesis: Genesis, folder: Path, server: FakeVLLM, closed: str, snapshot: SnapshotAssertion
) -> None:
    shown = [genesis("doctor", env=KEY)]
    assert shown.pop().returncode == 2  # there is no configuration yet
    write(folder, closed, "vllm/llama-3-8")
    shown.append(genesis("doctor", env={"VLLM_API_KEY": "wrong-key-1"}))
    assert ": connection refused" in shown[-1].stdout
    write(folder, server.base_url, "vllm/llama-3-8")
    shown.append(genesis("doctor"))
    assert "export VLLM_API_KEY" in shown[-1].stdout
    shown.append(genesis("doctor", env={"VLLM_API_KEY": "wrong-key-1"}))
    assert "set VLLM_API_KEY to a key that the server accepts" in shown[-1].stdout
    shown.append(genesis("doctor", env=KEY))
    assert "did you mean `vllm/llama-3-8b`?" in shown[-1].stdout
    write(folder, server.base_url)
    shown.append(genesis("doctor", env=KEY))
    assert [done.returncode for done in shown] == [1, 1, 1, 1, 0]
    assert all(done.stderr == "" for done in shown)
    text = "\n".join(normal(done.stdout) for done in shown)
    assert CANARY not in text
    assert "wrong-key-1" not in text
    assert text == snapshot


@pytest.mark.parametrize("command", [("complete", "hello"), ("models", "list")], ids=" ".join)
def test_an_implicit_configuration_leads_from_each_mistake_to_the_next_step(
    genesis: Genesis, folder: Path, server: FakeVLLM, closed: str, command: tuple[str, ...]
) -> None:
    config = folder / "genesis.json5"
    config.write_text("{ agents: { defaults: { model: 'vllm/llama-3-8' } } }", encoding="utf-8")
    done = genesis(*command, env={**KEY, **implicit_vllm_at(closed, folder)})
    assert "error[server-unreachable]" in done.stderr
    advice = re.search(r'set `models.providers.vllm.baseUrl`, and add ("vllm/\*": {}) to', done.stderr)
    assert advice is not None
    # As the help says: the base URL is declared, and the wildcard keeps the models of the server.
    config.write_text(
        f"""{{ models: {{ providers: {{ vllm: {{ baseUrl: "{server.base_url}" }} }} }},
  agents: {{ defaults: {{ model: "vllm/llama-3-8", models: {{ {advice[1]} }} }} }} }}""",
        encoding="utf-8",
    )
    done = genesis(*command, env={"VLLM_API_KEY": "wrong-key-1"})
    assert "error[auth-rejected]" in done.stderr
    assert "set VLLM_API_KEY to a key that the server accepts" in done.stderr
    done = genesis(*command, env=KEY)
    assert "error[unknown-model]" in done.stderr
    assert "did you mean `vllm/llama-3-8b`?" in done.stderr
    config.write_text(config.read_text(encoding="utf-8").replace("llama-3-8", "llama-3-8b"), encoding="utf-8")
    assert genesis(*command, env=KEY).returncode == 0


def test_an_explicit_configuration_leads_from_each_mistake_to_the_next_step(
    genesis: Genesis, folder: Path, server: FakeVLLM, closed: str
) -> None:
    config = folder / "genesis.json5"
    text = f"""{{ models: {{ providers: {{ vllm: {{
    baseUrl: "{closed}", apiKey: "${{VLLM_API_KEY}}", models: [{{ id: "llama-3-8", contextWindow: 4096 }}],
  }} }} }}, agents: {{ defaults: {{ model: "vllm/llama-3-8" }} }} }}"""
    config.write_text(text, encoding="utf-8")
    done = genesis("complete", "hello", env=KEY)
    assert f"request to {closed}/chat/completions failed: connection refused" in done.stderr
    assert "`baseUrl`" in done.stderr
    config.write_text(text := text.replace(closed, server.base_url), encoding="utf-8")
    done = genesis("complete", "hello", env={"VLLM_API_KEY": "wrong-key-1"})
    assert "set VLLM_API_KEY to a key that the server accepts" in done.stderr
    # Declared models are trusted, and the server is not queried.
    assert "vllm/llama-3-8 " in genesis("models", "list", env=KEY).stdout
    done = genesis("complete", "hello", env=KEY)
    assert "run `genesis doctor`" in done.stderr
    assert "did you mean `vllm/llama-3-8b`?" in genesis("doctor", env=KEY).stdout
    config.write_text(text.replace("llama-3-8", "llama-3-8b"), encoding="utf-8")
    assert genesis("complete", "hello", env=KEY).returncode == 0


def test_without_an_opt_in_no_request_is_made(genesis: Genesis, folder: Path, snapshot: SnapshotAssertion) -> None:
    (folder / "genesis.json5").write_text("{ agents: { defaults: { model: 'vllm/m' } } }", encoding="utf-8")
    done = genesis("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == snapshot
    done = genesis("models", "status")
    assert done.returncode == 1
    assert done.stderr.startswith("vllm: not configured: ")
    for named in ("models.providers.vllm", "VLLM_API_KEY", "auth profile"):
        assert named in done.stderr
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == ["provider", "vllm"]
    (folder / "genesis.json5").write_text("{}", encoding="utf-8")
    done = genesis("models", "status")
    assert done.returncode == 0
    assert "no provider" in done.stderr
    assert "`genesis doctor`" in done.stderr


def test_an_unconfigured_primary_is_reported_although_its_fallback_works(
    genesis: Genesis, folder: Path, server: FakeVLLM
) -> None:
    (folder / "genesis.json5").write_text(
        f"""{{
  models: {{ providers: {{
    p: {{ baseUrl: "{server.base_url}", apiKey: "${{P_KEY}}", models: [{{ id: "llama-3-8b", contextWindow: 4096 }}] }},
  }} }},
  agents: {{ defaults: {{ model: {{ primary: "vllm/x", fallbacks: ["p/llama-3-8b"] }} }} }},
}}
""",
        encoding="utf-8",
    )
    for command in (["compile"], ["doctor"], ["models", "status", "--probe"]):
        done = genesis(*command, env={"P_KEY": CANARY})
        assert done.returncode == 1
        assert "VLLM_API_KEY is not set" in done.stdout + done.stderr
    assert "streamed a token" in genesis("doctor", env={"P_KEY": CANARY}).stdout
    assert genesis("doctor", "--provider", "p", env={"P_KEY": CANARY}).returncode == 0


def test_a_report_for_a_support_ticket(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server.base_url)
    done = genesis("doctor", "--json", env=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert CANARY not in done.stdout
    report = json.loads(done.stdout)
    assert report["version"] == 1
    (provider,) = report["providers"]
    assert provider["provider"] == "vllm"
    assert {frozenset(step) for step in provider["steps"]} == {frozenset({"name", "outcome", "message", "help"})}
    assert len(provider["steps"]) == 12
    wrong = genesis("doctor", "--json", env={"VLLM_API_KEY": "wrong-key-1"})
    assert wrong.returncode == 1
    assert len(json.loads(wrong.stdout)["providers"][0]["steps"]) == 12
    assert "wrong-key-1" not in wrong.stdout


def test_an_unknown_provider(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server.base_url)
    for command in (["doctor"], ["models", "status"]):
        done = genesis(*command, "--provider", "vlm", env=KEY)
        assert done.returncode == 2
        assert ": vllm)" in done.stderr
    assert server.requests == []


def test_color_is_used_only_on_terminals(folder: Path, server: FakeVLLM) -> None:
    write(folder, server.base_url)
    code, shown = on_terminal("doctor", cwd=folder, env=KEY)
    assert code == 0
    assert "\x1b[32mok" in shown
    code, shown = on_terminal("models", "status", "--probe", cwd=folder, env=KEY)
    assert code == 0
    assert "\x1b[1m" in shown
    assert re.search(r"\d+ ms", shown)


def test_the_status_of_every_provider(genesis: Genesis, folder: Path, server: FakeVLLM, closed: str) -> None:
    models = 'models: [{ id: "m", contextWindow: 9 }]'
    pool = f"""
    pool: {{ baseUrl: "{closed}", {models} }},
    locked: {{ baseUrl: "{server.base_url}", apiKey: "${{LOCKED}}", {models} }},
    silent: {{ baseUrl: "http://127.0.0.1:1/v1", apiKey: "${{NOBODY}}", {models} }},"""
    write(folder, server.base_url, more=pool)
    done = genesis("models", "status", env={**KEY, "LOCKED": "wrong-key-1"})
    assert done.returncode == 1
    assert [re.split("  +", line) for line in normal(done.stdout).splitlines()] == [
        ["provider", "decision", "base URL", "key", "reachable", "version", "models"],
        ["locked", "explicit", "http://127.0.0.1:PORT/v1", "LOCKED", "yes", "0.32.0", "-"],
        ["pool", "explicit", "http://127.0.0.1:PORT/v1", "none", "no", "-", "-"],
        ["silent", "explicit", "http://127.0.0.1:PORT/v1", "NOBODY", "not checked", "-", "-"],
        ["vllm", "explicit", "http://127.0.0.1:PORT/v1", "VLLM_API_KEY", "yes", "0.32.0", "1"],
    ]
    assert normal(done.stderr).splitlines() == [
        "locked: http://127.0.0.1:PORT/v1/models answered 401: Unauthorized; the server rejected the key",
        "pool: cannot get the models of `pool` from http://127.0.0.1:PORT/v1/models: connection refused",
        "silent: the variable `NOBODY` is not set, but `models.providers.silent.apiKey` needs its value",
    ]
    plain = genesis("models", "status", "--plain", "--probe", "--provider", "vllm", env=KEY)
    assert re.fullmatch("vllm\texplicit\thttp://[^\t]*\tVLLM_API_KEY\tyes\t0.32.0\t1\t\\d+ ms\n", plain.stdout)
    report = json.loads(genesis("models", "status", "--json", "--probe", env=KEY).stdout)
    assert report["version"] == 1
    by_name = {provider["provider"]: provider for provider in report["providers"]}
    assert len({frozenset(provider) for provider in by_name.values()}) == 1
    assert by_name["vllm"]["firstTokenSeconds"] > 0
    assert by_name["vllm"]["models"] == ["llama-3-8b"]
    assert (by_name["pool"]["reachable"], by_name["locked"]["reachable"]) == (False, None)
    assert genesis("models", "status", "--json", "--plain").returncode == 2


def test_a_probe_without_a_token_is_a_problem(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server.base_url)
    text = (folder / "genesis.json5").read_text(encoding="utf-8")
    # Declared and selected, but not served.
    text = text.replace("models: []", 'models: [{ id: "gone", contextWindow: 9 }]').replace("llama-3-8b", "gone")
    (folder / "genesis.json5").write_text(text, encoding="utf-8")
    assert genesis("models", "status", env=KEY).returncode == 0
    done = genesis("models", "status", "--probe", env=KEY)
    assert done.returncode == 1
    assert "404" in done.stderr


def test_a_stale_lock_is_reported_but_its_models_do_not_count(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server.base_url)
    assert genesis("lock", env=KEY).returncode == 0
    lock = folder / "genesis.lock.json"
    locked = lock.read_text(encoding="utf-8")
    lock.write_text(locked.replace(server.base_url, "http://127.0.0.1:1/v1"), encoding="utf-8")
    assert "warning[lock-stale]" in genesis("check").stdout
    status = genesis("models", "status", env=KEY)
    assert (status.returncode, "warning[lock-stale]" in status.stderr) == (0, True)
    doctor = genesis("doctor", env=KEY)
    assert (doctor.returncode, "has no errors, 1 warning (`genesis check`)" in doctor.stdout) == (0, True)
    # The models of the lock file are used only by `check` and `compile --frozen`.
    lock.write_text(locked.replace('"llama-3-8b"', '"other"'), encoding="utf-8")
    assert "error[unknown-model]" in genesis("check").stdout
    assert genesis("models", "status", env=KEY).returncode == genesis("doctor", env=KEY).returncode == 0
