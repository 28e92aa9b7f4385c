"""The providers of the manifest: references, keys, a single provider, and inlined values."""

from __future__ import annotations

import json

import msgspec
import pytest

from genesis_config.config.expansion import Layer, Variables
from genesis_config.credentials.lookup import SecretRef
from genesis_config.manifest import Manifest, Provider, RequestPolicy, Streaming, dumps
from genesis_config.resolve.credentials import Credentials
from tests.support import compile_config

NOBODY = Credentials(Variables((Layer("the environment", {}),), complete=True), {})


def compiled(text: str, given: Credentials = NOBODY) -> Manifest:
    done = compile_config("folder/genesis.json5", text.encode(), given)
    assert done.manifest is not None, done.diagnostics
    return done.manifest


def keys(**variables: str) -> Credentials:
    return Credentials(Variables((Layer("the environment", variables),), complete=True), {})


def test_minimal_provider_has_the_defaults() -> None:
    manifest = compiled('{ models: { providers: { vllm: { models: [{ id: "m", contextWindow: 9000 }] } } } }')
    (provider,) = manifest.providers.values()
    assert provider == Provider(
        decision="explicit",
        reason="models.providers.vllm is defined",
        api="openai-completions",
        base_url="http://127.0.0.1:8000/v1",
        credential=None,
        headers={},
        timeout_seconds=120,
        max_connections=100,
        streaming=Streaming(include_usage=True),
        request_policy=RequestPolicy(),
        models=provider.models,
    )
    assert set(msgspec.structs.asdict(provider.request_policy).values()) == {"proxy", False}


def test_provider_settings_are_in_the_manifest() -> None:
    text = """{ models: { providers: { "my-pool": {
      baseUrl: "https://gpu.internal/llm/v1//", api: "openai-completions", timeoutSeconds: 5, maxConnections: 7,
      headers: { "X-B": "b", "X-A": "a", "x-c": "c" },
      models: [{ id: "z", contextWindow: 9000 }, { id: "a", contextWindow: 9000 }],
    } } } }"""
    provider = compiled(text).providers["my-pool"]
    assert provider.base_url == "https://gpu.internal/llm/v1"
    assert (provider.timeout_seconds, provider.max_connections) == (5, 7)
    assert list(provider.headers.items()) == [(f"X-{name.upper()}", SecretRef(value=name)) for name in "ab"] + [
        ("x-c", SecretRef(value="c"))
    ]
    assert [model.id for model in provider.models] == ["a", "z"]


def test_providers_are_ordered_by_code_point() -> None:
    names = ["vllm", "Z", "a", "é", "pool-2", "pool", "\uff5e", "\U0001f600"]
    entry = '{ baseUrl: "http://10.0.0.5/v1", models: [{ id: "m", contextWindow: 9000 }] }'
    manifests = [
        compiled(f"{{ models: {{ providers: {{ {', '.join(f'{name!r}: {entry}' for name in order)} }} }} }}")
        for order in (names, names[::-1])
    ]
    assert [list(manifest.providers) for manifest in manifests] == [sorted(names)] * 2
    assert manifests[0].providers == manifests[1].providers


@pytest.mark.parametrize(
    ("provider", "stated", "ref"),
    [
        ("vllm", "", SecretRef(template="${VLLM_API_KEY}")),
        ("my-pool.2", "", SecretRef(template="${MY_POOL_2_API_KEY}")),
        ("other", "", None),
        ("vllm", 'apiKey: "${UNSET}",', SecretRef(template="${UNSET}")),
        ("vllm", 'apiKey: "",', None),
    ],
)
def test_provider_key_precedence(provider: str, stated: str, ref: SecretRef | None) -> None:
    text = f"""{{ models: {{ providers: {{ "{provider}": {{
      baseUrl: "http://10.0.0.5/v1", {stated} models: [{{ id: "m", contextWindow: 9000 }}],
    }} }} }} }}"""
    given = keys(VLLM_API_KEY="canary", MY_POOL_2_API_KEY="canary")
    assert compiled(text, given).providers[provider].credential == ref


