"""`genesis compile`, `models list` and `complete` with the built-in server, and their errors."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from genesis_config.testing import Answer, ServedModel, serving
from tests.e2e.support import COMMAND, FIXTURES, implicit_vllm_at, on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

    from genesis_config.testing import FakeVLLM
    from tests.e2e.support import Genesis

CANARY = "canary-4be1c09d"
KEY = {"VLLM_API_KEY": CANARY}
EXPLICIT = FIXTURES / "documented" / "explicit" / "genesis.json5"


@pytest.fixture
def server() -> Iterator[FakeVLLM]:
    models = (ServedModel("llama", max_model_len=4096), ServedModel("llama-lora", parent="llama"), ServedModel("r1"))
    with serving(models, api_key=CANARY, answer=Answer(("Hello", ", ", "world", "."))) as running:
        yield running


def write(folder: Path, server: FakeVLLM, *, declared: str = "", selection: str = "") -> None:
    text = f"""{{
      models: {{ providers: {{ vllm: {{
        baseUrl: "{server.base_url}", apiKey: "${{VLLM_API_KEY}}", models: [{declared}],
      }} }} }},
      agents: {{ defaults: {{ model: "vllm/llama", models: {{ "vllm/*": {{}}, {selection} }} }} }},
    }}"""
    (folder / "genesis.json5").write_text(text, encoding="utf-8")


def test_a_wildcard_merges_declared_and_discovered_models(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(
        folder, server, declared='{ id: "llama", name: "Mine", maxTokens: 64 }', selection='"vllm/r1": { alias: "r" }'
    )

    done = genesis("compile", "--explain", env=KEY)

    assert done.returncode == 0, done.stderr
    provider = json.loads(done.stdout)["providers"]["vllm"]
    assert provider["baseUrl"] == server.base_url
    assert provider["decision"] == "explicit"
    rows = [
        (model["id"], model["name"], model["contextWindow"], model["contextWindowFrom"], model["maxTokens"])
        for model in provider["models"]
    ]
    assert rows == [
        ("llama", "Mine", 4096, "server", 64),
        ("llama-lora", "llama-lora", 4096, "parent", 4096),
        ("r1", "r1", 128000, "default", 8192),
    ]
    assert [model["reasoning"] for model in provider["models"]] == [False, False, True]
    assert json.loads(done.stdout)["selection"]["aliases"] == {"r": "vllm/r1"}
    assert f"vllm: explicit, models queried from {server.base_url}/models\n" in done.stderr
    assert 'keeps it dynamic\n  to change this: remove "vllm/*"' in done.stderr
    assert [request.path for request in server.requests] == ["/v1/models"]


def test_models_list(genesis: Genesis, folder: Path, server: FakeVLLM, snapshot: SnapshotAssertion) -> None:
    write(folder, server, selection='"vllm/r1": { alias: "r" }')
    assert genesis("models", "list", env=KEY).stdout == snapshot
    plain = genesis("models", "list", "--plain", "--provider", "vllm", env=KEY).stdout.splitlines()
    assert plain[0] == "vllm/llama\t4096\tserver\t4096\tdefault\ttext\tno\tprimary"
    report = json.loads(genesis("models", "list", "--json", env=KEY).stdout)
    assert report["version"] == 1
    assert [model["parent"] for model in report["models"]] == [None, "llama", None]
    assert genesis("models", "list", "--json", "--plain", env=KEY).returncode == 2
    other = genesis("models", "list", "--provider", "other", env=KEY)
    assert other.returncode == 2
    assert "no provider 'other' is configured (configured: vllm)" in other.stderr


def test_a_server_that_never_responds_hides_no_other(genesis: Genesis, folder: Path) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(serving([ServedModel(f"m{number}")])) for number in range(9)]
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        urls = [server.base_url for server in servers] + [f"http://127.0.0.1:{silent.getsockname()[1]}/v1"]
        providers = ", ".join(f'p{number}: {{ baseUrl: "{url}", models: [] }}' for number, url in enumerate(urls))
        wildcards = ", ".join(f'"p{number}/*": {{}}' for number in range(10))
        (folder / "genesis.json5").write_text(
            f"{{ models: {{ providers: {{ {providers} }} }}, agents: {{ defaults: {{ models: {{ {wildcards} }} }} }} }}"
        )
        (folder / "sitecustomize.py").write_text(
            "import genesis_config.net.limits as limits\nlimits.TOTAL_SECONDS = 1.0\n", encoding="utf-8"
        )
        done = genesis("models", "list", "--plain", env={"PYTHONPATH": str(folder)})
    assert done.returncode == 1
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [f"p{number}/m{number}" for number in range(9)]
    assert done.stderr.count("error[") == 1
    assert "cannot get the models of `p9`" in done.stderr
    assert "no response within 1 second" in done.stderr


def test_models_list_on_a_terminal_is_a_table(folder: Path, server: FakeVLLM) -> None:
    write(folder, server)
    code, shown = on_terminal("models", "list", cwd=folder, env=KEY)
    assert code == 0
    assert "\x1b[1m" in shown
    assert "vllm/llama" in shown
    assert "4096" in shown


def test_complete_streams_text_to_stdout_and_usage_to_stderr(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server)
    assert genesis("compile", "-o", "manifest.json", env=KEY).returncode == 0

    for arguments in (["--manifest", "manifest.json"], [], ["--model", "vllm/llama"]):
        done = genesis("complete", "hi", "--system", "be brief", "--param", "temperature=0.5", *arguments, env=KEY)
        assert (done.returncode, done.stdout) == (0, "Hello, world.")
        assert done.stderr.startswith("usage: ")
        sent = server.requests[-1].json()
        assert sent["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
        assert sent["temperature"] == 0.5
        assert "max_tokens" not in sent

    whole = genesis("complete", "-", "--json", "--max-tokens", "2", env=KEY, stdin="from a pipe")
    answer = json.loads(whole.stdout)
    assert answer["version"] == 1
    assert (answer["text"], answer["finishReason"], answer["usage"]["output"]) == ("Hello, ", "length", 2)
    assert server.requests[-1].json()["messages"] == [{"role": "user", "content": "from a pipe"}]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "vllm/nope"], 1, "error[unknown-model]: unknown model `vllm/nope`"),
        (["--model", "pool/llama"], 2, "no provider 'pool' is configured (configured: vllm)"),
        (["--model", "fast"], 1, "error[unknown-model]: `fast` is not an alias in the manifest"),
        (["--param", "x"], 2, "--param expects K=V"),
        (["--max-tokens", "0"], 2, "0 is not in the range"),
        (["--max-tokens", "9999"], 1, "error[bad-request]: "),
        (["--manifest", "missing.json"], 2, "cannot read the manifest missing.json: No such file or directory"),
        (["--manifest", "genesis.json5"], 2, "not a Genesis manifest"),
        (["--config", "missing.json5"], 2, "cannot read missing.json5: No such file or directory"),
    ],
)
def test_complete_reports_errors(
    arguments: list[str], code: int, message: str, genesis: Genesis, folder: Path, server: FakeVLLM
) -> None:
    write(folder, server)
    done = genesis("complete", "hi", *arguments, env=KEY)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_key_and_no_server(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server)
    wrong = genesis("compile", "-o", "manifest.json", env={"VLLM_API_KEY": "canary-wrong"})
    assert wrong.returncode == 1
    assert (
        f"error[auth-rejected]: {server.base_url}/models answered 401: Unauthorized; the server rejected the key"
        in wrong.stderr
    )
    assert "help: set VLLM_API_KEY to a key that the server accepts" in wrong.stderr
    assert "canary-wrong" not in wrong.stderr

    missing = genesis("compile", "-o", "manifest.json")
    assert missing.returncode == 1
    assert "error[unset-variable]: the variable `VLLM_API_KEY` is not set" in missing.stderr
    assert not (folder / "manifest.json").exists()

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        config = (folder / "genesis.json5").read_text("utf-8").replace(server.base_url, f"http://127.0.0.1:{port}/v1")
        (folder / "genesis.json5").write_text(config, encoding="utf-8")
        gone = genesis("models", "list", env=KEY)
    assert gone.returncode == 1
    assert f"from http://127.0.0.1:{port}/v1/models: connection refused" in gone.stderr


def test_without_an_opt_in_no_request_is_made_and_both_solutions_are_shown(genesis: Genesis) -> None:
    for environment in ({}, {"VLLM_API_KEY": ""}, {"VLLM_API_KEY": "  "}):
        done = genesis("compile", str(FIXTURES / "documented" / "implicit" / "genesis.json5"), env=environment)
        assert (done.returncode, done.stdout) == (1, "")
        assert "error[not-configured]: " in done.stderr
        assert "help: set VLLM_API_KEY to any value" in done.stderr
        assert "or declare models.providers.vllm" in done.stderr


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_standard_output_is_utf_8_whatever_the_locale_says(encoding: str, genesis: Genesis, folder: Path) -> None:
    text = '{ models: { providers: { vllm: { models: [{ id: "llama", name: "Übung …", contextWindow: 4096 }] } } } }'
    (folder / "genesis.json5").write_text(text, encoding="utf-8")
    compiled = genesis("compile", env={**KEY, "PYTHONIOENCODING": encoding})
    assert compiled.stdout == genesis("compile", env=KEY).stdout
    assert "Übung …" in compiled.stdout


@pytest.mark.parametrize("output", ["genesis.json5", "part.json5", "./some.env", "link.json", "genesis.lock.json"])
def test_the_input_is_not_overwritten(output: str, genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_text('{ models: { $include: "part.json5" } } // mine', encoding="utf-8")
    (folder / "part.json5").write_text("{ providers: {} } // mine as well", encoding="utf-8")
    (folder / "some.env").write_text("A=1\n", encoding="utf-8")
    (folder / "link.json").symlink_to("genesis.json5")
    (folder / "genesis.lock.json").write_text('{"lockVersion": 1, "providers": {}}', encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = genesis("compile", "-o", output, "--env-file", "some.env")
    assert done.returncode == 2
    assert f"error: -o {output} would overwrite an input file\n" in done.stderr
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_closed_streams_cause_no_crash(folder: Path) -> None:
    (folder / "genesis.json5").write_bytes(EXPLICIT.read_bytes())
    script = f"{shlex.join(COMMAND)} compile genesis.json5 -o manifest.json <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], cwd=folder, check=False).returncode == 0
    assert (folder / "manifest.json").exists()


ASKING = (
    ["compile"],
    ["compile", "--explain"],
    ["lock"],
    ["lock", "--check"],
    ["models", "list"],
    ["models", "status", "--probe"],
    ["doctor"],
    ["complete", "hello"],
)


def test_without_an_opt_in_no_connection_is_made(genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_bytes((FIXTURES / "documented" / "implicit" / "genesis.json5").read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        environment = implicit_vllm_at(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", folder)
        with (folder / "sitecustomize.py").open("a", encoding="utf-8") as stream:
            stream.write("import genesis_config.net.limits as limits\nlimits.TOTAL_SECONDS = 0.5\n")
        for arguments in ASKING:
            # Whitespace is not a key, and the key of another provider does not count.
            done = genesis(*arguments, env={"VLLM_API_KEY": " ", "OTHER_API_KEY": "canary-7", **environment})
            assert done.returncode == 1
            assert "VLLM_API_KEY is empty, which counts as unset" in done.stdout + done.stderr
            with pytest.raises(BlockingIOError):
                listening.accept()
        # With the opt-in there is a connection, so the test would have noticed one.
        assert genesis("models", "list", env={**KEY, **environment}).returncode == 1
        listening.accept()[0].close()


def test_the_manifest_is_the_same_everywhere(genesis: Genesis, folder: Path, tmp_path: Path) -> None:
    (folder / "genesis.json5").write_bytes(EXPLICIT.read_bytes())
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    environment = {**KEY, "LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "4711"}

    first = genesis("compile", "-o", "manifest.json", env={**KEY, "PYTHONHASHSEED": "1"})
    second = genesis("compile", str(folder / "genesis.json5"), "-o", "out.json", cwd=elsewhere, env=environment)
    third = genesis("compile", "genesis.json5", cwd=folder, env={"VLLM_API_KEY": "another", "LC_ALL": "C"})

    assert (first.returncode, second.returncode, third.returncode) == (0, 0, 0)
    made = (folder / "manifest.json").read_bytes()
    assert made == (elsewhere / "out.json").read_bytes() == third.stdout.encode()
    assert made == (EXPLICIT.parent / "manifest.json").read_bytes()
    assert str(folder).encode() not in made


@pytest.mark.parametrize(
    "command",
    [
        ("check", "--use-env"),
        ("check", "--use-env", "--format", "json"),
        ("check", "--use-env", "--format", "sarif"),
        ("compile", "--explain"),
        ("models", "list"),
        ("models", "status"),
        ("complete", "hi"),
        ("doctor", "--json"),
        ("lock",),
    ],
    ids=" ".join,
)
def test_no_rule_shows_a_key_in_a_plain_position(command: tuple[str, ...], genesis: Genesis, folder: Path) -> None:
    text = """{
      models: { providers: {
        vllm: { baseUrl: "http://h:${VLLM_API_KEY}/v1", apiKey: "${VLLM_API_KEY}", api: "${VLLM_API_KEY}",
          models: [{ id: "${VLLM_API_KEY}", input: ["${VLLM_API_KEY}"] }, { id: "${VLLM_API_KEY}" }] },
        other: { baseUrl: "${VLLM_API_KEY}", models: [{ id: "a" }] },
      } },
      agents: { defaults: {
        model: { primary: "vllm/x-${VLLM_API_KEY}", fallbacks: ["${VLLM_API_KEY}", "${VLLM_API_KEY}/a"] },
        models: { "other/a": { alias: "${VLLM_API_KEY}" }, "other/b": { alias: "${VLLM_API_KEY}" } } } },
    }"""
    (folder / "genesis.json5").write_text(text, encoding="utf-8")
    done = genesis(*command, env=KEY)
    assert done.returncode == 1
    assert "secret" in done.stdout + done.stderr
    assert CANARY not in done.stdout + done.stderr


def test_a_key_in_a_base_url_is_not_shown(genesis: Genesis, folder: Path) -> None:
    provider = f'{{ baseUrl: "http://127.0.0.1:1/{CANARY}/v1", models: [{{ id: "m" }}] }}'
    text = f"{{ models: {{ providers: {{ vllm: {provider} }} }} }}"
    (folder / "genesis.json5").write_text(text, encoding="utf-8")
    for command in (["doctor"], ["doctor", "--json"], ["models", "status"], ["models", "status", "--json"]):
        done = genesis(*command, env=KEY)
        assert done.returncode == 1
        assert "http://127.0.0.1:1/***/v1" in done.stdout
        assert CANARY not in done.stdout + done.stderr


def test_the_key_is_written_only_where_it_was_requested(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server)
    commands = [
        ["check"],
        ["check", "--use-env", "--format", "json"],
        ["compile", "--explain", "-o", "manifest.json"],
        ["compile"],
        ["models", "list"],
        ["models", "list", "--json"],
        ["models", "status", "--probe"],
        ["models", "status", "--probe", "--json"],
        ["lock"],
        ["lock", "--check"],
        ["compile", "--frozen"],
        ["doctor"],
        ["doctor", "--json"],
        ["check", "--use-env", "--format", "sarif", "-o", "findings.sarif"],
        ["complete", "hi"],
        ["complete", "hi", "--json"],
        ["complete", "hi", "--model", "vllm/nope"],
        ["schema", "config"],
        ["explain"],
        ["demo"],
    ]
    for command in commands:
        done = genesis(*command, env=KEY)
        assert CANARY not in done.stdout + done.stderr, command
    assert not any(CANARY.encode() in path.read_bytes() for path in folder.iterdir())

    done = genesis("compile", "--secrets", "inline", "-o", "private.json", env=KEY)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("warning: private.json ")
    assert "(mode 0600)" in done.stderr
    assert CANARY not in done.stderr
    written = folder / "private.json"
    assert json.loads(written.read_bytes())["providers"]["vllm"]["credential"] == {"value": CANARY}
    assert written.stat().st_mode & 0o777 == 0o600
    done = genesis("compile", "--secrets", "inline", env=KEY)
    assert done.stdout.encode() == written.read_bytes()
    assert done.stderr.startswith("warning: standard output ")
    assert CANARY not in done.stderr


def test_an_error_writes_nothing_and_keeps_existing_files(genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_text("{ models: { provider: 1 } }", encoding="utf-8")
    (folder / "manifest.json").write_text("old", encoding="utf-8")
    done = genesis("compile", "-o", "manifest.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert (folder / "manifest.json").read_text("utf-8") == "old"


def test_an_unwritable_directory(genesis: Genesis, folder: Path) -> None:
    done = genesis("compile", str(EXPLICIT), "-o", "missing/manifest.json", env=KEY)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "missing/manifest.json: No such file or directory\n" in done.stderr
    assert not list(folder.iterdir())


def test_a_single_provider(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server)
    config = (folder / "genesis.json5").read_text("utf-8")
    other = 'pool: { baseUrl: "http://pool.internal/v1", models: [{ id: "a" }] }, vllm: {'
    (folder / "genesis.json5").write_text(config.replace("vllm: {", other, 1), encoding="utf-8")
    manifest = json.loads(genesis("compile", "--provider", "pool", env=KEY).stdout)
    assert list(manifest["providers"]) == ["pool"]
    assert manifest["selection"]["primary"] is None
    assert server.requests == []


def test_where_the_configuration_is_found(genesis: Genesis, folder: Path, tmp_path: Path) -> None:
    assert "no genesis.json5 or genesis.json in ." in genesis("compile").stderr
    named = genesis("compile", env={**KEY, "GENESIS_CONFIG": str(EXPLICIT)})
    assert named.returncode == 0
    config_home = tmp_path / "config" / "genesis"
    config_home.mkdir(parents=True)
    (config_home / "genesis.json").write_text("{}", encoding="utf-8")
    compiled = genesis("compile", env={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert json.loads(compiled.stdout)["source"]["path"] == "genesis.json"
    (folder / "genesis.json5").write_bytes(EXPLICIT.read_bytes())
    here = genesis("compile", env={**KEY, "XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert json.loads(here.stdout)["source"]["path"] == "genesis.json5"


def test_a_profile_alone_opts_in_and_its_key_is_used(
    genesis: Genesis, folder: Path, tmp_path: Path, server: FakeVLLM
) -> None:
    write(folder, server)
    config = (folder / "genesis.json5").read_text("utf-8").replace('apiKey: "${VLLM_API_KEY}", ', "")
    (folder / "genesis.json5").write_text(config, encoding="utf-8")
    store = tmp_path / "config" / "genesis" / "auth-profiles.json"
    store.parent.mkdir(parents=True)
    profile = {"provider": "vllm", "kind": "api_key", "key": CANARY}
    store.write_text(json.dumps({"version": 1, "profiles": {"vllm:default": profile}}), encoding="utf-8")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}

    open_store = genesis("compile", env=environment)
    assert open_store.returncode == 2
    assert f"run `chmod 600 {store}`" in open_store.stderr
    # A key in a variable takes precedence over the profile.
    assert genesis("compile", env={**environment, **KEY}).returncode == 0

    store.chmod(0o600)
    done = genesis("compile", env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["providers"]["vllm"]["credential"] == {"profile": "vllm:default"}
    completed = genesis("complete", "hi", env=environment)
    assert (completed.returncode, completed.stdout) == (0, "Hello, world.")
    assert CANARY not in done.stdout + completed.stderr


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_interrupted(number: signal.Signals, folder: Path) -> None:
    answer = Answer(tuple(f"{piece} " for piece in range(1000)))
    with serving((ServedModel("llama", max_model_len=4096),), answer=answer, chunk_delay=0.02) as server:
        write(folder, server)
        with subprocess.Popen(
            [*COMMAND, "complete", "hi"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **KEY},
            cwd=folder,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.read(4) == b"0 1 "
            process.send_signal(number)
            assert process.wait(30) == 130
            assert process.stderr.read().strip() == b"error: interrupted"
        deadline = time.monotonic() + 30
        while not server.aborted and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.aborted == 1


def test_a_closed_pipe_ends_the_stream(folder: Path) -> None:
    answer = Answer(tuple(f"{piece} " for piece in range(1000)))
    with serving((ServedModel("llama", max_model_len=4096),), answer=answer, chunk_delay=0.01) as server:
        write(folder, server)
        with subprocess.Popen(
            [*COMMAND, "complete", "hi"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **KEY},
            cwd=folder,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(1)
            process.stdout.close()
            assert process.wait(30) == 1
            assert process.stderr.read() == b""


def test_demo_exits_and_leaves_nothing_behind(genesis: Genesis, folder: Path) -> None:
    done = genesis("demo", env=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("The configuration", "vllm: explicit, models queried from", "tiny-llama: 2048 tokens", "usage: "):
        assert part in done.stdout
    assert not list(folder.iterdir())
    running = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert f"{sys.executable} -m genesis_config.testing" not in running
