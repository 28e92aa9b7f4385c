"""The one definition of a secret: key patterns, markers, and the names of variables, headers and fields."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.credentials.markers import is_marker
from genesis_config.credentials.names import (
    header_variable,
    is_secret_field,
    is_secret_header,
    is_secret_variable,
    provider_variable,
)
from genesis_config.credentials.patterns import is_key, without_keys
from genesis_config.syntax.references import NAME

HEX = "9f86d081884c7d659a2feaa0c55ad015"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("vllm/sk-abcdefghijklmnop12345678", "vllm/***"),
        ("sk-4f9a2b7c0d1e", "***"),
        (f"dapi{HEX}", "***"),
        (f"dapi{HEX}-2", "***"),
        ("csk-4jkx9w2mcv8e5thp6n3d", "***"),
        ("fw_3ZbCdEfGhJkLmNpQ", "***"),
        ("hf_AbCdEfGhIjKlMnOpQrSt", "***"),
        ("github_pat_11ABCDEFG0abcdefghijkl", "***"),
        ("xoxb-1234-5678-abcd", "***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "***"),
        (f"say {HEX}, twice {HEX}", "say ***, twice ***"),
    ],
)
def test_key_patterns_match(text: str, shown: str) -> None:
    assert is_key(text)
    assert without_keys(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "sk-no-auth-required",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
        "hf-internal-testing/tiny-random-LlamaForCausalLM",
        "hf_hub_enable_transfer",
        f"vllm/vllm-openai@sha256:{HEX}{HEX}",
        f"https://gateway.ai.cloudflare.com/v1/{HEX}/gateway/openai",
        f"https://api.cloudflare.com/client/v4/accounts/{HEX}/ai/v1",
        "550e8400-e29b-41d4-a716-446655440000",
        "/mnt/models/checkpoints/2026-11-23/final",
    ],
)
def test_ids_paths_digests_and_accounts_are_not_keys(text: str) -> None:
    assert not is_key(text)
    assert without_keys(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "EMPTY", "empty", "none", "None", "not-needed", "no-key", "unused", "dummy", "local", "vllm-local",
        "MyServer-Local", "ollama", "lmstudio", "lm-studio", "sk-no-key-required", "sk-no-auth-required", "x", "XXXX",
        "test", "fake", "placeholder", "changeme", "<your key>", " EMPTY ",
    ],
)  # fmt: skip
def test_markers(text: str) -> None:
    assert is_marker(text)


@pytest.mark.parametrize("text", ["hunter2", "Zk9-canary_5t", "sk-4f9a2b7c0d1e", "sk-4f9a2b7c0d1e-local", "empties"])
def test_keys_are_not_markers(text: str) -> None:
    assert not is_marker(text)


@pytest.mark.parametrize(
    "name",
    [
        "KEY", "VLLM_API_KEY", "HF_TOKEN", "HFTOKEN", "MY_SECRET", "DB_PASS", "DB_PASSWORD", "DB_PASSWD", "MY_PWD",
        "GITHUB_PAT", "AWS_CREDENTIALS", "PRIVATE_THING", "SLACK_WEBHOOK", "SLACK_WEBHOOK_URL", "SENTRY_DSN",
        "DATABASE_URL", "REDIS_URL", "MONGODB_URI", "AWS_SECRET_ACCESS_KEY", "SECRET_OF_MINE", "token", "ApiKey",
    ],
)  # fmt: skip
def test_secret_variables(name: str) -> None:
    assert is_secret_variable(name)


@pytest.mark.parametrize(
    "name",
    [
        "MAX_TOKENS", "EOS_TOKEN", "BOS_TOKEN", "PAD_TOKEN", "STOP_TOKEN", "UNK_TOKEN", "PARTITION_KEY", "SORT_KEY",
        "PRIMARY_KEY", "AWS_ACCESS_KEY_ID", "PUBLIC_KEY", "BASE_URL", "COMPASS", "PATTERN", "PATH", "TOKENIZER",
        "MONKEY", "DB_PASSWORD_FILE", "STAGE",
    ],
)  # fmt: skip
def test_plain_variables(name: str) -> None:
    assert not is_secret_variable(name)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", True),
        ("Proxy-Authorization", True),
        ("Cookie", True),
        ("X-Api-Key", True),
        ("apikey", True),
        ("X-Auth-Token", True),
        ("X-Client-Secret", True),
        ("X-Password", True),
        ("X-Tenant", False),
        ("X-Key-Owner", False),
        ("X-Authorization-Mode", False),
    ],
)
def test_secret_headers(name: str, secret: bool) -> None:  # noqa: FBT001 - a table
    assert is_secret_header(name) is secret


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("apiKey", True),
        ("access_token", True),
        ("sig", True),
        ("stop_token", False),
        ("eosToken", False),
        ("max_tokens", False),
        ("prompt_cache_key", False),
        ("token_budget", False),
        ("user", False),
    ],
)
def test_secret_fields(name: str, secret: bool) -> None:  # noqa: FBT001 - a table
    assert is_secret_field(name) is secret


@given(st.text())
def test_derived_variables_are_valid_references(name: str) -> None:
    assert re.fullmatch(NAME, provider_variable(name))
    assert re.fullmatch(NAME, header_variable(name))


def test_derived_variable_does_not_start_with_a_digit() -> None:
    assert provider_variable("01.ai") == "_01_AI_API_KEY"
    assert header_variable("2-Key") == "_2_KEY"
