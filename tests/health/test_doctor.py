"""`genesis doctor`: each failure is reported at its own step, with help and without secrets."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.config import views
from genesis_config.config.defaults import IMPLICIT_PROVIDERS
from genesis_config.config.expansion import Layer, Variables
from genesis_config.config.views import ModelEntry
from genesis_config.credentials.profiles import Profile
from genesis_config.health.doctor import Examination, examine
from genesis_config.net import limits
from genesis_config.resolve.credentials import Credentials
from genesis_config.testing import ServedModel, serving
from tests.runtime.support import Exchange, raw_server
from tests.support import compile_config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from genesis_config.testing import FakeVLLM

TLS = Path(__file__).parent.parent / "data" / "tls"
KEY = "canary-51aa"
STEPS = [
    "configuration",
    "references",
    "decision",
    "credential",
    "name",
    "connection",
    "encryption",
    "models",
    "authentication",
    "selection",
    "context window",
    "completion",
]


def keys(**variables: str) -> Credentials:
    return Credentials(Variables((Layer("the environment", variables),), complete=True), {})


def config(url: str, models: str = "", selection: str = "vllm/llama", more: str = "") -> str:
    wildcard = '"vllm/*": {}' if not models else ""
    return f"""{{
      models: {{ providers: {{ vllm: {{
        baseUrl: "{url}", apiKey: "${{VLLM_API_KEY}}", models: [{models}], {more}
      }} }} }},
      agents: {{ defaults: {{ model: "{selection}", models: {{ {wildcard} }} }} }},
    }}"""


def examined(text: str, given: Credentials | None = None, only: str | None = None) -> list[Examination]:
    given = given or keys(VLLM_API_KEY=KEY)
    examinations = examine(compile_config("genesis.json5", text.encode(), given, purpose="doctor", only=only))
    for examination in examinations:
        assert [step.name for step in examination.steps] == (STEPS if examination.provider else STEPS[:2])
        assert KEY not in repr(examination)
    return examinations


def ending(text: str, given: Credentials | None = None) -> tuple[str, str, str]:
    """Return the name, message and help of the step that failed."""
    (only,) = examined(text, given)
    outcomes = [step.outcome for step in only.steps]
    assert only.failed
    last = outcomes.index("failed")
    assert set(outcomes[:last]) <= {"ok", "warning"}
    assert set(outcomes[last + 1 :]) <= {"skipped"}
    step = only.steps[last]
    return step.name, step.message, step.help


@pytest.fixture
def server() -> Iterator[FakeVLLM]:
    with serving([ServedModel("llama", max_model_len=2048), ServedModel("other")], api_key=KEY) as running:
        yield running


@pytest.fixture
def closed() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_all_steps_pass(server: FakeVLLM) -> None:
    (only,) = examined(config(server.base_url))
    assert not only.failed
    assert {step.name: (step.outcome, step.message) for step in only.steps} | {"connection": ("ok", "")} == {
        "configuration": ("ok", "genesis.json5 has no errors"),
        "references": ("ok", "`VLLM_API_KEY` has a value"),
        "decision": (
            "ok",
            'explicit: models.providers.vllm is defined, and "vllm/*" in agents.defaults.models keeps it dynamic',
        ),
        "credential": ("ok", "VLLM_API_KEY"),
        "name": ("ok", "127.0.0.1 is an IP address"),
        "connection": ("ok", ""),
        "encryption": ("ok", "not used (http)"),
        "models": ("ok", "the server lists `llama`, `other`"),
        "authentication": ("ok", "key accepted, or no key required"),
        "selection": ("ok", "`vllm/llama` is selected and served"),
        "context window": ("ok", "2048 tokens, reported by the server"),
        "completion": ("ok", "streamed a token; usage: 5 input + 1 output tokens"),
    }


def test_configuration_with_errors() -> None:
    (only,) = examined("{ models: { providers: { vllm: { modles: [1], } }, x: } }")
    assert only.provider == ""
    assert only.steps[0].outcome == "failed"
    assert only.steps[0].message.startswith("genesis.json5:1:")
    assert only.steps[0].message.endswith("; 1 more")
    assert only.steps[0].help.endswith("run `genesis check` to see it in the source")
    assert only.steps[1].outcome == "skipped"


def test_reference_without_a_value() -> None:
    (only,) = examined('{ models: { providers: { vllm: { baseUrl: "http://${HOST}/v1", models: [{ id: "m" }] } } } }')
    assert [step.outcome for step in only.steps] == ["ok", "failed"]
    assert "`HOST` is not set" in only.steps[1].message
    assert "--env-file" in only.steps[1].help


def test_provider_without_opt_in() -> None:
    assert ending("{ agents: { defaults: { model: 'vllm/m' } } }", keys(VLLM_API_KEY=" ")) == (
        "decision",
        (
            "not configured: models.providers.vllm is not defined, VLLM_API_KEY is empty, which counts as unset, "
            "and there is no auth profile for it"
        ),
        (
            "set VLLM_API_KEY to any value to discover the models at http://127.0.0.1:8000/v1, "
            "or declare models.providers.vllm"
        ),
    )


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ('"${VLLM_API_KEY}"', "the variable `VLLM_API_KEY` is not set"),
        ('{ source: "file", path: "FOLDER/gone" }', "which does not exist"),
        ('{ source: "file", path: "FOLDER" }', "which is a directory"),
        ('{ source: "file", path: "FOLDER/empty" }', "which is empty"),
        ('{ source: "file", path: "FOLDER/large" }', "which is larger than 64 KiB"),
        ('{ source: "file", path: "FOLDER/binary" }', "which is not valid UTF-8"),
        ('{ source: "file", path: "FOLDER/pipe" }', "which is not a regular file"),
    ],
)
def test_key_without_a_value(stated: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "pipe")
    text = config("http://127.0.0.1:1/v1").replace('"${VLLM_API_KEY}"', stated.replace("FOLDER", str(tmp_path)))
    name, said, help_ = ending(text, keys())
    assert name == "credential"
    assert message in said
    assert help_


@pytest.mark.parametrize("value", ["", "  "])
def test_blank_key(value: str) -> None:
    name, said, help_ = ending(config("http://127.0.0.1:1/v1"), keys(VLLM_API_KEY=value))
    assert name == "credential"
    assert "the variable `VLLM_API_KEY` is empty" in said
    assert help_ == "set VLLM_API_KEY to a non-empty value"


def test_unknown_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert ending(config("http://no-such-host.example/v1"))[:2] == (
        "name",
        "no-such-host.example: host name not found",
    )
    # A label of more than 63 characters is not valid, so no name server is queried.
    monkeypatch.undo()
    assert ending(config(f"http://{'a' * 64}.example/v1"))[0] == "name"


def test_connection_refused(closed: int) -> None:
    assert ending(config(f"http://127.0.0.1:{closed}/v1")) == (
        "connection",
        f"127.0.0.1:{closed}: connection refused",
        f"start the server or correct `baseUrl`; check with `curl http://127.0.0.1:{closed}/v1/models`",
    )


def test_connection_refused_at_the_default_address(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(IMPLICIT_PROVIDERS, "vllm", f"http://127.0.0.1:{closed}/v1")
    name, _, help_ = ending("{ agents: { defaults: { model: 'vllm/m' } } }")
    assert name == "connection"
    assert "declare the provider with its `baseUrl`" in help_
    assert '"vllm/*": {}' in help_


def test_unreachable_proxy(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:hunter2@127.0.0.1:{closed}")
    (only,) = examined(config("http://models.example/v1"))
    said = {step.name: step.message for step in only.steps}
    assert said["name"] == f"the proxy http://127.0.0.1:{closed}: 127.0.0.1 is an IP address"
    assert said["connection"].endswith(f"the proxy http://127.0.0.1:{closed}: connection refused")
    assert "hunter2" not in repr(only)


@pytest.mark.parametrize("url", ["http://[", "http://127.0.0.1:99999", "socks5://127.0.0.1:1"])
def test_unusable_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)
    name, message, help_ = ending(config("http://models.example/v1"))
    assert name == "name"
    assert "HTTP_PROXY" in message
    assert "HTTP_PROXY" in help_


def over(url: str, scheme: str) -> str:
    return url.replace("http://", f"{scheme}://")


def test_server_without_tls(server: FakeVLLM) -> None:
    name, message, help_ = ending(config(over(server.base_url, "https")))
    assert name == "encryption"
    assert "TLS handshake failed: the server does not use TLS" in message
    assert help_.startswith("correct the scheme in `baseUrl`")


def answered(answer: Callable[[Exchange], Awaitable[None]], tls: ssl.SSLContext | None = None, **options: Any) -> Any:
    """Return the `ending` against a server that answers every request with `answer`."""

    async def run() -> Any:
        async with raw_server(answer, tls=tls) as running:
            return await asyncio.to_thread(ending, config(running.base_url, **options))

    return asyncio.run(run())


def saying(body: bytes, status: bytes = b"200 OK") -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    return answer


def test_untrusted_certificate() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    name, message, help_ = answered(saying(b"{}"), tls=context)
    assert (name, message.partition(": ")[2]) == (
        "encryption",
        "TLS handshake failed: certificate not trusted: self-signed certificate",
    )
    assert "SSL_CERT_FILE" in help_


def test_server_is_not_an_llm_server() -> None:
    name, message, help_ = answered(saying(b"<html>"))
    assert name == "models"
    assert message.endswith("answered with an HTML page instead of a model list")
    assert help_


def test_empty_model_list() -> None:
    name, message, help_ = answered(saying(b'{"data": []}'))
    assert (name, help_) == ("models", "start the server of `vllm` with a model")
    assert message.endswith("returned an empty model list")


def test_wrong_key(server: FakeVLLM) -> None:
    name, message, help_ = ending(config(server.base_url), keys(VLLM_API_KEY="wrong-key"))
    assert name == "authentication"
    assert message.endswith("answered 401: Unauthorized; the server rejected the key")
    assert help_ == "set VLLM_API_KEY to a key that the server accepts (vLLM: the value of its --api-key)"


def test_missing_key(server: FakeVLLM) -> None:
    text = config(server.base_url).replace('"${VLLM_API_KEY}"', '""')
    name, message, help_ = ending(text)
    assert name == "authentication"
    assert message.endswith("no key was sent")
    assert "VLLM_API_KEY" in help_


def test_selected_model_is_not_served(server: FakeVLLM) -> None:
    assert ending(config(server.base_url, selection="vllm/lama")) == (
        "selection",
        "`vllm/lama` is selected, but the server does not serve it",
        "did you mean `vllm/llama`?",
    )
    declared = config(
        server.base_url, models='{ id: "nothing-like-it", contextWindow: 9 }', selection="vllm/nothing-like-it"
    )
    assert ending(declared)[2] == "the server offers `llama`, `other`"


def test_declared_model_is_not_served(server: FakeVLLM) -> None:
    models = '{ id: "llama", contextWindow: 9 }, { id: "gone", contextWindow: 9 }'
    (only,) = examined(config(server.base_url, models=models))
    step = only.steps[STEPS.index("selection")]
    assert step.outcome == "warning"
    assert "`vllm/gone`" in step.message
    assert not only.failed


def test_window_larger_than_the_servers(server: FakeVLLM) -> None:
    (only,) = examined(config(server.base_url, models='{ id: "llama", contextWindow: 4096 }'))
    step = only.steps[STEPS.index("context window")]
    assert step.outcome == "warning"
    assert step.message.startswith("`models.providers.vllm.models[0].contextWindow` is 4096")
    assert "2048 tokens" in step.message
    assert not only.failed
    name, message, help_ = ending(
        config(server.base_url, models='{ id: "llama", contextWindow: 4096, maxTokens: 2048 }')
    )
    assert name == "context window"
    assert message.endswith("is 2048, but the server's window is 2048 tokens: every request will fail with 400")
    assert help_ == "set it below 2048"


SMALL = ServedModel("small", max_model_len=1024)


@pytest.mark.parametrize(
    ("models", "selection", "outcome", "message"),
    [
        # An earlier warning does not hide the failure of a selected model.
        (
            '{ id: "llama", contextWindow: 4096 }, { id: "small", contextWindow: 4096, maxTokens: 1024 }',
            "vllm/small",
            "failed",
            "`models.providers.vllm.models[1].maxTokens` is 1024, but the server's window is 1024 tokens",
        ),
        # A model that is not selected only gives a warning.
        (
            '{ id: "llama", contextWindow: 2048 }, { id: "small", contextWindow: 4096, maxTokens: 1024 }',
            "vllm/llama",
            "warning",
            "`models.providers.vllm.models[1].maxTokens` is 1024, but the server's window is 1024 tokens",
        ),
        (
            '{ id: "llama", contextWindow: 2048, params: { max_tokens: 5000 } }',
            "vllm/llama",
            "failed",
            "the params of `vllm/llama` set its token limit to 5000, but the server's window is 2048 tokens",
        ),
        (
            '{ id: "llama", contextWindow: 2048, maxTokens: 2048, params: { max_tokens: 5 } }',
            "vllm/llama",
            "ok",
            "2048 tokens, set by the configuration",
        ),
        # A LoRA adapter has the window of its base model.
        (
            '{ id: "adapter", contextWindow: 4096, maxTokens: 1024 }',
            "vllm/adapter",
            "failed",
            "`models.providers.vllm.models[0].maxTokens` is 1024, but the server's window is 1024 tokens",
        ),
    ],
)
def test_token_limit_of_selected_and_other_models(models: str, selection: str, outcome: str, message: str) -> None:
    adapter = ServedModel("adapter", parent="small", max_model_len=None)
    with serving([ServedModel("llama", max_model_len=2048), SMALL, adapter], api_key=KEY) as running:
        (only,) = examined(config(running.base_url, models=models, selection=selection))
    step = only.steps[STEPS.index("context window")]
    assert step.outcome == outcome
    assert step.message.removesuffix(": every request will fail with 400") == message
    assert only.steps[-1].outcome == ("skipped" if outcome == "failed" else "ok")


def test_declared_models_are_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []

    class CountedEntry(ModelEntry):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            listed.append(self.id)

    monkeypatch.setattr(views, "ModelEntry", CountedEntry)
    served = [ServedModel(f"m{number}", max_model_len=1024) for number in range(9)]
    models = ", ".join(f'{{ id: "{model.id}", contextWindow: 4096 }}' for model in served)
    with serving(served, api_key=KEY) as running:
        (only,) = examined(config(running.base_url, models=models, selection="vllm/m8"))
    step = only.steps[STEPS.index("context window")]
    assert step.message.startswith("`models.providers.vllm.models[8].contextWindow` is 4096")
    assert "1024 tokens" in step.message
    assert sorted(listed) == [model.id for model in served]


def test_token_limit_in_the_params_of_the_selection(server: FakeVLLM) -> None:
    text = config(server.base_url).replace(
        '"vllm/*": {}', '"vllm/*": {}, "vllm/llama": { params: { max_tokens: 4096 } }'
    )
    assert ending(text)[:2] == (
        "context window",
        (
            "the params of `vllm/llama` set its token limit to 4096, but the server's window is 2048 tokens: "
            "every request will fail with 400"
        ),
    )


def test_stalled_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genesis_config.health.probe._DEADLINE_SECONDS", 0.3)

    async def answer(exchange: Exchange) -> None:
        if exchange.request.method == "GET":
            await saying(b'{"data": [{"id": "llama"}]}')(exchange)
        else:
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            await asyncio.Event().wait()

    name, message, help_ = answered(answer)
    assert name == "completion"
    assert message.startswith("`vllm/llama` did not complete")
    assert message.endswith("within 0.3 seconds")
    assert help_


def test_ipv6_address_is_in_brackets() -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        port = taken.getsockname()[1]
        assert ending(config(f"http://[::1]:{port}/v1"))[:2] == ("connection", f"[::1]:{port}: connection refused")


def test_failed_completion() -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.request.method == "GET":
            await saying(b'{"data": [{"id": "llama"}]}')(exchange)
        else:
            await saying(b'{"error": {"message": "no more %s"}}' % KEY.encode(), b"500 Oops")(exchange)

    name, message, _ = answered(answer)
    assert name == "completion"
    assert "500" in message
    assert "***" in message


def test_server_without_a_model_list() -> None:
    async def answer(exchange: Exchange) -> None:
        await saying(b"{}", b"404 Not Found")(exchange)

    async def run() -> list[Examination]:
        async with raw_server(answer) as running:
            return await asyncio.to_thread(
                examined, config(running.base_url, models='{ id: "llama", contextWindow: 9 }')
            )

    (only,) = asyncio.run(run())
    outcomes = {step.name: step.outcome for step in only.steps}
    assert (outcomes["models"], outcomes["selection"], outcomes["completion"]) == ("warning", "ok", "failed")


def test_several_providers(server: FakeVLLM, closed: int) -> None:
    text = f"""{{ models: {{ providers: {{
      a: {{ baseUrl: "{server.base_url}", models: [{{ id: "llama", contextWindow: 64 }}] }},
      b: {{ baseUrl: "http://127.0.0.1:{closed}/v1", models: [{{ id: "m", contextWindow: 64 }}] }},
    }} }} }}"""
    given = keys(A_API_KEY=KEY)
    assert [(examination.provider, examination.failed) for examination in examined(text, given)] == [
        ("a", False),
        ("b", True),
    ]
    assert [examination.provider for examination in examined(text, given, only="b")] == ["b"]


def test_key_from_a_missing_profile(server: FakeVLLM, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    given = Credentials(keys().variables, {"vllm:work": Profile("vllm", "api_key", KEY)})
    # The store that the keys were read from no longer exists.
    text = config(server.base_url).replace('apiKey: "${VLLM_API_KEY}",', "")
    name, message, _ = ending(text, given)
    assert name == "credential"
    assert message.startswith("genesis.json5:3:18: ")
    assert "auth profile vllm:work" in message


def test_tls_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert ending(config(f"https://127.0.0.1:{port}/v1"))[:2] == (
            "encryption",
            (
                f"127.0.0.1:{port}: "
                "the server accepted the connection but did not complete a TLS handshake within 0.2 seconds"
            ),
        )
