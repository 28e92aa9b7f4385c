"""Findings about servers, and about the selection after they were queried."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING

import pytest

from genesis_config.config.defaults import DEFAULT_BASE_URL, IMPLICIT_PROVIDERS
from genesis_config.config.expansion import Layer, Variables
from genesis_config.credentials import profiles
from genesis_config.resolve import queries
from genesis_config.resolve.credentials import Credentials
from genesis_config.testing import ServedModel, serving
from tests.runtime.support import Exchange, raw_server
from tests.support import compile_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.pipeline import Session

LLAMA = ServedModel("llama", max_model_len=2048)


def compiled(text: str, **variables: str) -> Session:
    keys = Credentials(Variables((Layer("the environment", variables),), complete=True), {})
    return compile_config("genesis.json5", text.encode(), keys)


def underlined(finding: Diagnostic) -> str | None:
    return finding.span.source.text[finding.span.start : finding.span.end] if finding.span else None


def dynamic(base_url: str, *, stated: str = "", models: str = "", selection: str = "") -> str:
    return f"""{{
      models: {{ providers: {{ vllm: {{ baseUrl: "{base_url}", {stated} models: [{models}] }} }} }},
      agents: {{ defaults: {{ {selection} models: {{ "vllm/*": {{}} }} }} }},
    }}"""


@pytest.fixture
def closed() -> Iterator[str]:
    """Return the base URL of a bound port that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_unreachable_declared_server_is_an_error_at_its_base_url(closed: str) -> None:
    done = compiled(dynamic(closed))
    (finding,) = done.diagnostics
    assert done.manifest is None
    assert (finding.rule, finding.severity) == ("server-unreachable", "error")
    assert "`vllm`" in finding.message
    assert finding.message.endswith(f" {closed}/models: connection refused")
    assert underlined(finding) == f'"{closed}"'
    assert finding.help is not None
    assert "`baseUrl`" in finding.help
    assert f"`curl {closed}/models`" in finding.help


