"""No secret is ever shown, wherever it was put by mistake, and however broken the text around it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.expansion import Variables
from genesis_config.pipeline import check_config
from genesis_config.report import json_report as json
from genesis_config.report import text_report as text
from genesis_config.report.model import Report

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "Zk9-canary_5t"
RANDOM = "kX9vQ2mT7bLw4RzN8pYcJ5hGdF3sA6eU"
PARTS = ("canary", "Zk9", "5t")


def shown(config: str, name: str = "genesis.json5") -> str:
    """Give all that `check` says of a configuration, in both formats; there is something to say."""
    findings = check_config(name, config.encode("utf-8", "surrogatepass"), Variables()).diagnostics
    assert findings
    report = Report(1, tuple(findings))
    return text.render(report) + text.render(report, colour=True) + json.render(report)


def in_provider(member: str, more: str = "") -> str:
    """Put a member and mistakes around it into a provider, all on one line, so that each frame shows all."""
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
def test_a_secret_by_its_place_is_not_shown(name: str, more: str) -> None:
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
def test_a_secret_by_its_shape_is_not_shown_wherever_it_is(key: str) -> None:
    output = shown(in_provider(f'params: {{ user: "{key}" }}, models: [{{ id: "{key}", wrong: 1 }}] // {key}\n'))
    assert key not in output
    assert "seen" in output


def test_a_secret_by_its_shape_is_not_shown_as_a_default() -> None:
    key = "sk-canary4be1c09dcanary4be1c09d"
    assert key not in shown(in_provider(f'baseUrl: "http://${{HOST:-{key}}}/v1"'))


def test_a_secret_in_an_included_file_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "keys.json5").write_text(f'{{ wrong3: 1, api: "seen", apiKey: "{CANARY}" }}', encoding="utf-8")
    config = '{ models: { providers: { vllm: { $include: "keys.json5", models: [{ id: "m" }] } } } }'
    output = shown(config, str(tmp_path / "genesis.json5"))
    assert CANARY not in output
    assert "keys.json5:1:3" in output


@pytest.mark.parametrize("member", ["maxTokens: 8", 'api: "openai-completions"', "timeoutSeconds: 5", 'api: "monkey"'])
def test_what_is_no_secret_is_shown(member: str) -> None:
    assert member in shown(in_provider(member))


def test_a_key_that_stands_elsewhere_too_is_not_shown() -> None:
    more = f'params: {{ user: "{CANARY}" }}, x: 1 // {CANARY} was the first\n'
    output = shown(in_provider(f'apiKey: "{CANARY}", {more}'))
    for part in PARTS:
        assert part not in output


@pytest.mark.parametrize("word", ["research", "vllm-local", "team-7"])
def test_a_word_in_a_header_is_shown_elsewhere(word: str) -> None:
    output = shown(in_provider(f'headers: {{ "X-Tenant": "{word}" }}, params: {{ user: "{word}-llama" }}'))
    assert f"{word}-llama" in output


def test_a_count_of_tokens_is_shown() -> None:
    assert "maxToken: 512" in shown(in_provider('models: [{ id: "m", maxToken: 512 }]'))


def test_the_words_of_a_fix_hold_no_key() -> None:
    url = "https://sk-abcdefghijklmnop1234.example.com/chat/completions"
    config = f'{{ models: {{ providers: {{ p: {{ baseUrl: "{url}", models: [{{ id: "m" }}] }} }} }} }}'
    output = shown(config)
    assert "base-url-path" in output
    assert "sk-abcdefghijklmnop1234" not in output


def test_a_reference_and_a_scheme_are_shown() -> None:
    output = shown(in_provider('headers: { A: "Bearer ${TOKEN} ' + CANARY + '" }'))
    assert '"Bearer ${TOKEN}***"' in output


@given(
    member=st.sampled_from(sorted(MEMBERS)),
    before=st.text("{}[],:\"'\\/*\n a1$#", max_size=12),
    after=st.text("{}[],:\"'\\/*\n a1$#", max_size=12),
)
def test_a_secret_is_not_shown_whatever_is_broken_around_it(member: str, before: str, after: str) -> None:
    """Where a quote or comment is opened before it, it may stand in a text that is no key: its name is still there."""
    config = in_provider(before + " " + MEMBERS[member].format(CANARY) + " " + after)
    findings = check_config("genesis.json5", config.encode(), Variables()).diagnostics
    report = Report(1, tuple(findings))
    output = text.render(report) + json.render(report)
    assert "canary_5t" not in output, config


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
        "kX9vQ2mT7bLw4RzN8pYcJ5hGdF3sA6eU " * 30_000,
    ],
    ids=lambda line: line[:12],
)
def test_a_hostile_line_of_a_megabyte_is_done_with_at_once(line: str) -> None:
    assert check_config("genesis.json5", f"{{ {line}".encode(), Variables()).diagnostics
