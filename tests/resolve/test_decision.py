"""Implicit discovery or explicit provider: the whole decision table, and which servers are queried."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.defaults import DEFAULT_BASE_URL, IMPLICIT_PROVIDERS
from genesis_config.config.expansion import Layer, Variables
from genesis_config.credentials import profiles
from genesis_config.credentials.lookup import SecretRef
from genesis_config.resolve.credentials import Credentials
from genesis_config.resolve.decision import decide_providers
from genesis_config.testing import ServedModel, serving
from tests.support import compile_config, config_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syrupy.assertion import SnapshotAssertion

    from genesis_config.pipeline import Session
    from genesis_config.resolve.decision import Decision

WILDCARD = 'agents: { defaults: { models: { "vllm/*": {} } } }'
ENTRIES = {
    "absent": None,
    "empty": "[]",
    "exact": '[{ id: "mine", contextWindow: 9000 }]',
}
URL = "http://10.0.0.5:9000/v1"
STORE = {"version": 1, "profiles": {"vllm:default": {"provider": "vllm", "kind": "api_key", "key": "canary"}}}


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the profile store in a directory of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = Path(profiles.store_path())
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(STORE), encoding="utf-8")
    path.chmod(0o600)


class Case(NamedTuple):
    entry: str
    wildcard: bool
    base_url: bool
    key: str | None
    profile: bool


CASES = [
    Case(*parts)
    for parts in itertools.product(ENTRIES, (False, True), (False, True), (None, "", " ", "canary"), (False, True))
    # Without an entry there is no place for a base URL.
    if not (parts[0] == "absent" and parts[2])
]


def text_of(case: Case, base_url: str) -> str:
    models = ENTRIES[case.entry]
    url = f'baseUrl: "{base_url}", ' if case.base_url else ""
    entry = f"models: {{ providers: {{ vllm: {{ {url}models: {models} }} }} }}, " if models is not None else ""
    return "{ " + entry + (WILDCARD if case.wildcard else "") + " }"


def keys_of(case: Case) -> Credentials:
    variables = {} if case.key is None else {"VLLM_API_KEY": case.key}
    return Credentials(
        Variables((Layer("the environment", variables),), complete=True),
        profiles.read_profiles(profiles.store_path()) if case.profile else {},
    )


def value_of(case: Case) -> dict[str, object]:
    """Return the configuration as the stages before the decision produce it."""
    value: dict[str, object] = {}
    models = ENTRIES[case.entry]
    if models is not None:
        entry: dict[str, object] = {"models": [{"id": "mine"}] if case.entry == "exact" else []}
        value["models"] = {"providers": {"vllm": entry | ({"baseUrl": f"{URL}/"} if case.base_url else {})}}
    if case.wildcard:
        value["agents"] = {"defaults": {"models": {"vllm/*": {}}}}
    return value


def decided(value: Mapping[str, object], credentials: Credentials) -> list[Decision]:
    return decide_providers(config_of(value), credentials)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_decision_table(case: Case) -> None:
    made = decided(value_of(case), keys_of(case))
    opted_in = (case.key or "").strip() != "" or case.profile

    if case.entry != "absent":
        (only,) = made
        assert only.kind == "explicit"
        assert only.models_from == ("server" if case.wildcard else "config")
        assert only.base_url == (URL if case.base_url else DEFAULT_BASE_URL)
        reason = "models.providers.vllm is defined"
        if case.wildcard:
            reason += ', and "vllm/*" in agents.defaults.models keeps it dynamic'
        if case.key is not None and not case.key.strip():
            reason += "; VLLM_API_KEY is empty, which counts as unset"
        assert only.reason == reason
    elif opted_in:
        (only,) = made
        assert only.kind == "implicit"
        assert only.models_from == "server"
        assert only.base_url == DEFAULT_BASE_URL
        why = "VLLM_API_KEY" if (case.key or "").strip() else "the auth profile vllm:default"
        empty = "" if case.key is None or case.key.strip() else ", VLLM_API_KEY is empty, which counts as unset"
        assert only.reason == f"models.providers.vllm is not defined{empty}, and {why} opts in to discovery"
    else:
        (only,) = made
        assert only.kind == "none"


def compiled(case: Case, base_url: str) -> Session:
    return compile_config("genesis.json5", text_of(case, base_url).encode(), keys_of(case))


@pytest.mark.parametrize("case", [case for case in CASES if case.base_url], ids=str)
def test_declared_server_is_queried_only_with_a_wildcard(case: Case) -> None:
    with serving((ServedModel("theirs", max_model_len=4096),)) as server:
        done = compiled(case, server.base_url)
        paths = [request.path for request in server.requests]

    assert paths == (["/v1/models"] if case.wildcard else [])
    if case.entry == "empty" and not case.wildcard:
        assert done.manifest is None
        assert [finding.rule for finding in done.diagnostics] == ["no-models"]
        return
    assert done.diagnostics == []
    assert done.manifest is not None
    provider = done.manifest.providers["vllm"]
    declared = ["mine"] if case.entry == "exact" else []
    assert [model.id for model in provider.models] == declared + (["theirs"] if case.wildcard else [])
    if (case.key or "").strip():
        assert provider.credential == SecretRef(template="${VLLM_API_KEY}")
    else:
        assert provider.credential == (SecretRef(profile="vllm:default") if case.profile else None)


@pytest.mark.parametrize("case", [case for case in CASES if case.entry == "absent"], ids=str)
def test_undeclared_provider_is_queried_only_after_an_opt_in(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving((ServedModel("theirs", max_model_len=4096),)) as server:
        monkeypatch.setitem(IMPLICIT_PROVIDERS, "vllm", server.base_url)
        done = compiled(case, "")
        paths = [request.path for request in server.requests]

    if (case.key or "").strip() or case.profile:
        assert done.manifest is not None
        assert paths == ["/v1/models"]
        assert [model.id for model in done.manifest.providers["vllm"].models] == ["theirs"]
        assert done.manifest.providers["vllm"].decision == "implicit"
    elif case.wildcard:
        assert paths == []
        assert [finding.rule for finding in done.diagnostics] == ["not-configured"]
    else:
        assert paths == []
        assert done.manifest is not None
        assert done.manifest.providers == {}


def test_env_vars_in_the_configuration_do_not_opt_in() -> None:
    text = '{ env: { vars: { VLLM_API_KEY: "${X}" } } }'
    done = compile_config("genesis.json5", text.encode(), keys_of(Case("absent", False, False, None, False)))
    assert done.decisions.every == ()


def test_decision_table_as_text(snapshot: SnapshotAssertion) -> None:
    lines = []
    for case in CASES:
        key = {None: "unset", "": "empty", " ": "blank"}.get(case.key, "set")
        stated = "stated" if case.base_url else "default"
        lines.append(
            f"{case.entry} entry, wildcard {case.wildcard}, base URL {stated}, key {key}, profile {case.profile}"
        )
        lines += [
            f"  {made.provider}: {made.kind}, models from {made.models_from}\n    because {made.reason}"
            for made in decided(value_of(case), keys_of(case))
        ]
    assert "\n".join(lines) == snapshot


def test_servers_are_queried_concurrently() -> None:
    """Each of three servers responds only after all three have been queried."""
    body = json.dumps({"data": [{"id": "m"}]}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def run() -> Session:
        asked = 0
        all_asked = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            await reader.readuntil(b"\r\n\r\n")
            asked += 1
            if asked == 3:
                all_asked.set()
            await all_asked.wait()
            writer.write(head + body)
            writer.close()

        servers = [await asyncio.start_server(answer, "127.0.0.1") for _ in range(3)]
        urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1" for server in servers]
        entries = ", ".join(f'p{number}: {{ baseUrl: "{url}", models: [] }}' for number, url in enumerate(urls))
        wildcards = ", ".join(f'"p{number}/*": {{}}' for number in range(3))
        text = (
            f"{{ models: {{ providers: {{ {entries} }} }}, agents: {{ defaults: {{ models: {{ {wildcards} }} }} }} }}"
        )
        keys = Credentials(Variables((), complete=True), {})
        done = await asyncio.to_thread(compile_config, "genesis.json5", text.encode(), keys)
        for server in servers:
            server.close()
        return done

    done = asyncio.run(run())
    assert done.diagnostics == []
    assert [made.provider for made in done.decisions.every if made.kind == "explicit"] == ["p0", "p1", "p2"]


@pytest.mark.parametrize(
    ("key", "state"),
    [
        (None, "VLLM_API_KEY is not set"),
        ("", "VLLM_API_KEY is empty, which counts as unset"),
        (" \t", "VLLM_API_KEY is empty, which counts as unset"),
    ],
)
def test_not_configured_names_both_fixes(key: str | None, state: str) -> None:
    (made,) = decided({}, keys_of(Case("absent", False, False, key, False)))
    assert (made.kind, made.models_from) == ("none", "config")
    assert made.reason == f"models.providers.vllm is not defined, {state}, and there is no auth profile for it"
    assert made.change == (
        "set VLLM_API_KEY to any value to discover the models at http://127.0.0.1:8000/v1, "
        "or declare models.providers.vllm"
    )


def test_order_without_existing_profiles_does_not_opt_in() -> None:
    value = {"auth": {"order": {"vllm": ["vllm:gone"]}}}
    (made,) = decided(value, keys_of(Case("absent", False, False, None, True)))
    assert made.kind == "none"
    assert made.reason == (
        "models.providers.vllm is not defined, VLLM_API_KEY is not set, "
        "and none of the auth profiles in auth.order.vllm exists"
    )


@pytest.mark.parametrize(
    ("case", "change"),
    [
        (
            Case("exact", False, False, None, False),
            'add "vllm/*": {} to agents.defaults.models to discover more models from its server',
        ),
        (
            Case("exact", True, False, None, False),
            'remove "vllm/*" from agents.defaults.models to use only the declared models',
        ),
        (
            Case("absent", False, False, "canary", False),
            "define models.providers.vllm to declare its models, without a request",
        ),
    ],
    ids=str,
)
def test_each_decision_says_how_to_change_it(case: Case, change: str) -> None:
    (made,) = decided(value_of(case), keys_of(case))
    assert made.change == change
    assert "canary" not in repr(made)


def test_opt_in_affects_only_its_provider() -> None:
    keys = keys_of(Case("absent", False, False, "canary", True))
    value = {
        "models": {"providers": {"zoo": {"baseUrl": URL}, "x-note": {}, "$schema": {}, "a": {"baseUrl": URL}}},
        "agents": {"defaults": {"models": {"a/*": {}, "a/m": {}, "zoo/m": {}, "gone/*": {}}}},
    }
    assert [(made.provider, made.kind, made.models_from) for made in decided(value, keys)] == [
        ("a", "explicit", "server"),
        ("vllm", "implicit", "server"),
        ("zoo", "explicit", "config"),
    ]


@pytest.mark.parametrize("profile", ["other:default", "vllm:default"])
def test_profile_opts_in_to_its_provider_regardless_of_its_id(profile: str) -> None:
    keys = Credentials(Variables((), complete=True), {profile: profiles.Profile("other", "api_key", "canary")})
    assert [made.kind for made in decided({}, keys)] == ["none"]


@given(st.permutations(["vllm", "pool", "a", "Z", "é"]), st.sets(st.sampled_from(["vllm", "pool", "a", "Z", "é"])))
def test_decisions_do_not_depend_on_order(names: list[str], dynamic: set[str]) -> None:
    keys = keys_of(Case("absent", False, False, "canary", False))
    value = {
        "models": {"providers": {name: {"baseUrl": f"http://{index}/v1/"} for index, name in enumerate(names)}},
        "agents": {"defaults": {"models": {f"{name}/*": {} for name in dynamic}}},
    }
    made = decided(value, keys)
    assert [each.provider for each in made] == sorted(names)
    assert {each.provider for each in made if each.models_from == "server"} == dynamic
    assert [each.base_url for each in made] == [f"http://{names.index(name)}/v1" for name in sorted(names)]
