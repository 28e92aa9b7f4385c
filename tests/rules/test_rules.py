"""The rules: small configurations with their exact findings, and properties of all rules."""

from __future__ import annotations

import random
import re
import string
from typing import TYPE_CHECKING

import pytest

from genesis_config.config.expansion import Variables
from genesis_config.credentials.patterns import key_spans
from genesis_config.pipeline import check_config
from genesis_config.rules import registry, unknown_model
from genesis_config.rules.rule import Context, Resolved
from genesis_config.syntax import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genesis_config.diagnostics.finding import Diagnostic

WARNINGS = {
    "lock-stale",
    "unknown-section",
    "native-only-param",
    "duplicate-fallback",
    "empty-variable",
    "cleartext-credential",
    "authorization-conflict",
    "metadata-address",
    "unused-ignore",
}
INFOS = {"marker-key", "assumed-context-window"}


def rules_and_texts(findings: Sequence[Diagnostic]) -> list[tuple[str, str]]:
    """Return the rule of each finding and the text that it marks."""
    result: list[tuple[str, str]] = []
    for finding in findings:
        assert finding.span is not None
        result.append((finding.rule, finding.span.source.text[finding.span.start : finding.span.end]))
    return result


def check(text: str, variables: Variables | None = None) -> list[tuple[str, str]]:
    """Return the findings in a configuration, except for assumed context windows."""
    findings = check_config("genesis.json5", text.encode(), variables or Variables()).diagnostics
    return rules_and_texts([finding for finding in findings if finding.rule != "assumed-context-window"])


FIELDS = ("stream", "model")
REVISION = "5f0b02c75b57c5855da9ae460ce51323ea669d8a"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def provider(members: str, more: str = "") -> str:
    return f'{{ models: {{ providers: {{ p: {{ models: [{{ id: "m" }}], {members} }} }} }}, {more} }}'


@pytest.mark.parametrize("identifier", ["", " ", "llama ", "\tllama"])
def test_model_id_that_no_reference_can_name(identifier: str) -> None:
    text = f'{{ models: {{ providers: {{ vllm: {{ models: [{{ id: "{identifier}", contextWindow: 8 }}] }} }} }} }}'
    assert check(text) == [("invalid-value", f'"{identifier}"')]


@pytest.mark.parametrize(
    "models",
    [
        "{ id: llama, contextWindow: 8 }",
        '{ id: "it"s", contextWindow: 8 }',
        '{ name: "x" y, id: "llama", contextWindow: 8 }',
    ],
)
def test_syntax_error_does_not_cause_further_findings(models: str) -> None:
    selection = 'agents: { defaults: { model: "vllm/llama" } }'
    text = f"{{ models: {{ providers: {{ vllm: {{ models: [{models}] }} }} }}, {selection} }}"
    findings = check_config("genesis.json5", text.encode(), Variables()).diagnostics
    assert {finding.rule for finding in findings} == {"syntax"}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://h/v1", None),
        ("https://[::1]:8000/v1", None),
        ("${SCHEME}://h/v1", None),
        ("h:8000/v1", "`http://` or `https://`"),
        ("ftp://h/v1", "`http://` or `https://`"),
        ("//h/v1", "`http://` or `https://`"),
        ("http:///v1", "host"),
        ("http://h:0/v1", "port 0"),
        ("http://h:65536/v1", "Port out of range 0-65535"),
        ("http://h:port/v1", "Port could not be cast to integer value as 'port'"),
        ("http://[::1/v1", "Invalid IPv6 URL"),
        ("http://h/v1?x=1", "query"),
        ("http://h/v1#", "fragment"),
        ("http://h y/v1", "whitespace"),
        (" http://h/v1", "whitespace"),
        ("", "`http://` or `https://`"),
    ],
)
def test_base_urls(url: str, problem: str | None) -> None:
    findings = check_config("genesis.json5", provider(f'baseUrl: "{url}"').encode(), Variables()).diagnostics
    assert check(provider(f'baseUrl: "{url}"')) == ([] if problem is None else [("invalid-base-url", f'"{url}"')])
    if problem is not None:
        finding = next(finding for finding in findings if finding.rule == "invalid-base-url")
        place, _, words = finding.message.partition(": ")
        assert "`models.providers.p.baseUrl`" in place
        assert problem in words
        assert finding.help is not None


