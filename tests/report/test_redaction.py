"""Redaction: no secret is shown, even in a wrong position or in broken text, and nothing else is hidden."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from genesis_config.cli.checking import FORMATS
from genesis_config.config.expansion import Variables
from genesis_config.diagnostics.finding import Diagnostic
from genesis_config.diagnostics.source import Source, Span
from genesis_config.lint.linter import check_text
from genesis_config.lint.settings import Settings
from genesis_config.pipeline import check_config
from genesis_config.report import text_report as text
from genesis_config.report.model import Report
from genesis_config.report.redaction import hidden_spans, visible

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "Zk9-canary_5t"
RANDOM = "kX9vQ2mT7bLw4RzN8pYcJ5hGdF3sA6eU"
PARTS = ("canary", "Zk9", "5t")


def rendered(report: Report) -> str:
    """Return a report in every format."""
    forms = (import_module(f"genesis_config.report.{form}_report") for form in FORMATS)
    return "".join(form.render(report) for form in forms) + text.render(report, colour=True)


def shown(config: str, name: str = "genesis.json5") -> str:
    """Return the reports of a configuration in every format; it must have findings."""
    findings = check_config(name, config.encode("utf-8", "surrogatepass"), Variables()).diagnostics
    assert findings
    return rendered(Report(1, tuple(findings)))


def in_provider(member: str, more: str = "") -> str:
    """Return a provider with a member and mistakes around it, all on one line, so that each frame shows it."""
    return f'{{ models: {{ providers: {{ vllm: {{ api: "seen", wrong1: 1, {member}, wrong2: 2 {more} }} }} }} }}'


MEMBERS = {
    "key": 'apiKey: "{}"',
    "single quotes": "apiKey: '{}'",
    "quoted name": '"apiKey": "{}"',
    "no space": 'apiKey:"{}"',
    "comment between": 'apiKey: /* here */ "{}"',
    "in an array": 'apiKey: ["{}"]',
    "in an object": 'apiKey: {{ value: "{}" }}',
    "as the id of a variable": 'apiKey: {{ source: "env", id: "{}" }}',
    "as the path of a file": 'apiKey: {{ source: "file", path: 3, key: "{}" }}',
    "other case": 'apikey: "{}"',
    "snake case": 'api_key: "{}"',
    "kebab case": '"api-key": "{}"',
    "typing error": 'apiKye: "{}"',
    "of the provider": 'vllmApiKey: "{}"',
    "token": 'token: "{}"',
    "secret": 'clientSecret: "{}"',
    "password": 'password: "{}"',
    "authorization": 'Authorization: "Bearer {}"',
    "header": 'headers: {{ "X-Gateway": "{}" }}',
    "header with a scheme": 'headers: {{ Authorization: "Bearer {}" }}',
    "second header": 'headers: {{ "A": "${{A}}", B: "{}" }}',
    "header beside a reference": 'headers: {{ B: "${{A}} {}" }}',
    "header of a model": 'models: [{{ id: "m", headers: {{ B: "{}" }}, oops: 1 }}]',
    "headers in an array": 'headers: [{{ B: "{}" }}]',
    "headers misspelt": 'headrs: {{ "X-Gateway": "{}" }}',
    "one header": 'header: {{ "X-Gateway": "{}" }}',
    "headers of another tool": 'extraHeaders: {{ "X-Gateway": "{}" }}',
    "a header without a name": 'header: "{}"',
    "pwd": 'pwd: "{}"',
    "passphrase": 'passphrase: "{}"',
    "auth": 'auth: "{}"',
    "bearer": 'bearer: "{}"',
    "twice": 'apiKey: "${{A}}", apiKey: "{}"',
    "the first of two": 'apiKey: "{}", apiKey: "${{A}}"',
    "in the URL": 'baseUrl: "http://me:{}@10.0.0.5:8000/v1"',
    "auth with a second colon": '1 auth: "{}" :',
    "in a URL with a quote": 'baseUrl: "http://me:pa\'{}@10.0.0.5:8000/v1"',
    "in a URL with an escaped quote": 'baseUrl: "http://me:pa\\"{}@10.0.0.5:8000/v1"',
    "in a URL without a scheme": 'baseUrl: "me:{}@10.0.0.5:8000/v1"',
    "in a query": 'baseUrl: "10.0.0.5:8000/v1?auth=it is {}"',
    "escaped": 'apiKey: "\\x5ak9-canary_5t"',
    "over two lines": 'apiKey: "Zk9-\\\ncanary_5t"',
    "default of a reference": 'apiKey: "${{VLLM_API_KEY:-{}}}"',
    "without quotes": "apiKey: {}",
    "without a colon": 'apiKey "{}"',
    "with an equals sign": 'apiKey = "{}"',
    "in pieces": 'apiKey: "sk-" + "{}"',
    "in three pieces": 'apiKey: "a" + \'b\' + "{}"',
    "after another string": 'apiKey: "a" "{}"',
    "bare and without a colon": "apiKey {}",
    "in typographic quotes": "apiKey: \u201c{}\u201d",
    "in single typographic quotes": "apiKey: \u2018{}\u2019",
    "a whole header for its name": 'headers: {{ "Authorization: Bearer {}": "" }}',
    "a header's name": 'headers: {{ "X-Key {}": "v" }}',
    "with a dollar sign": 'headers: {{ "X-Password": "${}" }}',
}


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("more", ["", ", oops: [1 2]", ', models: [{ id: "m" }]'])
def test_a_secret_in_a_secret_position_is_not_shown(name: str, more: str) -> None:
    output = shown(in_provider(MEMBERS[name].format(CANARY), more))
    for part in PARTS:
        assert part not in output
    assert "seen" in output


@pytest.mark.parametrize(
    "config",
    [
        f'{{ env: {{ vars: {{ VLLM_API_KEY: "{CANARY}", STAGE: "seen" }}, wrong: 1 }} }}',
        (
            f'{{ env: {{ vars: {{ MY_THING: "{CANARY}", STAGE: "seen" }}, wrong: 1 }}, '
            'models: { providers: { vllm: { apiKey: "${MY_THING}" } } } }'
        ),
        (
            f'{{ env: {{ vars: {{ MY_THING: "{CANARY}", STAGE: "seen" }}, wrong: 1 }}, '
            'models: { providers: { vllm: { apiKey: { source: "env", id: "MY_THING" } } } } }'
        ),
        (
            f'{{ env: {{ vars: {{ MY_THING: "{CANARY}", STAGE: "seen" }}, wrong: 1 }}, '
            'models: { providers: { vllm: { models: [{ id: "a", headers: { "X-A": "$<MY_THING>" } }] } } } }'
        ),
        f'{{ env: {{ vars: {{ MY_TOKEN: "{CANARY}", STAGE: "seen" }} }}, models: 1 }}',
        f'{{ models: {{ providers: {{ vllm: {{ wrong: 1, api: "seen", apiKey: "{CANARY} }} }} }} }}',
        f'{{ models: {{ providers: {{ vllm: {{ wrong: 1, api: "seen", apiKey: "{CANARY}" "again" }} }} }} }}',
        f'{{ models: {{ providers: {{ seen: 1, apiKey: "{CANARY}" }} }} }}',
        f'{{ seen: 1, apiKey: "{CANARY}", models: [ }}',
        f'{{ auth: {{ profiles: {{ a: {{ key: "{CANARY}", mode: "seen" }} }} }} }}',
        'seen: 1, { "apiKey": "' + CANARY + '"',
    ],
)
def test_a_secret_in_a_wrong_place_is_not_shown(config: str) -> None:
    output = shown(config)
    for part in PARTS:
        assert part not in output
    assert "seen" in output


@pytest.mark.parametrize(
    "key",
    [
        "sk-4f9a2b7c0d1e",
        "hf_AbCdEf0123456789",
        "ghp_0123456789abcdef",
        "gsk_0123456789abcdef",
        "xoxb-1234-5678-abcd",
        RANDOM,
    ],
)
def test_text_that_looks_like_a_key_is_not_shown_anywhere(key: str) -> None:
    output = shown(in_provider(f'params: {{ user: "{key}" }}, models: [{{ id: "{key}", wrong: 1 }}] // {key}\n'))
    assert key not in output
    assert "seen" in output


ESCAPED_KEYS = {
    "first character": r'"\u0073k-proj-Abcdef1234567890Qq"',
    "inside": r'"sk-proj-\u0041bcdef1234567890Qq"',
    "hexadecimal": r"'\x73k-proj-Abcdef1234567890Qq'",
    "needless": r'"s\k-proj-Abcdef1234567890Qq"',
    "bare": r"sk_live\u005fAbcdef1234567890Qq",
    "over two lines": '"sk-proj-\\\nAbcdef1234567890Qq"',
}


@pytest.mark.parametrize("key", ESCAPED_KEYS.values(), ids=ESCAPED_KEYS)
@pytest.mark.parametrize("more", ["{0}: 1", "{0}: 1, {0}: 2", "{0} 1", "wrong3: , {0}: 1, {0}: 2"])
def test_a_secret_with_escapes_as_a_key_is_not_shown(key: str, more: str) -> None:
    output = shown(in_provider(more.format(key)))
    assert "def1234567890Qq" not in output
    assert "seen" in output


def test_a_secret_as_the_id_of_a_provider_is_not_shown() -> None:
    key = "sk-proj-Abcdef1234567890Qq"
    output = shown(f'{{ models: {{ providers: {{ "{key}": {{ baseUrl: "http://h/v1" }}, "{key}": {{}} }} }} }}')
    assert "no-models" in output
    assert "duplicate-key" in output
    assert key not in output


@pytest.mark.parametrize(
    "comment",
    [
        '/* apiKey: "alice: swordfish" */',
        "/* password: hunter, swordfish */",
        "/* password = hunter; [swordfish] */",
        "// password: hunter, swordfish\n",
        '/* baseUrl: "http://me:pa\'swordfish@h/v1" */',
        '/* apiKey: "swordfish=" */',
        "/* apiKey: swordfish= */",
        "/* token: 'a, swordfish' */",
    ],
)
def test_a_secret_of_several_words_in_a_comment_is_not_shown(comment: str) -> None:
    output = shown(in_provider(comment))
    assert "swordfish" not in output
    assert "seen" in output


@pytest.mark.parametrize("value", ["alice: swordfish", "hunter, swordfish", "swordfish=", "{ a: swordfish"])
@pytest.mark.parametrize("name", ["apiKey", "auth"])
def test_a_secret_of_several_words_in_broken_text_is_not_shown(name: str, value: str) -> None:
    assert "swordfish" not in shown(in_provider(f"' {name}: \"{value}\" '"))


def test_what_is_no_secret_in_a_comment_is_shown() -> None:
    text = '{ x: /* apiKey: "${VLLM_API_KEY}", */ 1 // apiKey: "EMPTY"; \n}'
    assert hidden_spans(Source("genesis.json5", text, "configuration")) == ()


def test_text_that_looks_like_a_key_is_not_shown_as_a_default() -> None:
    key = "sk-canary4be1c09dcanary4be1c09d"
    assert key not in shown(in_provider(f'baseUrl: "http://${{HOST:-{key}}}/v1"'))


def test_a_secret_in_an_included_file_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "keys.json5").write_text(f'{{ wrong3: 1, api: "seen", apiKey: "{CANARY}" }}', encoding="utf-8")
    config = '{ models: { providers: { vllm: { $include: "keys.json5", models: [{ id: "m" }] } } } }'
    output = shown(config, str(tmp_path / "genesis.json5"))
    assert CANARY not in output
    assert "keys.json5:1:3" in output


@pytest.mark.parametrize("member", ["maxTokens: 8", 'api: "openai-completions"', "timeoutSeconds: 5", 'api: "monkey"'])
def test_ordinary_text_is_shown(member: str) -> None:
    assert member in shown(in_provider(member))


def test_a_key_is_hidden_elsewhere_too() -> None:
    more = f'params: {{ user: "{CANARY}" }}, x: 1 // {CANARY} was the first\n'
    output = shown(in_provider(f'apiKey: "{CANARY}", {more}'))
    for part in PARTS:
        assert part not in output


@pytest.mark.parametrize("member", ["secretKey: {}", "password: {}", "password: [{}]", "token: {{ a: {} }}"])
def test_a_number_with_the_name_of_a_secret_is_not_shown(member: str) -> None:
    text = f"{{ models: {{ providers: {{ vllm: {{ wrong: 1, {member.format('87654321')} }} }} }} }}"
    output = shown(text)
    assert "wrong: 1" in output
    assert "87654321" not in output


@pytest.mark.parametrize("value", ["http://127.0.0.1:8000/v1", "research-team1"])
@pytest.mark.parametrize(("header", "times"), [("X-Url", 1), ("X-Token", 0)])
def test_only_the_value_of_a_secret_header_is_hidden_elsewhere(header: str, value: str, times: int) -> None:
    members = f'headers: {{ "{header}": "{value}" }}, models: [{{ id: "m", name: "{value}" }}]'
    source = Source("genesis.json5", f"{{ models: {{ providers: {{ vllm: {{ {members} }} }} }} }}", "configuration")
    assert visible(source, 0, len(source.text)).count(value) == times


def test_a_hundred_keys_are_hidden_elsewhere() -> None:
    names = [f"Zk9canary{number:03}" for number in range(101)]
    providers = ", ".join(f'p{number}: {{ apiKey: "{name}" }}' for number, name in enumerate(names))
    source = Source(
        "genesis.json5", f"{{ models: {{ providers: {{ {providers} }} }} }} // {' '.join(names)}", "configuration"
    )
    comment = visible(source, source.text.index("//"), len(source.text))
    assert sum(name in comment for name in names) == 1


@pytest.mark.parametrize("word", ["research", "vllm-local", "team-7"])
def test_a_word_in_a_header_is_shown_elsewhere(word: str) -> None:
    output = shown(in_provider(f'headers: {{ "X-Tenant": "{word}" }}, params: {{ user: "{word}-llama" }}'))
    assert f"{word}-llama" in output


def test_a_count_of_tokens_is_shown() -> None:
    assert "maxToken: 512" in shown(in_provider('models: [{ id: "m", maxToken: 512 }]'))


def test_the_text_of_a_fix_contains_no_key() -> None:
    url = "https://sk-abcdefghijklmnop1234.example.com/chat/completions"
    config = f'{{ models: {{ providers: {{ p: {{ baseUrl: "{url}", models: [{{ id: "m" }}] }} }} }} }}'
    output = shown(config)
    assert "base-url-path" in output
    assert "sk-abcdefghijklmnop1234" not in output


def test_a_reference_and_a_scheme_are_shown() -> None:
    output = shown(in_provider('headers: { A: "Bearer ${TOKEN} ' + CANARY + '" }'))
    assert '"Bearer ${TOKEN}***"' in output


@example(member="auth", before="1", after=":")
@example(member="header", before="'", after="'1")
@given(
    member=st.sampled_from(sorted(MEMBERS)),
    before=st.text("{}[],:\"'\\/*\n a1$#", max_size=12),
    after=st.text("{}[],:\"'\\/*\n a1$#", max_size=12),
)
def test_a_secret_is_not_shown_whatever_is_broken_around_it(member: str, before: str, after: str) -> None:
    """After an unclosed quote or comment, the secret may be part of any text, but its name still precedes it."""
    config = in_provider(before + " " + MEMBERS[member].format(CANARY) + " " + after)
    findings = check_config("genesis.json5", config.encode(), Variables()).diagnostics
    assert "canary_5t" not in rendered(Report(1, tuple(findings))), config


@pytest.mark.parametrize(
    "line",
    [
        "apiKey" * 200_000,
        "key" * 300_000 + ": 1",
        'apiKey: "' + "a" * 1_000_000,
        "headers: {" * 100_000,
        "headers: { a: " * 50_000,
        "token " * 150_000,
        "sk-" * 300_000,
        "'" * 1_000_000,
        '"apiKey": "${A}' * 60_000,
        "a-" * 400_000 + "token",
        "author" * 150_000,
        "aB3" * 400_000,
        "/* " + "${" * 100_000 + " */ y: 1 }",
        'x: "' + "${" * 100_000 + '" y: 1',
        "/* " + 'apiKey: "' * 100_000 + " */ y: 1 }",
        "/* " + "apiKey:\n" * 100_000 + " */ y: 1 }",
        "kX9vQ2mT7bLw4RzN8pYcJ5hGdF3sA6eU " * 30_000,
    ],
    ids=lambda line: line[:12],
)
def test_a_hostile_line_of_a_megabyte_is_processed_quickly(line: str) -> None:
    assert shown(f"{{ {line}")


P = ("models", "providers", "vllm")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('{ models: { providers: { vllm: { headers: { "X-Tenant": "default", "X-Kind": "models" } } } } }',
         ["`models.providers.vllm`", "without models"]),
        ('{ models: { providers: { ollama: { apiKey: "ollama", api: "ollama" } } } }',
         ["the API `ollama` in `models.providers.ollama.api`", 'apiKey: "ollama"']),
        ('{ gateway: { token: { source: "env", provider: "default", id: "X" } }, agents: { defaults: { model: 1 } } }',
         ["`agents.defaults.model`"]),
        ('{ models: { providers: { vllm: { "authHeader": true } } } }', ['"authHeader": true']),
        ('{ models: { providers: { vllm: { "auth": "api-key" } } } }', ['"auth": "api-key"']),
        ('{ models: { providers: { vllm: { apiKey: "$VLLM_API_KEY" } } } }', ['apiKey: "$VLLM_API_KEY"']),
        ('{ models: { providers: { vllm: { apiKey: { env: "X" } } } } }', ['{ env: "X" }']),
        ('{ models: { providers: { vllm: { baseURL: "http://10.0.0.5:8000/v1" } } } }', ['"http://10.0.0.5:8000/v1"']),
    ],
)  # fmt: skip
def test_ordinary_values_are_not_masked(config: str, expected: list[str]) -> None:
    output = shown(config)
    for words in expected:
        assert words in output


@pytest.mark.parametrize("length", [10, 240, 100_000])
@pytest.mark.parametrize("end", ["} } } }", ""])
def test_a_comment_of_any_length_between_a_name_and_its_secret(length: int, end: str) -> None:
    text = f'{{ models: {{ providers: {{ vllm: {{ apiKye: // {"x" * length}\n"{CANARY}" {end}'
    source = Source("genesis.json5", text, "configuration")
    assert CANARY not in visible(source, 0, len(source.text))


def test_a_lock_on_one_line_shows_no_password() -> None:
    provider = (
        '{"baseUrl": "http://me:' + CANARY + '@10.0.0.5/v1", "models": {"a": {"contextWindow": 1, "parent": null}}}'
    )
    source = Source("genesis.lock.json", '{"lockVersion": 1, "providers": {"vllm": ' + provider + "}}", "lock")
    output = rendered(Report(1, (Diagnostic("lock-stale", "m", Span(source, 40, 46)),)))
    assert CANARY not in output
    assert '"models": {"a"' in output


def test_nothing_of_a_source_without_a_role_is_shown() -> None:
    source = Source("genesis.json5", "{ models: { providers: { vllm: { unseen: 1 } } } }")
    assert "unseen" not in rendered(Report(1, (Diagnostic("unknown-key", "m", Span(source, 2, 8)),)))


def test_the_value_of_a_variable_that_another_file_uses_as_a_secret_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "env.json5").write_text(f'{{ vars: {{ MINE: "{CANARY}" }}, wrong: 1 }}', encoding="utf-8")
    config = '{ env: { $include: "env.json5" }, models: { providers: { vllm: { apiKey: "${MINE}" } } } }'
    assert CANARY not in shown(config, str(tmp_path / "genesis.json5"))


def test_a_reason_shows_no_key() -> None:
    key = "sk-4f9a2b7c0d1e5f6a7b8c"
    source = f"{{ models: {{ providers: {{ vllm: {{ wrong: 1 // genesis: ignore[unknown-key] {key} is why\n }} }} }} }}"
    result = check_text("genesis.json5", source.encode(), Settings())
    assert [finding.rule for finding in result.ignored] == ["unknown-key"]
    assert key not in rendered(Report(1, tuple(result.findings), tuple(result.ignored)))


WORDS = st.sampled_from(["team", "llama-3-8b", "org/model-7b", "", "a b", "\u00e9", "http://h/v1"])


@st.composite
def plain(draw: st.DrawFn) -> dict[str, Any]:
    """A configuration without a secret."""
    words = st.lists(WORDS, max_size=2)
    model = st.fixed_dictionaries(
        {"id": WORDS, "contextWindow": st.just(8192)},
        optional={"name": WORDS, "input": words, "reasoning": st.booleans(), "params": st.just({"user": "team"})},
    )
    provider = st.fixed_dictionaries(
        {"baseUrl": st.sampled_from(["http://10.0.0.5:8000/v1", "https://${HOST}/v1", "http://h/v1?page=2"])},
        optional={
            "api": WORDS,
            "apiKey": st.sampled_from(
                [
                    "${K}",
                    "$K_1",
                    "EMPTY",
                    "sk-no-auth-required",
                    {"source": "env", "id": "K"},
                    {"source": "file", "path": "/k"},
                ]
            ),
            "headers": st.just({"Authorization": "Bearer ${K}", "X-Tenant": "${T}"}),
            "params": st.dictionaries(st.sampled_from(["user", "stop_token", "max_tokens"]), WORDS, max_size=2),
            "timeoutSeconds": st.integers(1, 9),
            "models": st.lists(model, max_size=2),
        },
    )
    return {
        "models": {"providers": draw(st.dictionaries(st.sampled_from(["vllm", "x-ai", "a b"]), provider, max_size=2))},
        "agents": {"defaults": {"model": draw(WORDS), "models": {"vllm/m": {"alias": draw(WORDS)}, "vllm/*": {}}}},
        "auth": {"order": {"vllm": ["vllm:default"]}, "profiles": {"vllm:default": {"provider": "vllm"}}},
        "env": {"vars": draw(st.dictionaries(st.sampled_from(["STAGE", "MAX_TOKENS", "SORT_KEY"]), WORDS, max_size=2))},
    }


def written(draw: st.DrawFn, value: object) -> str:
    """Return a value as JSON5, with comments."""
    text = json.dumps(value, indent=draw(st.sampled_from([None, 2])), ensure_ascii=draw(st.booleans()))
    comment = draw(st.sampled_from(["", " // see the docs, or ask\n", " /* a comment */ "]))
    return re.sub(r'(?<="): |\{(?=["\n}])', lambda match: match[0] + comment, text)


@st.composite
def plain_texts(draw: st.DrawFn) -> str:
    return written(draw, draw(plain()))


@given(plain_texts())
def test_nothing_but_secrets_is_masked(text: str) -> None:
    assert hidden_spans(Source("genesis.json5", text, "configuration")) == ()


PLACES: dict[str, tuple[tuple[str, ...], object]] = {
    "key": ((*P, "apiKey"), CANARY),
    "key with a scheme": ((*P, "apiKey"), f"Bearer {CANARY}"),
    "default": ((*P, "apiKey"), "${K:-" + CANARY + "}"),
    "key in an object": ((*P, "apiKey"), {"source": "env", "value": CANARY}),
    "key in an array": ((*P, "apiKey"), ["a", CANARY]),
    "header": ((*P, "headers"), {"X-Tenant": CANARY}),
    "header of a model": ((*P, "models"), [{"id": "m", "headers": {"X-Tenant": CANARY}}]),
    "user information": ((*P, "baseUrl"), f"http://me:{CANARY}@10.0.0.5/v1"),
    "query": ((*P, "baseUrl"), f"http://10.0.0.5/v1?a=b&api_key={CANARY}"),
    "parameter": ((*P, "params"), {"extra": {"api_key": CANARY}}),
    "variable": (("env", "vars", "MY_TOKEN"), CANARY),
    "misspelt": ((*P, "apiKye"), CANARY),
    "unknown": ((*P, "wrong"), CANARY),
    "unknown, deep": ((*P, "wrong"), [{"name": {"wrong": CANARY}}]),
    "unknown in a model": ((*P, "models"), [{"id": "m", "wrong": CANARY}]),
    "profile": (("auth", "profiles", "a"), {"provider": "vllm", "key": CANARY}),
    "section": (("gateway", "auth"), {"password": CANARY, "wrong": CANARY}),
    "wrong type": (("models", "providers"), CANARY),
    "root": ((), CANARY),
}


@st.composite
def secret_texts(draw: st.DrawFn) -> str:
    """A configuration with a secret, truncated anywhere before or after it."""
    value: Any = draw(plain())
    path, secret = PLACES[draw(st.sampled_from(sorted(PLACES)))]
    *above, last = path or ("",)
    node = value
    for key in above:
        if not isinstance(node.get(key), dict):
            node[key] = {}
        node = node[key]
    node[last] = secret
    text = written(draw, value if path else secret)
    start = text.index(CANARY)
    first = draw(st.one_of(st.just(0), st.integers(0, start)))
    end = draw(st.one_of(st.just(len(text)), st.integers(start + len(CANARY), len(text))))
    return text[first:end]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(secret_texts())
def test_no_secret_is_shown(text: str) -> None:
    source = Source("genesis.json5", text, "configuration")
    assert CANARY not in visible(source, 0, len(text)), text
    assert CANARY not in rendered(Report(1, tuple(check_config("genesis.json5", text.encode()).diagnostics))), text