@pytest.mark.parametrize(
    ("text", "severity", "place"),
    [
        ("{}", "warning", None),
        ('{ agents: { defaults: { model: "pool/m" } }, models: { providers: { pool: POOL } } }', "warning", None),
        ('{ agents: { defaults: { model: "vllm/m" } } }', "error", '"vllm/m"'),
        ('{ agents: { defaults: { model: "${P}/m" } } }', "error", '"${P}/m"'),
        ('{ agents: { defaults: { model: { fallbacks: ["vllm/a", "vllm/b"] } } } }', "error", '"vllm/a"'),
        ('{ agents: { defaults: { models: { "vllm/*": {} } } } }', "error", '"vllm/*"'),
        ("{ agents: { defaults: { models: { 'vllm/m': { alias: 'x' } } } } }", "error", "'vllm/m'"),
        ('{ agents: { defaults: { models: { "vllm/m": {} }, model: "vllm/z" } } }', "error", '"vllm/z"'),
    ],
)
def test_unreachable_undeclared_server_is_an_error_only_if_named(
    text: str, severity: str, place: str | None, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(IMPLICIT_PROVIDERS, "vllm", closed)
    pool = '{ baseUrl: "http://127.0.0.1:1/v1", models: [{ id: "m", contextWindow: 9000 }] }'
    done = compiled(text.replace("POOL", pool), VLLM_API_KEY="k", P="vllm")
    (finding,) = done.diagnostics
    assert (finding.rule, finding.severity, underlined(finding)) == ("server-unreachable", severity, place)
    assert [made.provider for made in done.decisions.every if made.models_from == "server"] == ["vllm"]
    if severity == "warning":
        assert done.manifest is not None
        assert "vllm" not in done.manifest.providers
    else:
        assert done.manifest is None


def test_help_at_the_default_address(monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    monkeypatch.setattr(queries, "DEFAULT_BASE_URL", closed)
    (finding,) = compiled(dynamic(closed)).diagnostics
    assert finding.help is not None
    assert "`vllm serve MODEL`" in finding.help
    assert "`models.providers.vllm.baseUrl`" in finding.help
    assert DEFAULT_BASE_URL == "http://127.0.0.1:8000/v1"


def test_invalid_key_is_reported_at_the_reference(monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    monkeypatch.setitem(IMPLICIT_PROVIDERS, "vllm", closed)
    for text, place in (("{}", None), ('{ agents: { defaults: { model: "vllm/m" } } }', '"vllm/m"')):
        done = compiled(text, VLLM_API_KEY="canary\n9d")
        (finding,) = done.diagnostics
        assert (finding.rule, finding.severity, underlined(finding)) == ("unset-variable", "error", place)
        assert "`vllm`" in finding.message
        assert "control character" in finding.message
        assert "canary" not in finding.message
        assert "printf" in (finding.help or "")
        assert done.manifest is None


def test_each_missing_value_is_reported_at_its_place(closed: str) -> None:
    stated = 'apiKey: { source: "file", path: "/missing/key" }, headers: { A: "${BAD}", B: "fine", C: "${WORSE}" },'
    done = compiled(dynamic(closed, stated=stated), BAD="a\x00b", WORSE="a\rb")
    assert [underlined(finding) for finding in done.diagnostics] == [
        '{ source: "file", path: "/missing/key" }',
        '"${BAD}"',
        '"${WORSE}"',
    ]
    assert [finding.message.partition(" contains ")[0] for finding in done.diagnostics] == [
        "the key of `vllm` needs the file /missing/key, which does not exist",
        "`models.providers.vllm.headers.A`",
        "`models.providers.vllm.headers.C`",
    ]


def asked(body: object, status: str, text: str, **variables: str) -> Session:
    """Compile `text`, in which BASE is the URL of a server that answers every request with this body."""

    async def answer(exchange: Exchange) -> None:
        await exchange.whole(status, "application/json", json.dumps(body).encode())

    async def run() -> Session:
        async with raw_server(answer) as server:
            return await asyncio.to_thread(compiled, text.replace("BASE", server.base_url), **variables)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("stated", "echoed", "shown"),
    [
        ('apiKey: "${SECRET}",', "no canary-1f-9e here", "no *** here"),
        ('apiKey: "id-${SECRET}-${OTHER}",', "canary-1f-9e or canary-22", "*** or ***"),
        ('apiKey: "${GONE:-x}",', "a key like x is taken", "a key like x is taken"),  # a marker is not a key
        ('headers: { "X-Api-Key": "${SECRET}" },', "got canary-1f-9e", "got ***"),
        ('headers: { Authorization: "Bearer ${SECRET}" },', "unknown token canary-1f-9e", "unknown token ***"),
        ('headers: { Authorization: "Bearer ${SECRET}" },', "got Bearer canary-1f-9e", "got ***"),
        ('headers: { Authorization: "${WHOLE}" },', "unknown token canary-in-it", "unknown token ***"),
        ('headers: { Cookie: "session=${SECRET}; x=${OTHER}" },', "canary-1f-9e, canary-22", "***, ***"),
        ('apiKey: "${SPACED}",', "not canary 5c!", "not ***!"),
        ('headers: { "X-Gateway": "Zk9-canary_5t" },', "no route to Zk9-canary_5t", "no route to ***"),
        ('headers: { "X-Gateway": "Zk9 canary_5t" },', "no route to Zk9%20canary_5t", "no route to ***"),
        ('headers: { "X-Api-Key": "EMPTY" },', "EMPTY is not a key", "EMPTY is not a key"),
        ('headers: { "X-Team": "gateway" },', "the gateway is down", "the gateway is down"),
        ('headers: { "X-Team": "a1-b2" },', "a1-b2 is down", "a1-b2 is down"),
        ('headers: { "X-Team": "ollama" },', "ollama is down", "ollama is down"),
        ('headers: { Accept: "application/json" },', "send application/json", "send application/json"),
        (
            'headers: { Accept: "text/plain; charset=utf-8" },',
            "send text/plain; charset=utf-8",
            "send text/plain; charset=utf-8",
        ),
    ],
)
def test_echoed_keys_and_headers_are_redacted(stated: str, echoed: str, shown: str) -> None:
    variables = {
        "SECRET": "canary-1f-9e",
        "OTHER": "canary-22",
        "SPACED": " canary   5c ",
        "WHOLE": "Bearer canary-in-it",
    }
    done = asked({"error": echoed}, "401 Unauthorized", dynamic("BASE", stated=stated), **variables)
    (finding,) = done.diagnostics
    assert finding.rule == "auth-rejected"
    assert finding.message.partition("/v1/models answered 401: ")[2].startswith(f"{shown}; ")
    assert "canary" not in repr(finding._replace(span=None))


@pytest.mark.parametrize(
    ("stated", "is_sent"),
    [
        ('apiKey: "${SECRET}",', True),
        ('headers: { "X-Api-Key": "${SECRET}" },', True),
        ('headers: { "X-Gateway": "Zk9-canary_5t" },', False),
        ("", False),
    ],
)
def test_literal_header_is_not_taken_for_a_key(stated: str, *, is_sent: bool) -> None:
    done = asked({"error": "no"}, "401 Unauthorized", dynamic("BASE", stated=stated), SECRET="canary-1f-9e")
    assert ("rejected the key" in done.diagnostics[0].message) == is_sent


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ("", "set VLLM_API_KEY to"),
        ('apiKey: "${POOL_TOKEN}",', "set POOL_TOKEN to"),
        ('apiKey: { source: "env", id: "POOL_TOKEN" },', "set POOL_TOKEN to"),
        ('headers: { authorization: "Basic ${POOL_TOKEN}" },', "set POOL_TOKEN to"),
        ('apiKey: { source: "file", path: "FILE" },', "replace the content of FILE with"),
        ('apiKey: "EMPTY",', "replace the literal key with `${VLLM_API_KEY}`, and set VLLM_API_KEY to"),
        ('apiKey: "",', "replace the literal key with `${VLLM_API_KEY}`, and set VLLM_API_KEY to"),
    ],
)
def test_help_for_a_rejected_key_names_its_source(stated: str, words: str, tmp_path: Path) -> None:
    file = str(tmp_path / "key")
    (tmp_path / "key").write_text("in-a-file", encoding="utf-8")
    with serving((LLAMA,), api_key="another") as server:
        (finding,) = compiled(dynamic(server.base_url, stated=stated.replace("FILE", file)), POOL_TOKEN="t").diagnostics
    assert finding.rule == "auth-rejected"
    assert finding.help is not None
    assert finding.help.startswith(f"{words.replace('FILE', file)} ")
    assert "--api-key" in finding.help


