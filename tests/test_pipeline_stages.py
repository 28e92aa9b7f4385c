"""The stages of each command, what each adds to the session, and the effect of the purpose."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from genesis_config import pipeline
from genesis_config.config.defaults import DEFAULT_BASE_URL, IMPLICIT_PROVIDERS
from genesis_config.config.expansion import Layer, Variables
from genesis_config.credentials.lookup import SecretRef
from genesis_config.diagnostics.source import Source
from genesis_config.health import doctor, status
from genesis_config.health.probe import ProbeResult
from genesis_config.pipeline import STAGES, Request, check_config, load, run_pipeline
from genesis_config.resolve.lock import Lock, LockedProvider, Row
from genesis_config.testing import ServedModel, serving

if TYPE_CHECKING:
    from genesis_config.manifest import Manifest
    from genesis_config.resolve.results import Purpose

CLEAN = '{ models: { providers: { vllm: { models: [{ id: "m", contextWindow: 9000 }] } } } }'
DYNAMIC = """{ models: { providers: { vllm: { baseUrl: "URL", apiKey: "${VLLM_API_KEY}", models: [] } } },
  agents: { defaults: { model: "vllm/m", models: { "vllm/*": {} } } } }"""
WITH_KEY = Variables((Layer("the environment", {"VLLM_API_KEY": "key"}),), complete=True)


def lock_of(url: str, *models: str) -> Lock:
    rows = {name: Row(name, 4096, None) for name in models}
    return Lock(Source("genesis.lock.json", ""), {"vllm": LockedProvider(url, rows)})


def test_stage_table_matches_what_runs() -> None:
    table = (pipeline.__doc__ or "").split("purpose ")[1]
    rows = [re.split("  +", line.strip()) for line in table.splitlines()[1:] if line.startswith("    ")]
    documented = {purpose: re.findall(r"\w+", stages.partition(";")[0]) for purpose, _, stages in rows}
    assert documented.pop("frozen") == ["the", "same"]
    stages = {purpose: [stage.__name__ for stage in STAGES[purpose]] for purpose in STAGES}
    assert stages.pop("frozen") == stages["compile"]
    assert documented == stages


def test_each_stage_adds_only_its_result() -> None:
    results = {
        pipeline.lint: "linted",
        pipeline.decide: "decisions",
        pipeline.discover: "discovery",
        pipeline.resolve: "resolution",
        pipeline.emit: "draft",
    }
    with serving((ServedModel("m"),), api_key="key") as server:
        # An unknown section gives the first stage a finding.
        text = DYNAMIC.replace("URL", server.base_url).replace("{ models", "{ tools: {}, models", 1)
        session = load("genesis.json5", text.encode(), Request("compile", WITH_KEY))
        for stage, result in results.items():
            after = stage(session)
            before = session._asdict()
            assert {name for name, value in after._asdict().items() if value is not before[name]} == {result}
            session = after
    assert session.manifest is not None
    assert [finding.rule for finding in session.diagnostics] == ["unknown-section"]


@pytest.mark.parametrize(
    ("purpose", "severity"),
    [("check", "warning"), ("status", "warning"), ("doctor", "warning"), ("compile", None), ("frozen", "error")],
)
def test_stale_lock_is_reported_where_it_matters(purpose: Purpose, severity: str | None) -> None:
    with serving((ServedModel("m"),), api_key="key") as server:
        text = DYNAMIC.replace("URL", server.base_url)
        request = Request(purpose, WITH_KEY, lock=lock_of("http://127.0.0.1:1/v1", "m"))
        session = run_pipeline("genesis.json5", text.encode(), request)
    found = [finding.severity for finding in session.linted.diagnostics if finding.rule == "lock-stale"]
    assert found == ([severity] if severity else [])


@pytest.mark.parametrize("purpose", ["compile", "status"])
def test_locked_models_do_not_count_if_servers_are_queried(purpose: Purpose) -> None:
    with serving((ServedModel("m"),), api_key="key") as server:
        text = DYNAMIC.replace("URL", server.base_url).encode()
        lock = lock_of(server.base_url, "other")
        session = run_pipeline("genesis.json5", text, Request(purpose, WITH_KEY, lock=lock))
        checked = check_config("genesis.json5", text, lock=lock)
    assert session.diagnostics == []
    assert session.draft is not None
    assert [model.id for model in session.draft.providers["vllm"].models] == ["m"]
    assert [finding.rule for finding in checked.diagnostics] == ["unknown-model"]


@pytest.mark.parametrize(("purpose", "severity"), [("compile", "warning"), ("lock", "error")])
def test_unnamed_server_may_fail_except_for_lock(
    purpose: Purpose, severity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        monkeypatch.setitem(IMPLICIT_PROVIDERS, "vllm", url)
        session = run_pipeline("genesis.json5", b"{}", Request(purpose, WITH_KEY, lock=lock_of(url, "m")))
    assert [(finding.rule, finding.severity) for finding in session.diagnostics] == [("server-unreachable", severity)]
    assert (session.manifest is None, session.locked) == (purpose == "lock", None)


def test_frozen_opens_no_socket_and_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", opened)
    monkeypatch.setattr(socket, "getaddrinfo", opened)
    without_key = Variables((), complete=True)
    for text, url in ((DYNAMIC.replace("URL", "https://models.invalid/v1"), "https://models.invalid/v1"), ("{}", None)):
        # Neither the server nor the key exists: the lock file replaces both.
        lock = lock_of(url or DEFAULT_BASE_URL, "m")
        session = run_pipeline("genesis.json5", text.encode(), Request("frozen", without_key, lock=lock))
        assert [finding.severity for finding in session.diagnostics] == (["info"] if url else [])
        assert [decision.models_from for decision in session.decisions.every] == ["lock"]
        assert (session.discovery.plans, session.discovery.lists) == ({}, {})
        assert session.manifest is not None
        provider = session.manifest.providers["vllm"]
        assert provider.credential == SecretRef(template="${VLLM_API_KEY}")
        assert [(model.id, model.context_window) for model in provider.models] == [("m", 4096)]


FROZEN = """
import sys
from genesis_config.pipeline import Request, run_pipeline

