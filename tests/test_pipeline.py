"""The stages in order: when there is a manifest, which values it needs, and the order of findings."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from genesis_config.config.expansion import Layer, Variables
from genesis_config.credentials import profiles
from genesis_config.credentials.lookup import SecretRef
from genesis_config.credentials.profiles import Profile
from genesis_config.diagnostics.finding import sort_findings
from genesis_config.manifest import Include, dumps, loads
from genesis_config.pipeline import check_config
from genesis_config.resolve.credentials import Credentials
from genesis_config.testing import ServedModel, serving
from tests.support import compile_config

if TYPE_CHECKING:
    from pathlib import Path

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.manifest import Provider
    from genesis_config.pipeline import Session

CLEAN = '{ models: { providers: { vllm: { models: [{ id: "m", contextWindow: 9000 }] } } } }'


def keys(**variables: str) -> Credentials:
    return Credentials(Variables((Layer("the environment", variables),), complete=True), {})


def compiled(
    text: str | bytes,
    given: Credentials | None = None,
    *,
    name: str = "genesis.json5",
    only: str | None = None,
    inline: bool = False,
) -> Session:
    data = text.encode() if isinstance(text, str) else text
    return compile_config(name, data, given or keys(), only=only, inline=inline)


def place(finding: Diagnostic) -> tuple[int, int, str]:
    """Return the line, the column and the text that a finding points at."""
    assert finding.span is not None
    source, start, end = finding.span
    return *source.position(start), source.text[start:end]


def found(done: Session) -> list[tuple[str, int, int, str]]:
    return [(finding.rule, *place(finding)) for finding in done.diagnostics]


def provider_of(done: Session, name: str = "vllm") -> Provider:
    assert done.manifest is not None, done.diagnostics
    return done.manifest.providers[name]


def test_clean_configuration_gives_a_manifest() -> None:
    done = compiled(CLEAN)
    assert done.diagnostics == []
    assert done.manifest is not None
    assert done.manifest.source.sha256 == hashlib.sha256(CLEAN.encode()).hexdigest()
    assert [(made.provider, made.kind, made.models_from) for made in done.decisions.every] == [
        ("vllm", "explicit", "config")
    ]
    assert loads(dumps(done.manifest)) == done.manifest


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (b'{ models: "\xff" }', [("wrong-type", 1, 11, '"\ufffd"'), ("not-utf8", 1, 12, "\ufffd")]),
        (b" " * (16 * 1024 * 1024 + 1), [("too-large", 1, 1, "")]),
        ("{ models: {} ", [("syntax", 1, 1, "{")]),
        ("", [("syntax", 1, 1, "")]),
        ("[]", [("wrong-type", 1, 1, "[]")]),
        ('{ $include: "gone.json5" }', [("include", 1, 13, '"gone.json5"')]),
        (CLEAN.replace('"m"', '"${M}"'), [("unset-variable", 1, 50, "${M}")]),
        (CLEAN.replace("{ id", "{ idd"), [("missing-key", 1, 43, "{"), ("unknown-key", 1, 45, "idd")]),
        (CLEAN.replace('{ id: "m", contextWindow: 9000 }', ""), [("no-models", 1, 34, "models")]),
    ],
    ids=["decode", "size", "parse", "nothing", "root", "include", "expand", "validate", "rules"],
)
def test_error_in_any_stage_prevents_the_manifest(text: str | bytes, findings: list[tuple[str, int, int, str]]) -> None:
    done = compiled(text)
    assert found(done) == findings
    assert {finding.severity for finding in done.diagnostics} == {"error"}
    assert done.manifest is None
    assert done.decisions.every == ()


def test_warnings_do_not_prevent_the_manifest() -> None:
    done = compiled(CLEAN.replace("{ models", "{ tools: {}, models", 1))
    assert [(finding.severity, finding.rule) for finding in done.diagnostics] == [("warning", "unknown-section")]
    assert done.manifest is not None


def test_lint_and_compile_report_the_same_findings() -> None:
    text = '{ models: { providers: { vllm: { models: [{ id: "m", contextWindow: 1, maxTokens: 2 }], x: 1 }, p: {} } } }'
    linted = check_config("genesis.json5", text.encode(), keys().variables)
    said = [finding[:2] for finding in linted.diagnostics]
    assert said == [finding[:2] for finding in compiled(text).diagnostics]
    assert [rule for rule, _ in said] == [
        "max-tokens-exceeds-context",
        "unknown-key",
        "missing-base-url",
        "no-models",
    ]


def test_findings_of_all_stages_are_ordered_by_position() -> None:
    # The infos come from the last stages, the warnings from the rules.
    text = """{
      models: { providers: { vllm: {
        headers: { b: "${B}", a: "${A}" },
        params: { store: true },
        apiKey: "${KEY}",
        models: [{ id: "m", params: { service_tier: "flex" }, headers: { c: "${C}" }, contextWindow: 9000 }],
      } } },
    }"""
    done = compiled(text)
    assert done.manifest is not None
    assert [(finding.rule, place(finding)) for finding in done.diagnostics] == [
        ("unset-variable", (3, 24, "${B}")),
        ("unset-variable", (3, 35, "${A}")),
        ("native-only-param", (4, 19, "store")),
        ("unset-variable", (5, 18, "${KEY}")),
        ("native-only-param", (6, 39, "service_tier")),
        ("unset-variable", (6, 78, "${C}")),
    ]
    assert sort_findings(reversed(done.diagnostics)) == done.diagnostics


def test_info_about_an_unset_secret_names_it() -> None:
    done = compiled(CLEAN.replace("models: [", 'apiKey: "${KEY:?ask the team}", models: ['), keys(KEY=""))
    (note,) = done.diagnostics
    assert note.severity == "info"
    assert "`KEY` is empty" in note.message
    assert "`models.providers.vllm.apiKey`" in note.message
    assert note.message.endswith(": ask the team")
    assert note.help is not None
    assert "KEY" in note.help


WILDCARDS = 'agents: { defaults: { models: { "a/*": {}, "b/*": {} } } }'


def test_missing_key_does_not_affect_other_providers() -> None:
    with serving((ServedModel("m"),), api_key="key-of-a") as server, serving((ServedModel("n"),)) as other:
        text = f"""{{
          models: {{ providers: {{
            a: {{ baseUrl: "{server.base_url}", apiKey: "${{A_KEY}}", models: [] }},
            b: {{ baseUrl: "{other.base_url}", apiKey: "${{B_KEY}}", models: [{{ id: "o", contextWindow: 9 }}] }},
          }} }},
          {WILDCARDS},
        }}"""
        done = compiled(text, keys(A_KEY="key-of-a"))
        assert len(compiled(text, keys(A_KEY="key-of-a"), inline=True).diagnostics) == 1
    assert [(finding.rule, finding.severity) for finding in done.diagnostics] == [("unset-variable", "error")]
    assert done.manifest is None
    assert done.draft is not None
    assert {name: [model.id for model in entry.models] for name, entry in done.draft.providers.items()} == {
        "a": ["m"],
        "b": ["o"],
    }
    assert other.requests == []


def test_wildcard_needs_its_provider() -> None:
    done = compiled('{ agents: { defaults: { models: { "vllm/*": {} } } } }')
    assert found(done) == [("not-configured", 1, 35, '"vllm/*"')]
    assert compiled('{ agents: { defaults: { models: { "vllm/m": { alias: "a" } } } } }').diagnostics == []


def test_single_provider_needs_no_other_query_or_key() -> None:
    with serving((ServedModel("m"),), api_key="key-of-a") as server, serving((ServedModel("n"),)) as other:
        text = f"""{{
          models: {{ providers: {{
            a: {{ baseUrl: "{server.base_url}", apiKey: "${{A_KEY}}", models: [] }},
            b: {{ baseUrl: "{other.base_url}", apiKey: "${{B_KEY}}", models: [] }},
          }} }},
          {WILDCARDS},
        }}"""
        alone = compiled(text, keys(A_KEY="key-of-a"), only="a")
        both = compiled(text, keys(A_KEY="key-of-a"))
        assert [request.path for request in server.requests] == ["/v1/models"] * 2
        assert other.requests == []

    assert [(finding.severity, place(finding)[2]) for finding in alone.diagnostics] == [("info", "${B_KEY}")]
    assert [model.id for model in provider_of(alone, "a").models] == ["m"]
    assert [made.provider for made in alone.decisions.every] == ["a", "b", "vllm"]
    # One key is missing, so no server is queried, not even the one whose key is set.
    assert [(finding.severity, place(finding)[2]) for finding in both.diagnostics] == [("error", "${B_KEY}")]
    assert both.manifest is None


def test_model_headers_are_not_part_of_the_query() -> None:
    with serving((ServedModel("m"),)) as server:
        text = f"""{{
          models: {{ providers: {{ vllm: {{
            baseUrl: "{server.base_url}", headers: {{ models: "${{ASKED}}" }},
            models: [{{ id: "m", headers: {{ "X-Own": "${{OWN}}" }} }}],
          }} }} }},
          agents: {{ defaults: {{ models: {{ "vllm/*": {{}} }} }} }},
        }}"""
        done = compiled(text, keys(ASKED="yes"))
        (request,) = server.requests
        unset = compiled(text)
        assert len(server.requests) == 1

    assert [(finding.severity, place(finding)[2]) for finding in done.diagnostics] == [("info", "${OWN}")]
    sent = {name: value for name, value in request.headers if name not in {"Host", "Accept", "Accept-Encoding"}}
    assert sent == {"models": "yes"}
    # A header may have any name, even that of the list.
    assert [(finding.severity, place(finding)[2]) for finding in unset.diagnostics] == [
        ("error", "${ASKED}"),
        ("info", "${OWN}"),
    ]


def test_declared_authorization_replaces_the_key() -> None:
    with serving((ServedModel("m"),)) as server:
        text = f"""{{
          models: {{ providers: {{ vllm: {{
            baseUrl: "{server.base_url}", apiKey: "${{KEY}}", models: [],
            headers: {{ authorization: "Basic ${{LOGIN}}", "x-team": "one", "X-Team": "two", accept: "text/json" }},
          }} }} }},
          agents: {{ defaults: {{ models: {{ "vllm/*": {{}} }} }} }},
        }}"""
        for given in (keys(LOGIN="bWU6aXQ="), keys(LOGIN="bWU6aXQ=", KEY="unused")):
            provider_of(compiled(text, given))
        headers = [sorted(request.headers) for request in server.requests]

    assert [[header for header in each if header[0] != "Host"] for each in headers] == [
        [
            ("Accept-Encoding", "gzip, deflate"),
            ("accept", "text/json"),
            ("authorization", "Basic bWU6aXQ="),
            ("x-team", "one"),
        ]
    ] * 2


def test_inline_needs_the_key_even_if_a_header_replaces_it() -> None:
    headers = 'apiKey: "${KEY}", headers: { Authorization: "Basic ${LOGIN}" }, models: ['
    done = compiled(CLEAN.replace("models: [", headers), keys(LOGIN="x"), inline=True)
    (finding,) = (each for each in done.diagnostics if each.severity == "error")
    assert (finding.severity, place(finding)[2]) == ("error", "${KEY}")
    assert "`KEY` is not set" in finding.message
    assert "`models.providers.vllm.apiKey`" in finding.message


def test_inline_reads_files_and_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    store = tmp_path / "genesis" / "auth-profiles.json"
    store.parent.mkdir()
    store.touch(mode=0o600)
    store.write_text(
        '{"version": 1, "profiles": {"vllm:work": {"provider": "vllm", "kind": "api_key", "key": "canary-profile"}}}'
    )
    (tmp_path / "key").write_text("canary-file\n", encoding="utf-8")
    given = Credentials(keys().variables, profiles.read_profiles(profiles.store_path()))

    of_profile = compiled(CLEAN, given, inline=True)
    assert provider_of(of_profile).credential == SecretRef(value="canary-profile")

    text = CLEAN.replace("models: [", f'apiKey: {{ source: "file", path: "{tmp_path}/key" }}, models: [')
    assert provider_of(compiled(text, given, inline=True)).credential == SecretRef(value="canary-file")

    store.write_text('{"version": 1, "profiles": {}}')
    (gone,) = compiled(CLEAN, given, inline=True).diagnostics
    assert gone.severity == "error"
    assert "`models.providers.vllm.apiKey`" in gone.message
    assert "auth profile vllm:work" in gone.message


@pytest.mark.parametrize(
    ("stated", "path", "underlined"),
    [
        ('apiKey: "${CANARY}", models: [{ id: "z", contextWindow: 9000 }]', "apiKey", '"${CANARY}"'),
        ('headers: { "X-A": "${CANARY}" }, models: [{ id: "z", contextWindow: 9000 }]', "headers.X-A", '"${CANARY}"'),
        (
            'models: [{ id: "z", contextWindow: 9000 }, { id: "a", contextWindow: 1, headers: { B: "${CANARY}" } }]',
            "models[1].headers.B",
            '"${CANARY}"',
        ),
    ],
)
def test_inline_names_the_invalid_value_without_showing_it(stated: str, path: str, underlined: str) -> None:
    text = f"{{ models: {{ providers: {{ vllm: {{ {stated} }} }} }} }}"
    done = compiled(text, keys(CANARY="can\nary-9f"), inline=True)
    (finding,) = done.diagnostics
    assert done.manifest is None
    assert finding.message.startswith(f"`models.providers.vllm.{path}` contains a line break or control character")
    assert place(finding)[2] == underlined
    assert "ary-9f" not in repr(finding)


def test_profile_of_another_provider_is_not_used() -> None:
    given = Credentials(keys().variables, {"pool:default": Profile("pool", "api_key", "canary")})
    assert [made.kind for made in compiled("{}", given).decisions.every] == ["none"]
    assert provider_of(compiled(CLEAN, given)).credential is None


def test_finding_in_an_included_file_names_the_including_file(tmp_path: Path) -> None:
    (tmp_path / "provider.json5").write_text(
        '{ apiKey: "${KEY}", models: [{ id: "m", contextWindow: 9000 }] }', encoding="utf-8"
    )
    text = '{ models: { providers: { vllm: { $include: "./provider.json5" } } } }'
    done = compiled(text, name=str(tmp_path / "genesis.json5"))

    (note,) = done.diagnostics
    assert note.span is not None
    assert note.span.source.name == str(tmp_path / "provider.json5")
    assert place(note) == (1, 12, "${KEY}")
    ((words, span),) = note.related
    assert words == "included here"
    assert (span.source.name, span.source.text[span.start : span.end]) == (
        str(tmp_path / "genesis.json5"),
        '"./provider.json5"',
    )
    assert done.manifest is not None
    digest = hashlib.sha256((tmp_path / "provider.json5").read_bytes()).hexdigest()
    assert done.manifest.source.includes == (Include("provider.json5", digest),)


SCRIPT = """
import sys
from genesis_config.config.expansion import Layer, Variables
from genesis_config.manifest import dumps
from genesis_config.pipeline import Request, run_pipeline

