"""`genesis lock`, `compile --frozen`, and `check` with a lock file."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import jsonschema
import pytest

from genesis_config.config.validation import schema_text
from genesis_config.testing import ServedModel, serving
from tests.e2e.support import implicit_vllm_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from genesis_config.testing import FakeVLLM
    from tests.e2e.support import Genesis

MODELS = [ServedModel("llama", max_model_len=4096), ServedModel("adapter", parent="llama", max_model_len=None)]
KEY = {"VLLM_API_KEY": "canary-7f3a"}


@pytest.fixture
def server() -> Iterator[FakeVLLM]:
    with serving(MODELS, api_key=KEY["VLLM_API_KEY"]) as running:
        yield running


@pytest.fixture
def config(folder: Path, server: FakeVLLM) -> Path:
    return write(folder, server.base_url)


def write(folder: Path, url: str, model: str = "vllm/llama") -> Path:
    path = folder / "genesis.json5"
    path.write_text(
        f"""{{
  models: {{ providers: {{ vllm: {{ baseUrl: "{url}", apiKey: "${{VLLM_API_KEY}}", models: [] }} }} }},
  agents: {{ defaults: {{ model: "{model}", models: {{ "vllm/*": {{}} }} }} }},
}}
""",
        encoding="utf-8",
    )
    return path


def test_a_lock_file_is_written_checked_and_compiled_from(
    genesis: Genesis, folder: Path, config: Path, server: FakeVLLM
) -> None:
    done = genesis("lock", env=KEY)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "wrote genesis.lock.json: 2 models from 1 provider\n")
    written = (folder / "genesis.lock.json").read_bytes()
    jsonschema.validate(json.loads(written), json.loads(schema_text("lock")))
    assert json.loads(written)["providers"]["vllm"] == {
        "baseUrl": server.base_url,
        "models": {
            "adapter": {"contextWindow": None, "parent": "llama"},
            "llama": {"contextWindow": 4096, "parent": None},
        },
    }
    assert b"canary" not in written

    live = genesis("compile", env=KEY)
    asked = len(server.requests)
    frozen = genesis("compile", "--frozen", env=KEY)
    without_key = genesis("compile", "--frozen")
    assert (live.returncode, frozen.returncode, without_key.returncode) == (0, 0, 0)
    assert live.stdout == frozen.stdout == without_key.stdout
    assert '"contextWindowFrom": "parent"' in frozen.stdout
    assert len(server.requests) == asked

    done = genesis("lock", "--check", env=KEY)
    assert done.returncode == 0
    assert done.stderr.startswith("genesis.lock.json is up to date: 2 models")
    assert genesis("lock", str(config), env=KEY, cwd=folder.parent).returncode == 0
    assert (folder / "genesis.lock.json").read_bytes() == written


def test_changed_model_lists_are_reported_model_by_model(genesis: Genesis, folder: Path) -> None:
    with serving([ServedModel("llama", max_model_len=4096), ServedModel("gone", max_model_len=1)]) as first:
        write(folder, first.base_url)
        assert genesis("lock", env=KEY).returncode == 0
        port = int(first.base_url.split(":")[2].split("/")[0])
    locked = (folder / "genesis.lock.json").read_bytes()
    with serving([ServedModel("llama", max_model_len=8192), ServedModel("new", max_model_len=1)], port=port) as second:
        assert second.base_url in (folder / "genesis.json5").read_text(encoding="utf-8")
        done = genesis("lock", "--check", env=KEY)
    assert done.returncode == 1
    assert (folder / "genesis.lock.json").read_bytes() == locked
    assert [line for line in done.stderr.splitlines() if line.startswith(("error", " --> "))] == [
        "error[lock-stale]: `vllm/gone` is locked, but its server no longer lists it",
        " --> genesis.lock.json:7:9",
        (
            "error[lock-stale]: `vllm/llama` is locked with a context window of 4096 tokens, "
            "but its server reports a context window of 8192 tokens"
        ),
        " --> genesis.lock.json:8:9",
        "error[lock-stale]: `vllm/new` is listed by its server, but not locked",
        " --> genesis.lock.json:4:5",
    ]


def test_compile_frozen_opens_no_socket(genesis: Genesis, folder: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0.2)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        write(folder, url)
        lock = {
            "lockVersion": 1,
            "providers": {"vllm": {"baseUrl": url, "models": {"llama": {"contextWindow": 64, "parent": None}}}},
        }
        (folder / "genesis.lock.json").write_text(json.dumps(lock), encoding="utf-8")
        # Creating a socket in Python ends the program.
        (folder / "sitecustomize.py").write_text(
            "import sys\n"
            "sys.addaudithook(lambda name, _: sys.exit('a socket') if name == 'socket.__new__' else None)\n",
            encoding="utf-8",
        )
        done = genesis("compile", "--frozen", env={**KEY, "PYTHONPATH": str(folder)})
        assert (done.returncode, done.stderr) == (0, "")
        model = json.loads(done.stdout)["providers"]["vllm"]["models"][0]
        assert (model["id"], model["contextWindow"], model["contextWindowFrom"]) == ("llama", 64, "server")
        with pytest.raises(TimeoutError):
            listening.accept()
        assert "a socket" in genesis("compile", env={**KEY, "PYTHONPATH": str(folder)}).stderr


def test_the_lock_file_is_an_opt_in(genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_text("{ agents: { defaults: { model: 'vllm/llama' } } }", encoding="utf-8")
    assert "error[lock-missing]" in genesis("compile", "--frozen", env=KEY).stderr
    row = {"contextWindow": 64, "parent": None}
    lock = {
        "lockVersion": 1,
        "providers": {"vllm": {"baseUrl": "http://127.0.0.1:8000/v1", "models": {"llama": row}}},
    }
    (folder / "genesis.lock.json").write_text(json.dumps(lock), encoding="utf-8")
    done = genesis("compile", "--frozen", "--explain")
    assert done.returncode == 0
    provider = json.loads(done.stdout)["providers"]["vllm"]
    assert provider["credential"] == {"template": "${VLLM_API_KEY}"}
    assert provider["decision"] == "implicit"
    heading, reason, change = done.stderr.splitlines()
    assert heading == "vllm: implicit, models from genesis.lock.json"
    assert "VLLM_API_KEY" in reason
    assert "models.providers.vllm" in change
    assert genesis("compile", "--frozen", env=KEY).stdout == done.stdout
    lock["providers"] = {}
    (folder / "genesis.lock.json").write_text(json.dumps(lock), encoding="utf-8")
    done = genesis("compile", "--frozen", env=KEY)
    assert done.returncode == 1
    assert "error[lock-stale]: the lock file has no entry for `vllm`" in done.stderr


@pytest.mark.usefixtures("config")
def test_check_uses_the_models_of_the_lock_file(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    assert genesis("lock", env=KEY).returncode == 0
    done = genesis("check")
    assert (done.returncode, "no findings" in done.stdout) == (0, True)
    write(folder, server.base_url, "vllm/lama")
    done = genesis("check")
    assert done.returncode == 1
    assert "error[unknown-model]: `vllm/lama`" in done.stdout
    assert "did you mean `vllm/llama`?" in done.stdout
    # Commands that query servers do not use the lock file.
    assert "error[unknown-model]" in genesis("compile", env=KEY).stderr
    (folder / "genesis.lock.json").unlink()
    assert genesis("check").returncode == 0

    (folder / "genesis.lock.json").write_text('{\n  "lockVersion": 1,\n<<<<<<< HEAD\n', encoding="utf-8")
    done = genesis("check", "--format", "concise")
    assert done.returncode == 0
    assert done.stdout.startswith("genesis.lock.json:3:1: warning[lock-stale] ")
    assert "merge conflict" in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_lock_file_with_providers_that_are_no_longer_discovered(genesis: Genesis, config: Path) -> None:
    assert genesis("lock", env=KEY).returncode == 0
    config.write_text("{ models: { providers: { vllm: { models: [{ id: 'm', contextWindow: 9 }] } } } }")
    done = genesis("check", "--format", "concise")
    assert done.returncode == 0
    assert done.stdout.startswith("genesis.lock.json:4:5: warning[lock-stale] ")
    assert "`vllm`" in done.stdout
    assert done.stdout.count("\n") == 1
    assert genesis("compile").returncode == 0
    assert "error[lock-stale]" in genesis("compile", "--frozen").stderr
    assert "genesis.lock.json: 0 models from 0 providers" in genesis("lock").stderr
    assert genesis("compile", "--frozen").returncode == 0


@pytest.mark.usefixtures("config")
def test_locked_models_are_kept_if_a_server_fails(genesis: Genesis, folder: Path) -> None:
    assert genesis("lock", env=KEY).returncode == 0
    locked = (folder / "genesis.lock.json").read_bytes()
    for arguments in (["lock"], ["lock", "--check"]):
        done = genesis(*arguments, env={"VLLM_API_KEY": "wrong"})
        assert done.returncode == 1
        assert "error[auth-rejected]" in done.stderr
        done = genesis(*arguments)
        assert done.returncode == 1
        assert "error[unset-variable]" in done.stderr
    assert (folder / "genesis.lock.json").read_bytes() == locked
    (folder / "genesis.json5").write_text("{}", encoding="utf-8")
    # No model refers to the provider, so an unreachable server is only a warning for `compile`. The default base URL is
    # replaced because a server may be running there.
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        done = genesis("lock", env={**KEY, **implicit_vllm_at(url, folder)})
    assert (done.returncode, "error[" in done.stderr) == (1, True)
    assert (folder / "genesis.lock.json").read_bytes() == locked


def test_without_the_opt_in_locked_models_are_kept(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    (folder / "genesis.json5").write_text("{ agents: { defaults: { model: 'vllm/llama' } } }", encoding="utf-8")
    there = implicit_vllm_at(server.base_url, folder)
    assert genesis("lock").returncode == 1  # a first lock reports this
    assert not (folder / "genesis.lock.json").exists()
    assert "genesis.lock.json: 2 models from 1 provider" in genesis("lock", env={**KEY, **there}).stderr
    locked = (folder / "genesis.lock.json").read_bytes()
    for arguments in (["lock"], ["lock", "--check"]):
        done = genesis(*arguments, env=there)
        assert done.returncode == 1
        assert "error[not-configured]: cannot lock the models of `vllm`" in done.stderr
        assert "VLLM_API_KEY is not set" in done.stderr
        assert " --> genesis.json5:1:32" in done.stderr
    (folder / "genesis.json5").write_text("{}", encoding="utf-8")
    done = genesis("lock", env=there)
    assert done.returncode == 1
    assert "or remove it from genesis.lock.json" in done.stderr
    assert (folder / "genesis.lock.json").read_bytes() == locked


def test_an_unrelated_key_locks_nothing(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    there = {**KEY, **implicit_vllm_at(server.base_url, folder)}
    with serving(MODELS) as other:
        (folder / "genesis.json5").write_text(
            f"""{{ models: {{ providers: {{ p: {{ baseUrl: "{other.base_url}", models: [] }} }} }},
  agents: {{ defaults: {{ models: {{ "p/*": {{}} }} }} }} }}""",
            encoding="utf-8",
        )
        assert "genesis.lock.json: 2 models from 1 provider" in genesis("lock", env=there).stderr
        assert json.loads((folder / "genesis.lock.json").read_bytes())["providers"].keys() == {"p"}
    assert server.requests == []
    (folder / "genesis.json5").write_text('{ agents: { defaults: { models: { "vllm/*": {} } } } }', encoding="utf-8")
    assert "genesis.lock.json: 2 models from 1 provider" in genesis("lock", env=there).stderr
    assert json.loads((folder / "genesis.lock.json").read_bytes())["providers"].keys() == {"vllm"}


@pytest.mark.usefixtures("config")
def test_usage_errors_of_lock(genesis: Genesis, folder: Path) -> None:
    done = genesis("lock", "--check", env=KEY)
    assert (done.returncode, done.stderr.partition("\n")[0]) == (
        1,
        "error[lock-missing]: genesis.lock.json is missing, so there is nothing to compare with",
    )
    assert genesis("lock", "-", stdin="{}").returncode == 2
    done = genesis("lock", "gone.json5")
    assert done.returncode == 2
    assert "gone.json5: No such file or directory\n" in done.stderr
    (folder / "genesis.lock.json").mkdir()
    done = genesis("lock", env=KEY)
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write genesis.lock.json: ")