def named(name: str, models: str, more: str = "") -> str:
    """Return a configuration with one provider of this name that has these models."""
    return f"{{ models: {{ providers: {{ {name}: {{ {URL}, models: [{models}] }} }} }}, {more} }}"


URL = 'baseUrl: "http://10.0.0.5/v1"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (provider(""), [("missing-base-url", "p")]),
        ('{ models: { providers: { vllm: { models: [{ id: "m" }] } } } }', []),
        (provider('baseUrl: "http://me:pass@10.0.0.5/v1"'), [("credentials-in-url", '"http://me:pass@10.0.0.5/v1"')]),
        (named('"a/b"', '{ id: "m" }'), [("invalid-value", '"a/b"')]),
        (named('" "', '{ id: "m" }'), [("invalid-value", '" "')]),
        (provider(f'{URL}, apiKey: " \\t"'), [("invalid-value", '" \\t"')]),
        (provider(f'{URL}, apiKey: "", headers: {{ Authorization: "Basic ${{A}}" }}'), []),
        (named("p", '{ id: "*" }'), [("invalid-value", '"*"')]),
        (
            named("p", '{ id: "m" }', 'agents: { defaults: { model: "p/*" } }'),
            [("malformed-model-ref", '"p/*"')],
        ),
        (
            named("p", '{ id: "m" }', 'agents: { defaults: { model: { primary: "p/m", fallbacks: ["p/*"] } } }'),
            [("malformed-model-ref", '"p/*"')],
        ),
        ('{ agents: { defaults: { model: "vllm/*" } } }', [("malformed-model-ref", '"vllm/*"')]),
        (provider(f'{URL}, api: "openai-responses"'), [("invalid-value", '"openai-responses"')]),
        (provider(f'{URL}, api: "${{API}}"'), []),
        (named("p", ""), [("no-models", "models")]),
        (f"{{ models: {{ providers: {{ p: {{ {URL} }} }} }} }}", [("no-models", "p")]),
        (
            named("p", "", 'agents: { defaults: { models: { "p/*": {} } } }'),
            [],
        ),
        (provider(f'{URL}, headers: {{ "X-Api-Key": "abc" }}'), [("hardcoded-secret", '"abc"')]),
        (provider(f'{URL}, headers: {{ "X-Tenant": "abc" }}'), []),
        (provider(f'{URL}, apiKey: "EMPTY"'), []),
        (provider(f'{URL}, headers: {{ Authorization: "Bearer EMPTY" }}'), []),
        (provider('baseUrl: "https://api.example.com/v1", apiKey: "EMPTY"'), [("marker-key", '"EMPTY"')]),
        (provider('baseUrl: "http://vllm.prod.svc/v1", apiKey: "dummy"'), []),
        (provider('baseUrl: "http://vllm/v1", apiKey: "dummy"'), []),
        *(
            (provider(f'baseUrl: "http://{host}/v1", apiKey: "${{K}}"'), [])
            for host in ("127.1", "0x7f.1", "2130706433", "localhost.", "[::ffff:10.0.0.5]", "0.0.0.0", "vllm.svc.")
        ),
        *(
            (provider(f'{url}, apiKey: "${{K}}"'), [("cleartext-credential", url.removeprefix("baseUrl: "))])
            for url in ('baseUrl: "http://8.8.2056/v1"', 'baseUrl: "http://127.example.com/v1"')
        ),
        *(
            (provider(url), [("metadata-address", url.removeprefix("baseUrl: "))])
            for url in ('baseUrl: "http://[::ffff:169.254.169.254]/v1"', 'baseUrl: "http://0xa9fea9fe/v1"')
        ),
        (provider('baseUrl: "${URL}", apiKey: "dummy"'), []),
        (provider(f'{URL}, apiKey: "${{K:-dummy}}"'), []),
        (provider(f'{URL}, apiKey: "${{K:-dumy}}"'), [("hardcoded-secret", "${K:-dumy}")]),
        ('{ env: { vars: { MY_KEY: "abc", STAGE: "test" } } }', [("hardcoded-secret", '"abc"')]),
        (f'{{ env: {{ vars: {{ REVISION: "{REVISION}", IMAGE: "vllm/vllm-openai@sha256:{DIGEST}" }} }} }}', []),
        (f'{{ env: {{ vars: {{ MINE: "{DIGEST}" }} }} }}', [("hardcoded-secret", f'"{DIGEST}"')]),
        (
            provider(f'{URL}, apiKey: "${{MINE}}"', 'env: { vars: { MINE: "abc" } }'),
            [("hardcoded-secret", '"abc"')],
        ),
        (provider(f'{URL}, params: {{ user: "${{A_TOKEN}}" }}'), [("secret-in-plain-position", "${A_TOKEN}")]),
        (
            provider(f'{URL}, apiKey: "${{MINE}}", params: {{ user: "a ${{MINE}}" }}'),
            [("secret-in-plain-position", "${MINE}")],
        ),
        (provider(f'{URL}, params: {{ user: "${{STAGE}}" }}'), []),
        (provider(f"{URL}, params: {{ store: true, top_k: 1 }}"), [("native-only-param", "store")]),
        (provider(f'{URL}, params: {{ stream: false, model: "x" }}'), [("native-only-param", name) for name in FIELDS]),
        (provider(f'{URL}, headers: {{ "a b": "x", "X-A_b!": "x" }}'), [("invalid-value", '"a b"')]),
        (provider(f'{URL}, headers: {{ "Content-length": "5" }}'), [("invalid-value", '"Content-length"')]),
        (provider(f'{URL}, headers: {{ a: "x\\ty", b: "x\\ny" }}'), [("invalid-value", '"x\\ny"')]),
        (provider(f'{URL}, headers: {{ "é": "x" }}'), [("invalid-value", '"é"')]),
        (
            provider(URL, 'agents: { defaults: { models: { "p/m": { params: { service_tier: "auto" } } } } }'),
            [("native-only-param", "service_tier")],
        ),
        (
            provider(URL, 'agents: { defaults: { models: { "p/*": { params: { top_p: 1, store: true } } } } }'),
            [("native-only-param", "params")],
        ),
        (provider(URL, 'agents: { defaults: { models: { "p/*": { params: {} } } } }'), []),
        (provider(f'{URL}, apiKey: {{ source: "file", path: "" }}'), [("invalid-value", '""')]),
        (provider(f'{URL}, apiKey: {{ source: "file", path: "${{P}}" }}'), []),
    ],
)
def test_providers_models_and_secrets(text: str, expected: list[tuple[str, str]]) -> None:
    assert check(text) == expected


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("sk-4f9a2b7c0d1e5f6a7b8c", True),
        ("Bearer hf_AbCdEfGhIjKlMnOpQrSt", True),
        ("ghp_0123456789abcdefghij", True),
        ("AKIAIOSFODNN7EXAMPLE", True),
        ("http://10.0.0.5/sk-4f9a2b7c0d1e5f6a7b8c/v1", True),
        ("9f86d081884c7d659a2feaa0c55ad015", True),
        ("kX9vQ2mT7bLw4RzN8pYcJ5hGdF3sA6eU", True),
        ("sk-short", False),
        ("You are a helpful assistant. Answer in one sentence, and never invent facts.", False),
        ("meta-llama/Llama-3.1-8B-Instruct", False),
        ("neuralmagic-Meta-Llama-3-1-70B-Instruct-quantized-w4a16", False),
        ("/mnt/models/checkpoints/2026-11-23/final", False),
        ("550e8400-e29b-41d4-a716-446655440000", False),
        ("00000000000000000000000000000000", False),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", False),
        ("the_quick_brown_fox_jumps_over_the_lazy_dog_again", False),
        ("", False),
    ],
)
def test_key_recognized_by_its_shape(text: str, secret: bool) -> None:  # noqa: FBT001 - a table
    assert any(key_spans(text)) == secret
    expected = [("hardcoded-secret", f'"{text}"')] if secret else []
    assert check(provider(f'{URL}, params: {{ user: ["{text}"] }}')) == expected
    assert check(provider(f'{URL}, headers: {{ "X-Note": "{text}" }}')) == expected