def test_help_for_a_rejected_profile_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    store = tmp_path / "genesis" / "auth-profiles.json"
    store.parent.mkdir()
    store.touch(mode=0o600)
    store.write_text('{"version": 1, "profiles": {"vllm:w": {"provider": "vllm", "kind": "api_key", "key": "k"}}}')
    keys = Credentials(Variables((), complete=True), profiles.read_profiles(str(store)))
    with serving((LLAMA,), api_key="another") as server:
        (finding,) = compile_config("genesis.json5", dynamic(server.base_url).encode(), keys).diagnostics
    assert finding.rule == "auth-rejected"
    assert finding.help is not None
    assert "auth profile vllm:w " in finding.help
    assert "--api-key" in finding.help


@pytest.mark.parametrize(("bad", "words"), [(1, "1 model"), (3, "3 models")])
def test_unusable_rows_are_a_warning(bad: int, words: str) -> None:
    data = [{"id": "ok"}, *[{"id": f"\x1b{number}"} for number in range(bad)]]
    done = asked({"data": data}, "200 OK", dynamic("BASE"))
    (finding,) = done.diagnostics
    assert (finding.rule, finding.severity) == ("bad-model-list", "warning")
    assert finding.message.endswith(f"/v1/models lists {words} without a usable id, which Genesis ignores")
    assert done.manifest is not None
    assert [model.id for model in done.manifest.providers["vllm"].models] == ["ok"]


def test_empty_model_list_is_an_error_despite_declared_models() -> None:
    done = asked({"data": []}, "200 OK", dynamic("BASE", models='{ id: "mine", contextWindow: 9000 }'))
    assert [(finding.rule, finding.severity) for finding in done.diagnostics] == [("no-models-discovered", "error")]
    assert done.manifest is None