text = sys.stdin.buffer.read()
variables = Variables((Layer("the environment", {"A_KEY": "k"}),), complete=True)
done = run_pipeline("genesis.json5", text, Request("compile", variables))
sys.stdout.buffer.write(dumps(done.manifest))
for finding in done.diagnostics:
    span = finding.span
    print(ascii((finding.rule, finding.message, finding.help, finding.severity, span and span[1:])))
print(ascii(done.decisions.every))
"""


def test_output_is_independent_of_the_environment(tmp_path: Path) -> None:
    models = tuple(ServedModel(name, max_model_len=512) for name in ("zebra", "İstanbul", "i", "I", "a/b", "é"))
    with serving(models) as first, serving(models[::-1]) as second:
        text = f"""{{
          models: {{ providers: {{
            b: {{ baseUrl: "{second.base_url}", models: [{{ id: "own", contextWindow: 9000 }}],
              params: {{ store: 1, z: 1, a: 2 }} }},
            a: {{
              baseUrl: "{first.base_url}", models: [],
              apiKey: "${{A_KEY}}", headers: {{ z: "${{A_KEY}}", a: "1" }},
            }},
          }} }},
          agents: {{ defaults: {{
            model: {{ primary: "b/own", fallbacks: ["a/i", "a/I", "b/é", "a/i"] }},
            models: {{ "a/*": {{}}, "b/*": {{}}, "a/zebra": {{ alias: "z" }}, "b/i": {{ alias: "é" }} }},
          }} }},
        }}"""
        outputs = []
        for seed, folder, locale, zone in (("0", "/", "C", "UTC"), ("4711", tmp_path, "tr_TR.UTF-8", "Asia/Kathmandu")):
            environment = {"PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone, "PATH": os.environ["PATH"]}
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT],
                input=text.encode(),
                capture_output=True,
                cwd=folder,
                env=environment,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, b"")
            outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert b"duplicate-fallback" in outputs[0]
    assert outputs[0].count(b'"contextWindowFrom": "server"') == 12
