"""Where a document breaks the schema: the rule, the place and the words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genesis_config.config.validation import validate
from genesis_config.diagnostics.source import Source
from genesis_config.syntax import parse

PROVIDER_KEYS = "`api`, `apiKey`, `baseUrl`, `headers`, `maxConnections`, `models`, `params`, `timeoutSeconds`"
MODEL_KEYS = "`compat`, `contextWindow`, `cost`, `headers`, `id`, `input`, `maxTokens`, `name`, `params`, `reasoning`"


def found(text: str) -> list[tuple[str, str, str, str | None]]:
    """Give each finding's rule, the text that it is about, the message and the help."""
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
    ("text", "rule", "shown", "message", "help_"),
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
            "`models.providers.vllm.models[0]` has no `id`, which is required",
            "add `id: …`",
        ),
        (
            model("id: 'a', contextWindow: '128000'"),
            "wrong-type",
            "'128000'",
            "`models.providers.vllm.models[0].contextWindow` must be a whole number, and is a string",
            "write the number without quotes",
        ),
        (
            model("id: 'a', reasoning: 'true'"),
            "wrong-type",
            "'true'",
            "`models.providers.vllm.models[0].reasoning` must be true or false, and is a string",
            "write true without quotes",
        ),
        (
            model("id: 'a', input: 'text'"),
            "wrong-type",
            "'text'",
            "`models.providers.vllm.models[0].input` must be an array, and is a string",
            "write it in brackets: `[ … ]`",
        ),
        (
            model("id: null"),
            "wrong-type",
            "null",
            "`models.providers.vllm.models[0].id` must be a string, and is null",
            None,
        ),
        (
            model("id: 'a', maxTokens: 0.5"),
            "wrong-type",
            "0.5",
            "`models.providers.vllm.models[0].maxTokens` must be a whole number, and is a number",
            None,
        ),
        (
            model("id: 'a', maxTokens: 0"),
            "out-of-range",
            "0",
            "`models.providers.vllm.models[0].maxTokens` must be more than 0",
            "Output tokens at most, sent with every request that states no limit of its own",
        ),
        (
            model("id: 'a', cost: { input: -0.5 }"),
            "out-of-range",
            "-0.5",
            "`models.providers.vllm.models[0].cost.input` must be at least 0",
            "Price of a million input tokens, in whatever currency you count",
        ),
        (
            provider("apiKey: 5, models: []"),
            "wrong-type",
            "5",
            "`models.providers.vllm.apiKey` must be a string or an object, and is a whole number",
            (
                'for example `"${VLLM_API_KEY}"` or `{"source": "env", "id": "VLLM_API_KEY"}` or '
                '`{"source": "file", "path": "/run/secrets/vllm-key"}`'
            ),
        ),
        (
            provider("apiKey: { source: 'env' }, models: []"),
            "missing-key",
            "{",
            "`models.providers.vllm.apiKey` has no `id`, which is required",
            "add `id: …`",
        ),
        (
            provider("apiKey: { source: 'vault', id: 'X' }, models: []"),
            "invalid-value",
            "'vault'",
            "`models.providers.vllm.apiKey.source` has a value that is not known",
            "write one of `env`, `file`",
        ),
        (
            provider("apiKey: { source: 'env', id: 'X', path: 'y' }, models: []"),
            "unknown-key",
            "path",
            "`models.providers.vllm.apiKey.path` does not belong here",
            "remove it, or change the `source` beside it",
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
            "`agents.defaults.model.fallbacks` must be an array, and is a string",
            "write it in brackets: `[ … ]`",
        ),
        (
            "{ agents: { defaults: { model: ['vllm/a'] } } }",
            "wrong-type",
            "['vllm/a']",
            "`agents.defaults.model` must be a string or an object, and is an array",
            (
                'for example `"vllm/your-model-id"` or '
                '`{"primary": "vllm/your-model-id", "fallbacks": ["vllm/second-model"]}`'
            ),
        ),
        (
            "{ modles: { providers: {} } }",
            "unknown-section",
            "modles",
            "the section `modles` is none that Genesis knows",
            "did you mean `models`?",
        ),
        (
            "{ gateway: { port: 1 } }",
            "unknown-section",
            "gateway",
            "the section `gateway` is none that Genesis knows",
            "it is left to whatever reads it; Genesis checks nothing in it",
        ),
        (
            "{ models: [] }",
            "wrong-type",
            "[]",
            "`models` must be an object, and is an array",
            None,
        ),
        (
            "{ env: { vars: { PORT: 8000 } } }",
            "wrong-type",
            "8000",
            "`env.vars.PORT` must be a string, and is a whole number",
            None,
        ),
        (
            "{ $include: 5 }",
            "wrong-type",
            "5",
            "`$include` must be a string or an array, and is a whole number",
            'for example `"./models.json5"` or `["./base.json5", "./production.json5"]`',
        ),
        (
            "{ $include: [] }",
            "invalid-value",
            "[]",
            "`$include` is empty",
            "add one, or leave the key out",
        ),
    ],
)
def test_each_mistake_is_one_finding_at_its_place(
    text: str, rule: str, shown: str, message: str, help_: str | None
) -> None:
    assert found(text) == [(rule, shown, message, help_)]


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
def test_what_is_right_has_no_finding(text: str) -> None:
    assert found(text) == []


def test_what_a_syntax_error_damaged_is_not_reported_again() -> None:
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
def test_what_is_nearly_a_key_of_genesis_among_those_of_others(
    text: str, expected: tuple[str, str, str] | None
) -> None:
    findings = [each for each in validate(parse(Source("a", text))) if each.rule == "unknown-section"]
    told = [(each.message, each.help, each.severity) for each in findings]
    assert told == (
        [
            (
                f"the key `{expected[1]}` in {expected[0]} is none that Genesis knows",
                f"did you mean `{expected[2]}`?",
                "warning",
            )
        ]
        if expected
        else []
    )


def test_what_stands_in_while_the_validator_is_imported_is_gone_after_it() -> None:
    script = (
        "import sys\n"
        "from genesis_config.diagnostics.source import Source\n"
        "from genesis_config.syntax import parse\n"
        "from genesis_config.config.validation import validate\n"
        "assert 'jsonschema_rs' not in sys.modules\n"
        "before = 'socket' in sys.modules\n"  # the interpreter's own start-up may have brought it
        "assert validate(parse(Source('a', '{ models: {} }'))) == []\n"
        "assert 'jsonschema_rs' in sys.modules\n"
        "assert ('socket' in sys.modules) == before\n"
        "import email.utils\n"
        "assert email.utils.parsedate_to_datetime('Mon, 23 Nov 2026 12:00:00 +0000').year == 2026\n"
        "assert [each.rule for each in validate(parse(Source('a', '{ models: 1 }')))] == ['wrong-type']\n"
        "assert 'jsonschema' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_of_two_spellings_of_a_key_the_first_is_renamed() -> None:
    text = model("id: 'a', context_window: 1, contextWindws: 2")
    findings = validate(parse(Source("a", text)))
    assert [(each.message.split("`")[1], each.fix is not None) for each in findings] == [
        ("context_window", True),
        ("contextWindws", False),
    ]


def test_a_long_word_is_near_to_nothing_and_costs_nothing() -> None:
    (finding,) = found(provider(f"{'baseUrl' * 100_000}: 1, models: []"))
    assert finding[0] == "unknown-key"