def test_references_are_checked_against_the_model_list() -> None:
    selection = 'model: { primary: "vllm/lama", fallbacks: ["vllm/llama", "vllm/mine", "vllm/quite-another"] },'
    with serving((LLAMA,)) as server:
        done = compiled(dynamic(server.base_url, models='{ id: "mine", contextWindow: 9000 }', selection=selection))
    assert [(finding.rule, underlined(finding)) for finding in done.diagnostics] == [
        ("unknown-model", '"vllm/lama"'),
        ("unknown-model", '"vllm/quite-another"'),
    ]
    for finding, suggestion in zip(done.diagnostics, ("`vllm/llama`", "`llama`, `mine`"), strict=True):
        assert suggestion in (finding.help or "")
    assert done.manifest is None


def test_selection_keys_are_references() -> None:
    with serving((LLAMA,)) as server:
        text = dynamic(server.base_url).replace('"vllm/*": {}', '"vllm/*": {}, "vllm/gone": { alias: "x" }')
        (finding,) = compiled(text).diagnostics
    assert (finding.rule, underlined(finding)) == ("unknown-model", '"vllm/gone"')
    assert "`vllm/gone` in `agents.defaults.models`" in finding.message


def test_every_reference_without_an_opt_in_names_both_fixes() -> None:
    text = '{ agents: { defaults: { model: { primary: "vllm/a", fallbacks: ["vllm/b/c"] } } } }'
    done = compiled(text, OTHER="x")
    assert [(finding.rule, finding.severity, underlined(finding)) for finding in done.diagnostics] == [
        ("not-configured", "error", '"vllm/a"'),
        ("not-configured", "error", '"vllm/b/c"'),
    ]
    assert done.diagnostics[1].message.startswith("`agents.defaults.model.fallbacks[0]` uses the provider `vllm`")
    help_ = done.diagnostics[1].help
    assert help_ is not None
    for named in ("VLLM_API_KEY", "http://127.0.0.1:8000/v1", "models.providers.vllm"):
        assert named in help_


def test_single_provider_compiles_without_opt_in_to_others() -> None:
    text = """{
      models: { providers: { pool: { baseUrl: "http://10.0.0.5/v1", models: [{ id: "m", contextWindow: 9000 }] } } },
      agents: { defaults: { model: { primary: "pool/m", fallbacks: ["vllm/a"] } } },
    }"""
    keys = Credentials(Variables((), complete=True), {})
    alone = compile_config("genesis.json5", text.encode(), keys, only="pool")
    assert alone.diagnostics == []
    assert [finding.rule for finding in compiled(text).diagnostics] == ["not-configured"]
    other = compile_config("genesis.json5", text.encode(), keys, only="vllm")
    assert [finding.rule for finding in other.diagnostics] == ["not-configured"]


ADAPTER = ServedModel("lora", parent="llama")


@pytest.mark.parametrize(
    ("declared", "limit", "window"),
    [
        ('{ id: "llama", maxTokens: 2048 }', None, ""),
        ('{ id: "llama", maxTokens: 2049, contextWindow: 4096 }', None, ""),
        ('{ id: "elsewhere", maxTokens: 128000 }', None, ""),
        ('{ id: "llama", maxTokens: 2049 }', 2049, "2048 tokens reported by the server"),
        ('{ id: "lora", maxTokens: 4096 }', 4096, "2048 tokens reported by the server for its base model"),
        ('{ id: "elsewhere", maxTokens: 128001 }', 128001, "128000 tokens (the default)"),
    ],
)
def test_limit_is_compared_with_the_window_that_the_server_reports(
    declared: str, limit: int | None, window: str
) -> None:
    with serving((LLAMA, ADAPTER)) as server:
        done = compiled(dynamic(server.base_url, models=f'{{ id: "a", contextWindow: 9000 }}, {declared}'))
    if limit is None:
        assert done.diagnostics == []
        return
    (finding,) = done.diagnostics
    assert (finding.rule, finding.severity) == ("max-tokens-exceeds-context", "error")
    assert finding.message.startswith(f"`models.providers.vllm.models[1].maxTokens` is {limit},")
    assert finding.message.endswith(window)
    assert underlined(finding) == str(limit)


def test_token_limit_is_not_checked_without_a_response(closed: str) -> None:
    done = compiled(dynamic(closed, models='{ id: "a", maxTokens: 200000 }'))
    assert [finding.rule for finding in done.diagnostics] == ["server-unreachable"]
