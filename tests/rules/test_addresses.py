"""Base URLs: which path, host and key is a finding, what is said of it, and what a fix writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from genesis_config.config.expansion import Layer, Variables
from genesis_config.pipeline import check_config
from genesis_config.report import json_report as json
from genesis_config.report import sarif_report as sarif
from genesis_config.report.model import Report

if TYPE_CHECKING:
    from genesis_config.diagnostics.finding import Diagnostic


def of(url: str, more: str = "", name: str = "p", model: str = "") -> list[Diagnostic]:
    """Lint a provider with this base URL."""
    inside = f'{name}: {{ baseUrl: "{url}", models: [{{ id: "m", contextWindow: 9 {model} }}] {more} }}'
    return check_config(
        "genesis.json5", f"{{ models: {{ providers: {{ {inside} }} }} }}".encode(), Variables()
    ).diagnostics


@pytest.mark.parametrize(
    ("url", "severity", "help_"),
    [
        ("https://generativelanguage.googleapis.com/v1beta/openai", None, None),
        ("https://gateway.ai.cloudflare.com/v1/ACCOUNT/GATEWAY/openai", None, None),
        ("https://api.z.ai/api/paas/v4", None, None),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "info", "write `{}`"),
        ("https://x.openai.azure.com/openai/deployments/gpt", "warning", "write `{}/v1`, if the API is there"),
        ("https://models.github.ai/inference", "warning", "write `{}/v1`, if the API is there"),
        ("https://h.example.com/vllm/models", "error", None),
    ],
)
def test_a_version_may_be_anywhere_in_the_path(url: str, severity: str | None, help_: str | None) -> None:
    findings = of(url)
    assert [(each.rule, each.severity) for each in findings] == ([("base-url-path", severity)] if severity else [])
    for finding in findings:
        assert finding.help is not None
        assert help_ is None or finding.help == help_.format(url.rstrip("/"))
        # Only a person knows what follows a path of somebody's own.
        assert (finding.fix is None) == (severity != "info")


KEY = "sk-proj-hunter2canary77xyzABC123"


@pytest.mark.parametrize("url", [f"https://h.example.com/{KEY}", f"https://h.example.com/v1/{KEY}/models"])
def test_a_key_in_the_path_is_in_no_report(url: str) -> None:
    findings = of(url)
    assert {each.rule for each in findings} == {"hardcoded-secret", "base-url-path"}
    report = Report(1, tuple(findings), tuple(each._replace(reason="r") for each in findings))
    for written in (json.render(report), sarif.render(report)):
        assert "hunter2" not in written
        assert "***" in written


@pytest.mark.parametrize(
    ("host", "metadata"),
    [
        ("169.254.169.254", True),
        ("[::ffff:169.254.169.254]", True),
        ("2852039166", True),
        ("0xa9fea9fe", True),
        ("0251.0376.0251.0376", True),
        ("169.254.43518", True),
        ("169.16689662", True),
        ("[fd00:ec2::254]", True),
        ("[fe80::a9fe:a9fe%25eth0]", True),
        ("Metadata.Google.Internal.", True),
        ("[fe80::1%25eth0]", False),
        ("10.0.0.5", False),
        ("2852039166.1", False),
        ("0999", False),
        ("1.2.3.4.5", False),
        ("vllm", False),
    ],
)
def test_a_metadata_address_however_it_is_written(host: str, *, metadata: bool) -> None:
    assert ("metadata-address" in {each.rule for each in of(f"http://{host}/v1")}) == metadata


@pytest.mark.parametrize(
    ("name", "more", "model", "said"),
    [
        ("p", ', apiKey: "${P}"', "", "the key of `models.providers.p` goes"),
        ("p", ', headers: { Authorization: "${P}" }', "", "the key of `models.providers.p` goes"),
        ("p", "", ', headers: { "X-Api-Key": "${P}" }', "the key of `models.providers.p` goes"),
        ("vllm", "", "", "the key of `models.providers.vllm`, if VLLM_API_KEY is set, goes"),
        ("p", "", "", None),
        ("p", "", ', headers: { "X-Team": "a" }', None),
    ],
)
def test_a_key_in_clear_text(name: str, more: str, model: str, said: str | None) -> None:
    findings = of("http://llm.example.com/v1", more, name, model)
    assert [each.rule for each in findings] == (["cleartext-credential"] if said else [])
    assert [each.message for each in findings] == (
        [f"{said} to the public host `llm.example.com` in clear text"] if said else []
    )
    assert not of("https://llm.example.com/v1", more, name, model)


@pytest.mark.parametrize(
    "url", ["user:hunter2pw@host:8000/v1", "http://user:hunter2pw/x@host:8000/v1", "https://user:hunter2pw@h:x/v1"]
)
@pytest.mark.parametrize("written", ["URL", "${LLM_URL}"])
def test_a_password_is_in_no_words(url: str, written: str) -> None:
    variables = Variables((Layer("an --env-file", {"LLM_URL": url}),))
    written = url if written == "URL" else written
    text = f'{{ models: {{ providers: {{ p: {{ baseUrl: "{written}", models: [{{ id: "m" }}] }} }} }} }}'
    findings = check_config("genesis.json5", text.encode(), variables).diagnostics
    assert "invalid-base-url" in {each.rule for each in findings}
    assert "hunter2" not in json.render(Report(1, tuple(findings)))


def test_another_tools_reference_is_one_finding() -> None:
    assert [each.rule for each in of("$BASE_URL")] == ["malformed-reference"]
