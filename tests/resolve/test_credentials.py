"""The source of a provider's key: declared keys, variables and profiles, and missing values."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.expansion import Layer, Variables
from genesis_config.credentials.lookup import MissingSecretError, SecretRef
from genesis_config.credentials.names import provider_variable
from genesis_config.credentials.profiles import Profile
from genesis_config.resolve.credentials import (
    Credentials,
    OptIn,
    SecretUse,
    declared_credential,
    find_opt_in,
    note_unset_variables,
    read_secret,
    secret_ref,
)
from genesis_config.syntax.references import NAME
from tests.support import config_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genesis_config.diagnostics.finding import Diagnostic, Path

KEY = ("models", "providers", "vllm", "apiKey")

# What the configuration states, and where the key then is; the last three state nothing.
STATED: dict[str, SecretRef | None] = {
    'apiKey: "",': None,
    'apiKey: " ",': None,
    'apiKey: "vllm-local",': SecretRef(value="vllm-local"),
    'apiKey: "$${A}",': SecretRef(value="${A}"),
    'apiKey: "${MY_KEY}",': SecretRef(template="${MY_KEY}"),
    'apiKey: "$<VLLM_API_KEY>",': SecretRef(template="${VLLM_API_KEY}"),
    'apiKey: "${GONE:-x}-$<GONE:-}>",': SecretRef(template="${GONE:-x}-$<GONE:-}>"),
    'apiKey: { source: "env", id: "MY_KEY" },': SecretRef(template="${MY_KEY}"),
    'apiKey: { source: "file", path: "../run/key" },': SecretRef(file="../run/key"),
    "": None,
    "apiKey: null,": None,
    'headers: { Authorization: "Bearer ${MY_KEY}" },': None,
}
SAYS_NOTHING = ("", "apiKey: null,", 'headers: { Authorization: "Bearer ${MY_KEY}" },')
VARIABLE = (None, "", " \t", "canary")
PROFILES: tuple[dict[str, str], ...] = (
    {},
    {"vllm:default": "vllm"},
    {"a": "vllm", "b": "vllm"},
    {"vllm:default": "pool"},
)


EMPTY = config_of({})


def keys(values: dict[str, str], profiles: dict[str, str] | None = None) -> Credentials:
    stored = {name: Profile(provider, "api_key", "canary") for name, provider in (profiles or {}).items()}
    return Credentials(Variables((Layer("the environment", values),), complete=True), stored)


def variables(value: str | None) -> dict[str, str]:
    return {} if value is None else {"VLLM_API_KEY": value}


@pytest.mark.parametrize(
    ("stated", "variable", "profiles"), list(itertools.product(STATED, VARIABLE, PROFILES)), ids=str
)
def test_credential_precedence(stated: str, variable: str | None, profiles: dict[str, str]) -> None:
    # A variable that the configuration itself declares is not used as a key.
    text = (
        f"{{ models: {{ providers: {{ vllm: {{ {stated} models: [] }} }} }},"
        ' env: { vars: { VLLM_API_KEY: "declared", MY_KEY: "declared" } } }'
    )
    given_keys = keys(variables(variable), profiles)
    provider = config_of(text, given_keys.variables).provider("vllm")
    assert provider is not None
    expected = STATED[stated]
    if stated in SAYS_NOTHING:
        own = next((name for name in ("vllm:default", "a") if profiles.get(name) == "vllm"), None)
        if variable == "canary":
            expected = SecretRef(template="${VLLM_API_KEY}")
        elif own is not None:
            expected = SecretRef(profile=own)
    assert declared_credential(provider, given_keys) == expected


def test_opt_in_names_its_source() -> None:
    with_variable = keys({"VLLM_API_KEY": "canary"}, {"vllm:default": "vllm"})
    assert find_opt_in("vllm", EMPTY, with_variable) == OptIn("VLLM_API_KEY", SecretRef(template="${VLLM_API_KEY}"))
    with_profile = keys({"VLLM_API_KEY": ""}, {"vllm:mine": "vllm"})
    assert find_opt_in("vllm", EMPTY, with_profile) == OptIn(
        "the auth profile vllm:mine", SecretRef(profile="vllm:mine")
    )
    assert find_opt_in("vllm", EMPTY, keys({"POOL_API_KEY": "canary"}, {"pool:default": "pool"})) is None


ORDER = [
    # Without configuration: the default profile, otherwise the first by id.
    ({}, ["vllm:default", "vllm:a"], "vllm:default"),
    ({}, ["vllm:b", "vllm:a"], "vllm:a"),
    # The first in the order that exists in the store.
    ({"order": {"vllm": ["vllm:b", "vllm:default"]}}, ["vllm:default", "vllm:a", "vllm:b"], "vllm:b"),
    ({"order": {"vllm": ["vllm:gone", "vllm:b"]}}, ["vllm:default", "vllm:b"], "vllm:b"),
    # A profile outside the order is not used; an empty order uses none.
    ({"order": {"vllm": ["vllm:gone"]}}, ["vllm:default"], None),
    ({"order": {"vllm": []}}, ["vllm:default"], None),
    # Never another provider's key, even if the configuration claims it.
    ({"order": {"vllm": ["pool:a", "vllm:b"]}}, ["pool:a", "vllm:b"], "vllm:b"),
    ({"order": {"vllm": ["pool:a"]}, "profiles": {"pool:a": {"provider": "vllm"}}}, ["pool:a"], None),
    ({"profiles": {"pool:a": {"provider": "vllm"}}}, ["pool:a"], None),
    # Another provider's order has no effect.
    ({"order": {"pool": ["vllm:b"]}}, ["vllm:default", "vllm:b"], "vllm:default"),
    # Without an order, declared profiles come first; the order of the keys has no effect.
    ({"profiles": {"vllm:b": {"provider": "vllm"}}}, ["vllm:default", "vllm:b"], "vllm:b"),
    (
        {"profiles": {"vllm:c": {"provider": "vllm"}, "vllm:b": {"provider": "vllm"}}},
        ["vllm:a", "vllm:b", "vllm:c"],
        "vllm:b",
    ),
    (
        {"profiles": {"vllm:a": {"provider": "vllm"}, "vllm:default": {"provider": "vllm"}}},
        ["vllm:a", "vllm:default"],
        "vllm:default",
    ),
    # They are not a restriction: if none of them exists, another profile is used.
    ({"profiles": {"vllm:gone": {"provider": "vllm"}}}, ["vllm:b"], "vllm:b"),
    ({"profiles": {"vllm:b": {"provider": "pool"}}}, ["vllm:a", "vllm:b"], "vllm:a"),
    ({"profiles": {"vllm:b": {"provider": "vllm"}}, "order": {"vllm": ["vllm:a"]}}, ["vllm:a", "vllm:b"], "vllm:a"),
    # Invalid values, which validation reports, are ignored.
    ({"order": {"vllm": "vllm:b"}, "profiles": []}, ["vllm:a", "vllm:b"], "vllm:a"),
    ({"order": {"vllm": [1, None, "vllm:b"]}, "profiles": {"vllm:a": 1}}, ["vllm:a", "vllm:b"], "vllm:b"),
    ({"order": []}, ["vllm:a"], "vllm:a"),
    ([], ["vllm:a"], "vllm:a"),
]


@pytest.mark.parametrize(("auth", "stored", "used"), ORDER, ids=str)
def test_configuration_chooses_between_profiles(auth: Any, stored: list[str], used: str | None) -> None:
    profiles = {name: name.partition(":")[0] for name in stored}
    found = find_opt_in("vllm", config_of({"auth": auth}), keys({}, profiles))
    assert (found and found.ref.profile) == used
    provider = config_of({"models": {"providers": {"vllm": {}}}, "auth": auth}).provider("vllm")
    assert provider is not None
    ref = declared_credential(provider, keys({}, dict(reversed(profiles.items()))))
    assert (ref and ref.profile) == used


def test_variable_takes_precedence_over_profiles() -> None:
    found = find_opt_in(
        "vllm",
        config_of({"auth": {"order": {"vllm": ["vllm:a"]}}}),
        keys({"VLLM_API_KEY": "canary"}, {"vllm:a": "vllm"}),
    )
    assert found == OptIn("VLLM_API_KEY", SecretRef(template="${VLLM_API_KEY}"))


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("vllm", "VLLM_API_KEY"),
        ("foo-bar", "FOO_BAR_API_KEY"),
        ("foo.bar/baz", "FOO_BAR_BAZ_API_KEY"),
        ("-foo--bar-", "FOO_BAR_API_KEY"),
        ("Foo_Bar2", "FOO_BAR2_API_KEY"),
        ("01-ai", "_01_AI_API_KEY"),
        ("ключ", "_API_KEY"),
        ("", "_API_KEY"),
    ],
)
def test_provider_variable(provider: str, variable: str) -> None:
    assert provider_variable(provider) == variable


@given(st.text())
def test_provider_variable_is_a_valid_reference(provider: str) -> None:
    ref = find_opt_in(provider, EMPTY, keys({provider_variable(provider): "canary"}))
    assert ref is not None
    assert keys({provider_variable(provider): "canary"}).value(ref.ref, "it") == "canary"
    assert re.fullmatch(NAME, provider_variable(provider))


def test_whitespace_value_counts_as_unset() -> None:
    found = keys({"A": " \t\n", "B": "", "C": " c "})
    assert [found.lookup(name) for name in "ABCD"] == [None, None, " c ", None]


def test_secret_value_names_what_is_missing() -> None:
    assert keys({"A": "canary"}).value(SecretRef(template="Bearer ${A}"), "the header") == "Bearer canary"
    with pytest.raises(MissingSecretError) as caught:
        keys({"A": " "}).value(SecretRef(template="Bearer ${A}"), "the header")
    assert "`A`" in str(caught.value)
    assert "the header" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("plain", SecretRef(value="plain")),
        ("$${A}", SecretRef(value="${A}")),
        ("$5", SecretRef(value="$5")),
        ("Bearer $<A>", SecretRef(template="Bearer ${A}")),
        ("$${B} ${A}", SecretRef(template="$${B} ${A}")),
    ],
)
def test_text_with_references_stays_a_template(text: str, ref: SecretRef) -> None:
    written = f'{{ models: {{ providers: {{ vllm: {{ apiKey: "{text}" }} }} }} }}'
    # Whether or not the variable is set: a manifest contains no key.
    for values in ({}, {"A": "canary"}):
        config = config_of(written, keys(values).variables)
        assert secret_ref(config.at(*KEY), text, config) == ref


TEXT = """{ models: { providers: { vllm: {
  apiKey: "${GONE}${BLANK}${A}${OTHER:-x}",
  headers: { h: "Bearer $<SPACE:?ask the team>", i: 'é\\x24{GONE}' },
  baseUrl: "${GONE}",
  models: [{ id: "a", headers: { k: "${GONE}" } }],
}, pool: { apiKey: { source: "env", id: "GONE" } } } } }"""


def shown(findings: Iterable[Diagnostic]) -> list[tuple[str, int, int, str, str]]:
    """Return the severity, line, column, underlined text and message of findings."""
    found: list[tuple[str, int, int, str, str]] = []
    for finding in findings:
        assert finding.rule == "unset-variable"
        assert finding.span is not None
        source, start, end = finding.span
        name = finding.message.split("`")[1]
        assert finding.help is not None
        assert name in finding.help
        assert ("--env-file" in finding.help) == ("is empty" not in finding.message)
        found.append((finding.severity, *source.position(start), source.text[start:end], finding.message))
    return found


SOME = {"BLANK": "", "SPACE": " ", "A": "canary"}


def test_unneeded_unset_variable_is_an_info() -> None:
    vllm = "models.providers.vllm"
    keeps = "keeps the reference"
    given_keys = keys(SOME)
    config = config_of(TEXT, given_keys.variables)
    header: Path = ("models", "providers", "vllm", "headers", "h")
    assert len(shown(note_unset_variables(config, given_keys, {KEY, header}))) == 3
    assert shown(note_unset_variables(config, given_keys, set())) == [
        ("info", 2, 12, "${GONE}", f"the variable `GONE` is not set; `{vllm}.apiKey` {keeps}"),
        ("info", 2, 19, "${BLANK}", f"the variable `BLANK` is empty; `{vllm}.apiKey` {keeps}"),
        (
            "info",
            3,
            25,
            "$<SPACE:?ask the team>",
            f"the variable `SPACE` is empty; `{vllm}.headers.h` {keeps}: ask the team",
        ),
        ("info", 3, 53, "'é\\x24{GONE}'", f"the variable `GONE` is not set; `{vllm}.headers.i` {keeps}"),
        ("info", 5, 38, "${GONE}", f"the variable `GONE` is not set; `{vllm}.models[0].headers.k` {keeps}"),
        (
            "info",
            6,
            20,
            '{ source: "env", id: "GONE" }',
            f"the variable `GONE` is not set; `models.providers.pool.apiKey` {keeps}",
        ),
    ]


def test_needed_unset_variable_is_an_error() -> None:
    given_keys = keys(SOME)
    config = config_of(TEXT, given_keys.variables)
    place = config.at(*KEY)
    ref = secret_ref(place, config.expansion.strings[KEY].template, config)
    use = SecretUse(ref, place, "the key", None)
    value, findings = read_secret(use, config, given_keys)
    assert value is None
    where = "but `models.providers.vllm.apiKey` needs its value"
    assert shown(findings) == [
        ("error", 2, 12, "${GONE}", f"the variable `GONE` is not set, {where}"),
        ("error", 2, 19, "${BLANK}", f"the variable `BLANK` is empty, {where}"),
    ]
    whole = keys({"GONE": "a", "BLANK": "b", "A": "c", "OTHER": "d"})
    assert read_secret(use, config, whole) == ("abcd", ())


@pytest.mark.parametrize("path", ["a\0", "\ud800"])
def test_path_that_the_system_cannot_represent_is_reported(path: str) -> None:
    with pytest.raises(MissingSecretError) as caught:
        keys({}).value(SecretRef(file=path), "the key")
    assert "not a valid path" in str(caught.value)
