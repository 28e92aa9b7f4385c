"""Schema violations: the rule, the place and the values in the message and help."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.validation import schema_text, validate
from genesis_config.diagnostics.source import Source
from genesis_config.syntax import parse

PROVIDER_KEYS = "`api`, `apiKey`, `baseUrl`, `headers`, `maxConnections`, `models`, `params`, `timeoutSeconds`"
MODEL_KEYS = "`compat`, `contextWindow`, `cost`, `headers`, `id`, `input`, `maxTokens`, `name`, `params`, `reasoning`"


def violations(text: str) -> list[tuple[str, str, str, str | None]]:
    """Return the rule, the marked text, the message and the help of each finding."""
    document = parse(Source("genesis.json5", text))
    assert document.diagnostics == []
    result: list[tuple[str, str, str, str | None]] = []
    for finding in validate(document):
        assert finding.span is not None
        shown = text[finding.span.start : finding.span.end]
        result.append((finding.rule, shown, finding.message, finding.help))
    return result


def provider(members: str) -> str:
    return f"{{ models: {{ providers: {{ vllm: {{ {members} }} }} }} }}"


def model(members: str) -> str:
    return provider(f"models: [{{ {members} }}]")


@pytest.mark.parametrize(
    ("text", "rule", "marked", "message", "help_"),
    [
        (
            provider("baseURL: 1, models: []"),
            "unknown-key",
            "baseURL",
            "unknown key `baseURL` in `models.providers.vllm`",
            f"did you mean `baseUrl`? known keys: {PROVIDER_KEYS}",
        ),
        (
            provider("'zzz': 1, models: []"),
            "unknown-key",
            "'zzz'",
            "unknown key `zzz` in `models.providers.vllm`",
            f"known keys: {PROVIDER_KEYS}",
        ),
        (
            model("id: 'a', context_window: 5"),
            "unknown-key",
            "context_window",
            "unknown key `context_window` in `models.providers.vllm.models[0]`",
            f"did you mean `contextWindow`? known keys: {MODEL_KEYS}",
        ),
        (
            model("name: 'a'"),
            "missing-key",
            "{",
            "`models.providers.vllm.models[0]` … `id`",
            "`id: …`",
        ),
        (
            model("id: 'a', contextWindow: '128000'"),
            "wrong-type",
            "'128000'",
            "`models.providers.vllm.models[0].contextWindow` … an integer, got a string",
            "quotes",
        ),
        (
            model("id: 'a', reasoning: 'true'"),
            "wrong-type",
            "'true'",
            "`models.providers.vllm.models[0].reasoning` … true or false, got a string",
            "quotes",
        ),
        (
            model("id: 'a', input: 'text'"),
            "wrong-type",
            "'text'",
            "`models.providers.vllm.models[0].input` … an array, got a string",
            "brackets",
        ),
        (
            model("id: null"),
            "wrong-type",
            "null",
            "`models.providers.vllm.models[0].id` … a string, got null",
            None,
        ),
        (
            model("id: 'a', maxTokens: 0.5"),
            "wrong-type",
            "0.5",
            "`models.providers.vllm.models[0].maxTokens` … an integer, got a number",
            None,
        ),
        (
            model("id: 'a', maxTokens: 0"),
            "out-of-range",
            "0",
            "`models.providers.vllm.models[0].maxTokens` … greater than 0",
            "output tokens",
        ),
        (
            model("id: 'a', cost: { input: -0.5 }"),
            "out-of-range",
            "-0.5",
            "`models.providers.vllm.models[0].cost.input` … at least 0",
            "input tokens",
        ),
        (
            provider("apiKey: 5, models: []"),
            "wrong-type",
            "5",
            "`models.providers.vllm.apiKey` … a string or an object, got an integer",
            (
                'for example `"${VLLM_API_KEY}"` or `{"source": "env", "id": "VLLM_API_KEY"}` or '
                '`{"source": "file", "path": "/run/secrets/vllm-key"}`'
            ),
        ),
        (
            provider("apiKey: { source: 'env' }, models: []"),
            "missing-key",
            "{",
            "`models.providers.vllm.apiKey` … `id`",
            "`id: …`",
        ),
        (
            provider("apiKey: { source: 'vault', id: 'X' }, models: []"),
            "invalid-value",
            "'vault'",
            "`models.providers.vllm.apiKey.source`",
            "`env`, `file`",
        ),
        (
            provider("apiKey: { source: 'env', id: 'X', path: 'y' }, models: []"),
            "unknown-key",
            "path",
            "`models.providers.vllm.apiKey.path` … `source`",
            "`source`",
        ),
        (
            "{ agents: { defaults: { model: { primari: 'vllm/a' } } } }",
            "unknown-key",
            "primari",
            "unknown key `primari` in `agents.defaults.model`",
            "did you mean `primary`? known keys: `fallbacks`, `primary`",
        ),
        (
            "{ agents: { defaults: { model: { fallbacks: 'vllm/a' } } } }",
            "wrong-type",
            "'vllm/a'",
            "`agents.defaults.model.fallbacks` … an array, got a string",
            "brackets",
        ),
        (
            "{ agents: { defaults: { model: ['vllm/a'] } } }",
            "wrong-type",
            "['vllm/a']",
            "`agents.defaults.model` … a string or an object, got an array",
            (
                'for example `"vllm/your-model-id"` or '
                '`{"primary": "vllm/your-model-id", "fallbacks": ["vllm/second-model"]}`'
            ),
        ),
        (
            "{ modles: { providers: {} } }",
            "unknown-section",
            "modles",
            "`modles`",
            "`models`",
        ),
        (
            "{ gateway: { port: 1 } }",
            "unknown-section",
            "gateway",
            "`gateway`",
            "not check",
        ),
        (
            "{ models: [] }",
            "wrong-type",
            "[]",
            "`models` … an object, got an array",
            None,
        ),
        (
            "{ env: { vars: { PORT: 8000 } } }",
            "wrong-type",
            "8000",
            "`env.vars.PORT` … a string, got an integer",
            None,
        ),
        (
            "{ $include: 5 }",
            "wrong-type",
            "5",
            "`$include` … a string or an array, got an integer",
            'for example `"./models.json5"` or `["./base.json5", "./production.json5"]`',
        ),
        (
            "{ $include: [] }",
            "invalid-value",
            "[]",
            "`$include` is empty",
            "remove the key",
        ),
    ],
)
def test_each_violation_is_reported_once_at_its_place(
    text: str, rule: str, marked: str, message: str, help_: str | None
) -> None:
    ((found_rule, found_text, found_message, found_help),) = violations(text)
    assert (found_rule, found_text) == (rule, marked)
    place, _, words = message.partition(" … ")
    assert place in found_message
    assert words in found_message
    assert (found_help is None) == (help_ is None)
    assert (help_ or "") in (found_help or "")


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{ $schema: 'x', 'x-mine': [1] }",
        provider("'x-mine': 1, models: []"),
        model("$include: './a.json5'"),
        model("id: 'a', maxTokens: 8e3, contextWindow: 0x2000, 'x-note': null"),
        "{ models: { providers: { $include: ['a.json5', 'b.json5'] } } }",
        "{ agents: { other: 1, defaults: { other: 2, models: { 'vllm/*': {} } } } }",
    ],
)
def test_valid_configurations_have_no_findings(text: str) -> None:
    assert violations(text) == []


def test_damaged_values_are_not_reported_again() -> None:
    document = parse(Source("genesis.json5", model("id: , contextWindow: 8k")))
    assert {finding.rule for finding in document.diagnostics} == {"syntax"}
    assert list(validate(document)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ agents: { defaults: { modle: 'vllm/m' } } }", ("`agents.defaults`", "modle", "model")),
        ("{ agents: { defaults: { Models: {} } } }", ("`agents.defaults`", "Models", "models")),
        ("{ agents: { default: { model: 'vllm/m' } } }", ("`agents`", "default", "defaults")),
        ("{ agents: { defaults: { models: {}, modles: {} } } }", None),
        ("{ agents: { defaults: { model: 'vllm/m', models: {}, modles: {} } } }", None),
        ("{ agents: { defaults: { workspace: 1, memory: 2, 'x-model': 3 }, list: [] } }", None),
        ("{ agents: { defaults: [] } }", None),
    ],
)
def test_typo_of_a_genesis_key_in_a_shared_section(text: str, expected: tuple[str, str, str] | None) -> None:
    findings = [finding for finding in validate(parse(Source("a", text))) if finding.rule == "unknown-section"]
    assert [finding.severity for finding in findings] == (["warning"] if expected else [])
    for finding, (where, key, near) in zip(findings, [expected] if expected else [], strict=True):
        assert where in finding.message
        assert f"`{key}`" in finding.message
        assert finding.help is not None
        assert f"`{near}`" in finding.help


def test_stand_in_module_is_removed_after_the_import_of_the_validator() -> None:
    script = (
        "import sys\n"
        "from genesis_config.diagnostics.source import Source\n"
        "from genesis_config.syntax import parse\n"
        "from genesis_config.config.validation import validate\n"
        "assert 'jsonschema_rs' not in sys.modules\n"
        "before = 'socket' in sys.modules\n"  # the interpreter itself may have imported it
        "assert validate(parse(Source('a', '{ models: {} }'))) == []\n"
        "assert 'jsonschema_rs' in sys.modules\n"
        "assert ('socket' in sys.modules) == before\n"
        "import email.utils\n"
        "assert email.utils.parsedate_to_datetime('Mon, 23 Nov 2026 12:00:00 +0000').year == 2026\n"
        "assert [finding.rule for finding in validate(parse(Source('a', '{ models: 1 }')))] == ['wrong-type']\n"
        "assert 'jsonschema' not in sys.modules\n"
    )
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stderr) == (0, "")


def test_only_the_first_of_two_misspellings_is_fixed() -> None:
    text = model("id: 'a', context_window: 1, contextWindws: 2")
    findings = validate(parse(Source("a", text)))
    assert [(finding.message.split("`")[1], finding.fix is not None) for finding in findings] == [
        ("context_window", True),
        ("contextWindws", False),
    ]


def test_very_long_key_is_reported_quickly() -> None:
    (finding,) = violations(provider(f"{'baseUrl' * 100_000}: 1, models: []"))
    assert finding[0] == "unknown-key"


@pytest.mark.parametrize("key", ["0", "7", "01", "+1", "#1", "##0", "18446744073709551616", "-1", "1.5"])
@pytest.mark.parametrize(
    ("template", "rule", "marked"),
    [
        ("{ models: { providers: { 'KEY': { baseURL: 'http://h/v1' } } } }", "unknown-key", "baseURL"),
        ("{ models: { providers: { '1': { models: [] }, 'KEY': 5 } } }", "wrong-type", "5"),
        ("{ models: { providers: { vllm: { models: [{ id: 'a' }], 'KEY': 5 } } } }", "unknown-key", "'KEY'"),
        ("{ models: { providers: { vllm: { models: [], headers: { 'KEY': 5 } } } } }", "wrong-type", "5"),
        ("{ env: { vars: { 'KEY': {} } } }", "wrong-type", "{}"),
        ("{ agents: { defaults: { models: { 'KEY': 5 } } } }", "wrong-type", "5"),
        ("{ auth: { order: { 'KEY': 5 } } }", "wrong-type", "5"),
    ],
)
def test_key_that_is_a_number_is_not_taken_for_an_index(key: str, template: str, rule: str, marked: str) -> None:
    found = violations(template.replace("KEY", key))
    assert (rule, marked.replace("KEY", key)) in [finding[:2] for finding in found]


_KEYS = st.sampled_from(
    ["models", "providers", "headers", "apiKey", "env", "vars", "auth", "order", "agents", "defaults", "id"]
) | st.from_regex(r"[#+]?[0-9]{1,3}", fullmatch=True)
_SCALARS = st.none() | st.integers(-1, 2) | st.just("a")
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4))
_PROVIDERS = st.dictionaries(_KEYS, st.dictionaries(_KEYS, _VALUES) | _VALUES).map(
    lambda providers: {"models": {"providers": providers}}
)


@given(_PROVIDERS | st.dictionaries(_KEYS, _VALUES))
def test_every_error_of_the_reference_validator_has_a_finding_at_its_place(value: dict[str, object]) -> None:
    text = json.dumps(value)
    document = parse(Source("genesis.json5", text))
    findings = validate(document)
    spans = {finding.span for finding in findings if finding.severity == "error"}
    errors = list(jsonschema.Draft202012Validator(json.loads(schema_text("config"))).iter_errors(value))
    assert bool(spans) == bool(errors)
    for error in errors:
        if error.validator == "type":
            assert document.value_span(tuple(error.absolute_path)) in spans