session = run_pipeline("genesis.json5", sys.argv[1].encode(), Request("frozen"))
assert session.manifest is not None, session.diagnostics
print(sorted({"aiohttp", "genesis_config.resolve.discovery", "genesis_config.net.sessions"} & sys.modules.keys()))
"""


def test_frozen_loads_no_http() -> None:
    done = subprocess.run([sys.executable, "-c", FROZEN, CLEAN], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_digest_is_of_the_files_bytes(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    probed: list[Manifest] = []

    async def noted(manifest: Manifest, *_: object) -> ProbeResult:
        probed.append(manifest)
        return ProbeResult(0.0, None)

    monkeypatch.setattr(doctor, "probe", noted)
    monkeypatch.setattr(status, "probe", noted)
    with serving((ServedModel("m"),), api_key="key") as server:
        data = start + DYNAMIC.replace("URL", server.base_url).encode()
        compiled_manifest = run_pipeline("genesis.json5", data, Request("compile", WITH_KEY)).manifest
        doctor.examine(run_pipeline("genesis.json5", data, Request("doctor", WITH_KEY)))
        status.report_status(run_pipeline("genesis.json5", data, Request("status", WITH_KEY)), with_probe=True)
    assert compiled_manifest is not None
    assert compiled_manifest.source.sha256 == hashlib.sha256(data).hexdigest()
    assert probed == [compiled_manifest] * 2


def test_digest_of_a_file_that_is_not_utf8() -> None:
    data = b'{ "\xff": 1 }'
    draft = pipeline.emit(load("genesis.json5", data, Request())).draft
    assert draft is not None
    assert draft.source.sha256 == hashlib.sha256(data).hexdigest()