HARMLESS = [
    "meta-llama/Llama-3.1-8B-Instruct-AWQ-INT4",
    "neuralmagic-Meta-Llama-3-1-70B-Instruct-quantized-w4a16",
    "NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO",
    "RedHatAI/DeepSeek-R1-Distill-Qwen-32B-FP8-dynamic",
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
    "unsloth/Llama-4-Scout-17B-16E-Instruct-unsloth-bnb-4bit",
    "Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8",
    "Qwen/Qwen3-235B-A22B-Thinking-2507-FP8",
    "nvidia/Llama-3_3-Nemotron-Super-49B-v1_5-FP8",
    "nvidia/Llama-3_1-Nemotron-Ultra-253B-v1-FP8",
    "moonshotai/Kimi-K2-Instruct-0905-W4A16-GPTQ",
    "hugging-quants/Meta-Llama-3-1-405B-Instruct-AWQ-INT4",
    "TheBloke/Mixtral-8x7B-Instruct-v0-1-GPTQ-4bit-32g-actorder_True",
    "ibm-granite/granite-3-3-8b-instruct-lora-rag-1a2b3c",
    "openai/gpt-oss-120b-2025-08-05-mxfp4-tensor-parallel-8",
    "/mnt/models/checkpoints/2026-11-23/final",
    "/srv/nfs4/models/llama3/8b/q4_k_m/gguf/v2/model-00001-of-00004",
    "/Users/JohnDoe/Projects/LLM2024/models/Llama3/weights",
    "https://llm.internal.example.com/openai/deployments/gpt-4o-mini-2024-07-18/v1",
    "550e8400-e29b-41d4-a716-446655440000",
    "550E8400-E29B-41D4-A716-446655440000",
    "2026-11-23T18:12:50+00:00",
    "20261123T181250Z-run-0042-node-0007-gpu-03",
    "v1.2.3-rc4-20261123-linux-x86_64-cuda12",
    "vllm-openai-v0-11-0-cu128-py312-linux-x86_64",
    "the_quick_brown_fox_jumps_over_the_lazy_dog_again",
    "team-platform-eu-west-1-prod-inference-gateway-2",
    "arn:aws:iam::123456789012:role/LLMInferenceGatewayProductionRole",
    "projects/my-project-123456/locations/europe-west4/endpoints/1234567890123456789",
    "getUserAccountInformationById2FactoryBean",
    "You are a helpful assistant. Answer in one sentence, and never invent facts.",
    "HTTP2_SERVER_MAX_CONCURRENT_STREAMS_PER_CONNECTION",
    "X-Amz-Bedrock-Runtime-InvokeModelWithResponseStream-V2",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_ordered_text_is_not_a_key(text: str) -> None:
    assert not list(key_spans(text))
    assert check(provider(f'{URL}, params: {{ user: "{text}" }}')) == []
    assert check(f'{{ env: {{ vars: {{ TEAM: "{text}" }} }} }}') == []


@pytest.mark.parametrize(
    ("alphabet", "length", "share"),
    [
        (string.ascii_letters + string.digits + "+/", 43, 0.97),
        (string.ascii_letters + string.digits + "-_", 43, 0.97),
        (string.ascii_letters + string.digits, 32, 0.95),
        (string.ascii_lowercase + string.digits, 40, 0.93),
        (string.ascii_uppercase + string.digits, 40, 0.93),
        ("0123456789abcdef", 32, 0.95),
    ],
)
def test_most_random_keys_are_recognized(alphabet: str, length: int, share: float) -> None:
    chance = random.Random(1)
    keys = ["".join(chance.choices(alphabet, k=length)) for _ in range(1000)]
    assert sum(any(key_spans(key)) for key in keys) >= share * len(keys)


KEY = "sk-proj-4f9a2b7c0d1e5f6a7b8c"


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        (f'{{ env: {{ vars: {{ TEAM: "{KEY}" }} }} }}', f'"{KEY}"'),
        ('{ env: { vars: { FOO: "9f86d081884c7d659a2feaa0c55ad015" } } }', '"9f86d081884c7d659a2feaa0c55ad015"'),
        (provider(f'{URL}, apiKey: "{KEY}${{SUFFIX}}"'), KEY),
        (provider(f'{URL}, apiKey: "Bearer ${{PREFIX}}hunter2-hunter2"'), "hunter2-hunter2"),
        (provider(f'{URL}, headers: {{ "X-Api-Key": "hunter2-${{ENVIRONMENT}}" }}'), "hunter2-"),
        (provider(f'{URL}, headers: {{ "X-Note": "${{HOME}} {KEY}" }}'), f'"${{HOME}} {KEY}"'),
        (provider(f'{URL}, params: {{ user: "${{HOME}} {KEY}" }}'), f'"${{HOME}} {KEY}"'),
        (provider(f'{URL}, params: {{ user: "${{HOME:-{KEY}}}" }}'), f'"${{HOME:-{KEY}}}"'),
        (provider(f'{URL}, params: {{ api_key: "hunter2" }}'), '"hunter2"'),
        (provider(f'{URL}, params: {{ extra: {{ Authorization: "Bearer hunter2" }} }}'), '"Bearer hunter2"'),
        (provider(f'{URL}, params: {{ "access-token": ["hunter2-${{STAGE}}"] }}'), '"hunter2-${STAGE}"'),
        (provider(f'baseUrl: "http://${{H}}/{KEY}/v1"'), f'"http://${{H}}/{KEY}/v1"'),
        (provider(f'{URL}, apiKey: "${{A}}-${{B}}"'), None),
        (provider(f'{URL}, apiKey: "Bearer ${{A}}"'), None),
        (provider(f'{URL}, headers: {{ Authorization: "AWS4-HMAC-SHA256 Credential=${{A}}" }}'), None),
        (provider(f'{URL}, headers: {{ Cookie: "session_id=${{A}}; path=/" }}'), None),
        (provider(f'{URL}, params: {{ stop_token: "</s>", eos_token: "<|endoftext|>" }}'), None),
        (provider(f'{URL}, params: {{ api_key: "EMPTY", token: "" }}'), None),
        (provider(f'{URL}, params: {{ api_key: "Bearer ${{STAGE}}" }}'), None),
    ],
)
def test_key_next_to_a_reference_or_under_a_secret_name(text: str, marked: str | None) -> None:
    assert check(text) == ([("hardcoded-secret", marked)] if marked else [])


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [
        ('model: "p/m"', []),
        ('model: { primary: "p/m", fallbacks: ["p/m2"] }', []),
        ('model: "m"', [("malformed-model-ref", '"m"')]),
        ('model: "p/"', [("malformed-model-ref", '"p/"')]),
        ('model: "/m"', [("malformed-model-ref", '"/m"')]),
        ('model: " p/m"', [("malformed-model-ref", '" p/m"')]),
        ('model: "q/m"', [("unknown-provider", '"q/m"')]),
        ('model: "vllm/m"', []),
        ('model: "p/mm"', [("unknown-model", '"p/mm"')]),
        ('model: "p/${NAME}"', []),
        ('model: { fallbacks: ["p/m", "p/m"] }', [("duplicate-fallback", '"p/m"')]),
        ('model: { primary: "p/m", fallbacks: ["p/m"] }', [("duplicate-fallback", '"p/m"')]),
        ('model: "fast", models: { "p/m": { alias: "fast" } }', [("malformed-model-ref", '"fast"')]),
        ('models: { "p/m": { alias: "a" }, "p/m2": { alias: "a" } }', [("alias-conflict", '"a"')]),
        ('models: { "p/*": { alias: "a" } }', [("alias-conflict", '"a"')]),
        ('models: { "p/x": {} }', [("unknown-model", '"p/x"')]),
        ('model: "p/x", models: { "p/*": {} }', []),
        ('models: { "q/*": {} }', [("unknown-provider", '"q/*"')]),
        ("models: { m: {} }", [("malformed-model-ref", "m")]),
    ],
)
def test_references_in_the_selection(defaults: str, expected: list[tuple[str, str]]) -> None:
    text = f"""{{
      models: {{ providers: {{ p: {{ {URL}, models: [{{ id: "m" }}, {{ id: "m2" }}] }} }} }},
      agents: {{ defaults: {{ {defaults} }} }},
    }}"""
    assert check(text) == expected


def test_provider_is_searched_once_for_all_references(monkeypatch: pytest.MonkeyPatch) -> None:
    queried = []
    monkeypatch.setattr(Document, "is_damaged", lambda _document, path: queried.append(path))
    references = ", ".join(f'"p/{number}"' for number in range(50))
    selection = f"agents: {{ defaults: {{ model: {{ fallbacks: [{references}] }} }} }}"
    session = check_config("genesis.json5", provider("x-a: ,", selection).encode(), Variables())
    assert sum(finding.rule == "unknown-model" for finding in session.diagnostics) == 50
    path = ("models", "providers", "p", "models", 0, "id")
    assert queried.count(path) < 5
    queried.clear()
    list(unknown_model.check_resolved(Context(session.config), Resolved([], {}, {"p": ()})))
    assert queried.count(path) == 1


def test_names_and_texts_of_all_rules_have_the_same_form() -> None:
    for name, rule in registry.load_rules().items():
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)
        severity = "warning" if name in WARNINGS else "info" if name in INFOS else "error"
        assert rule.severity == severity, name
        assert rule.title[0].islower() or rule.title[0] == "`", name
        assert not rule.title.endswith(".")
        assert rule.why.endswith((".", "`.")), name
