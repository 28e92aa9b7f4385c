"""References in secret positions: where they are, what they resolve to, and that their text is never repeated."""

from __future__ import annotations

import pytest

from genesis_config.config.paths import is_secret_position
from genesis_config.credentials.names import is_secret_variable
from tests.config.expansion_support import PROVIDER, config, expanded, findings_of, read


@pytest.mark.parametrize(
    ("member", "path"),
    [
        ('apiKey: "${A}"', ("apiKey",)),
        ('apiKey: { source: "env", id: "A" }', ("apiKey",)),
        ('headers: { "X-Key": "${A}" }', ("headers", "X-Key")),
        ('headers: { "x-key": "Bearer ${A}" }', ("headers", "x-key")),
        ('models: [{ id: "a", headers: { k: "${A}" } }]', ("models", 0, "headers", "k")),
    ],
)
def test_secret_positions_do_not_use_env_vars(member: str, path: tuple[str | int, ...]) -> None:
    text = config(member, 'env: { vars: { A: "declared" } }')
    string = expanded(text).strings[(*PROVIDER, *path)]
    assert (string.secret, string.resolved.value, string.origins) == (True, None, {})
    # The environment sets it, and the document keeps the template.
    expansion = expanded(text, A="value")
    assert expansion.strings[(*PROVIDER, *path)].origins == {"A": "the environment"}
    assert expansion.value == read(text).value
    assert expansion.diagnostics == expanded(text).diagnostics == []


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ((*PROVIDER, "apiKey"), True),
        ((*PROVIDER, "headers", "any"), True),
        ((*PROVIDER, "models", 3, "headers", "any"), True),
        ((*PROVIDER, "baseUrl"), False),
        ((*PROVIDER, "headers"), False),
        ((*PROVIDER, "params", "apiKey"), False),
        ((*PROVIDER, "params", "headers", "any"), False),
        ((*PROVIDER, "models", 3, "id"), False),
        ((*PROVIDER, "models", 3, "apiKey"), False),
        (("agents", "defaults", "models", "a/b", "headers", "any"), False),
        ((), False),
    ],
)
def test_secret_positions_are_keys_and_header_values(path: tuple[str | int, ...], secret: bool) -> None:  # noqa: FBT001 - a table
    assert is_secret_position(path) is secret


@pytest.mark.parametrize("name", ["KEY", "A_KEY", "HF_TOKEN", "MY_SECRET", "DB_PASSWORD", "ApiKey", "token"])
def test_variable_is_secret_because_of_its_name(name: str) -> None:
    assert is_secret_variable(name)
    assert not is_secret_variable(f"{name}_FILE")


def test_variables_are_secret_by_position_or_by_name() -> None:
    text = config('apiKey: "${A}-$<B:-x>", baseUrl: "${HOST}/${MY_TOKEN}/$${SOME_KEY}", headers: { h: "$<C>" }')
    assert expanded(text).secret_names() == {"A", "B", "C", "MY_TOKEN"}


def test_key_object_with_a_variable_is_a_reference() -> None:
    text = config('apiKey: { source: "env", id: "MY_VAR" }')
    string = expanded(text, MY_VAR="value").strings[(*PROVIDER, "apiKey")]
    assert (string.template, string.resolved.value, string.secret) == ("${MY_VAR}", "value", True)
    assert expanded(text).secret_names() == {"MY_VAR"}


def test_invalid_variable_name_in_a_key_object_is_reported_at_the_name() -> None:
    for name in ("lower", "A-B", "", "1A", "A\\n", "sk-canary"):
        expansion = expanded(config(f'apiKey: {{ source: "env", id: "{name}" }}'))
        (finding,) = findings_of(expansion)
        assert finding[:4] == ("malformed-reference", 1, 63, f'"{name}"')
        assert "`models.providers.vllm.apiKey.id`" in finding.message
        assert "canary" not in f"{finding.message} {finding.help}"
        assert expansion.strings == {}


def test_reference_as_variable_name_is_reported_once() -> None:
    (finding,) = findings_of(expanded(config('apiKey: { source: "env", id: "${A}" }')))
    assert (finding.rule, finding.text) == ("malformed-reference", '"${A}"')


@pytest.mark.parametrize(
    "key", ['"a string"', '{ source: "file", path: "/run/key" }', '{ source: "env" }', "3", "null"]
)
def test_other_keys_have_no_variable(key: str) -> None:
    expansion = expanded(config(f"apiKey: {key}"))
    assert (expansion.strings, expansion.diagnostics) == ({}, [])


def test_unset_variable_in_a_secret_position_is_not_reported() -> None:
    text = config('apiKey: "${A}", headers: { h: "${B:?why}" }, models: [{ id: "a", headers: { h: "$<C>" } }]')
    expansion = expanded(text)
    assert expansion.diagnostics == []
    assert [string.resolved.value for string in expansion.strings.values()] == [None] * 3


def test_extension_is_not_a_provider() -> None:
    text = '{ models: { providers: { "x-old": { apiKey: { source: "env", id: "lower" }, baseUrl: "${A}" } } } }'
    assert expanded(text).diagnostics == []
    assert expanded(text).strings == {}


def test_text_of_a_secret_position_is_not_repeated() -> None:
    (finding,) = findings_of(expanded(config("apiKey: '${sk-canary}'")))
    assert "`models.providers.vllm.apiKey`" in finding.message
    assert "`${NAME}`" in (finding.help or "")
    assert "canary" not in f"{finding.message} {finding.help}"