def test_plain_references_are_expanded_and_secret_ones_kept() -> None:
    text = """{
      env: { vars: { HOST: "10.0.0.5", STAGE: "test" } },
      models: { providers: { vllm: {
        baseUrl: "http://${HOST}:8000/v1/", apiKey: "$<VLLM_API_KEY>",
        headers: { b: "plain", a: "Bearer $<TOKEN:-none> $${X}" },
        models: [{ id: "${STAGE}-m", contextWindow: 9000, headers: { c: "${OTHER}" } }],
      } } },
      agents: { defaults: {
        model: { primary: "vllm/${STAGE}-m", fallbacks: ["vllm/test-m"] },
        models: { "vllm/test-m": { alias: "it" } },
      } },
    }"""
    done = compile_config("genesis.json5", text.encode(), NOBODY)
    assert [(finding.rule, finding.severity) for finding in done.diagnostics] == [
        ("base-url-path", "info"),
        ("unset-variable", "info"),
        ("unset-variable", "info"),
        ("duplicate-fallback", "warning"),
    ]
    assert done.manifest is not None
    provider = done.manifest.providers["vllm"]
    assert provider.base_url == "http://10.0.0.5:8000/v1"
    assert provider.credential == SecretRef(template="${VLLM_API_KEY}")
    assert list(provider.headers.items()) == [
        ("a", SecretRef(template="Bearer ${TOKEN:-none} $${X}")),
        ("b", SecretRef(value="plain")),
    ]
    assert provider.models[0].headers == {"c": SecretRef(template="${OTHER}")}
    assert done.manifest.selection.primary == "vllm/test-m"
    assert done.manifest.selection.fallbacks == ()
    assert done.manifest.selection.aliases == {"it": "vllm/test-m"}


@pytest.mark.parametrize(
    ("key", "ref"),
    [
        ('"EMPTY"', SecretRef(value="EMPTY")),
        ('{ source: "env", id: "MY_KEY" }', SecretRef(template="${MY_KEY}")),
        ('{ source: "file", path: "/run/secrets/key" }', SecretRef(file="/run/secrets/key")),
        ('""', None),
    ],
)
def test_each_form_of_api_key(key: str, ref: SecretRef | None) -> None:
    text = (
        f'{{ models: {{ providers: {{ vllm: {{ apiKey: {key}, models: [{{ id: "m", contextWindow: 9000 }}] }} }} }} }}'
    )
    assert compiled(text).providers["vllm"].credential == ref


def test_compile_only_one_provider() -> None:
    text = """{
      models: { providers: {
        b: { baseUrl: "http://127.0.0.1:1/v1", models: [] },
        a: { baseUrl: "http://127.0.0.1:2/v1", models: [{ id: "m", contextWindow: 9000 }] },
      } },
      agents: { defaults: {
        model: { primary: "b/x", fallbacks: ["a/m"] },
        models: { "b/*": {}, "b/x": { alias: "bx" }, "a/m": { alias: "am" } },
      } },
    }"""
    done = compile_config("genesis.json5", text.encode(), NOBODY, only="a")
    assert done.diagnostics == []
    assert done.manifest is not None
    assert list(done.manifest.providers) == ["a"]
    assert done.manifest.selection.primary is None
    assert done.manifest.selection.fallbacks == ("a/m",)
    assert done.manifest.selection.aliases == {"am": "a/m"}
    assert [made.provider for made in done.decisions.every] == ["a", "b", "vllm"]


def test_inline_replaces_every_reference() -> None:
    text = """{ models: { providers: { vllm: {
      apiKey: "${VLLM_API_KEY}", headers: { a: "Bearer ${TOKEN}" },
      models: [{ id: "m", contextWindow: 9000, headers: { b: "${OTHER}" } }],
    } } } }"""
    given = keys(VLLM_API_KEY="k", TOKEN="t", OTHER="o")
    done = compile_config("genesis.json5", text.encode(), given, inline=True)
    assert done.manifest is not None
    provider = json.loads(dumps(done.manifest))["providers"]["vllm"]
    assert provider["credential"] == {"value": "k"}
    assert provider["headers"] == {"a": {"value": "Bearer t"}}
    assert provider["models"][0]["headers"] == {"b": {"value": "o"}}

    done = compile_config("genesis.json5", text.encode(), NOBODY, inline=True)
    assert done.manifest is None
    assert [(finding.rule, finding.severity) for finding in done.diagnostics] == [("unset-variable", "error")] * 3


def test_no_manifest_and_no_query_after_an_error() -> None:
    text = """{
      models: { providers: { vllm: { baseUrl: "http://127.0.0.1:1/v1", models: [], modells: 1 } } },
      agents: { defaults: { models: { "vllm/*": {} } } },
    }"""
    done = compile_config("genesis.json5", text.encode(), NOBODY)
    assert done.manifest is None
    assert [finding.rule for finding in done.diagnostics] == ["unknown-key"]
    assert done.decisions.every == ()


def test_the_source_is_named_without_its_folder() -> None:
    manifest = compiled("{}")
    assert manifest.source.path == "genesis.json5"
    assert manifest.providers == {}
