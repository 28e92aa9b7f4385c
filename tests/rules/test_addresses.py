"""Base URLs: findings about their path, host and key, with their help and fixes."""

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


def check(url: str, more: str = "", name: str = "p", model: str = "") -> list[Diagnostic]:
    """Return the findings for a provider with this base URL."""
    provider = f'{name}: {{ baseUrl: "{url}", models: [{{ id: "m", contextWindow: 9 {model} }}] {more} }}'
    return check_config(
        "genesis.json5", f"{{ models: {{ providers: {{ {provider} }} }} }}".encode(), Variables()
    ).diagnostics


@pytest.mark.parametrize(
    ("url", "severity", "corrected"),
    [
        ("https://generativelanguage.googleapis.com/v1beta/openai", None, None),
        ("https://gateway.ai.cloudflare.com/v1/ACCOUNT/GATEWAY/openai", None, None),
        ("https://api.z.ai/api/paas/v4", None, None),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "info", "{}"),
        ("https://x.openai.azure.com/openai/deployments/gpt", "warning", "{}/v1"),
        ("https://models.github.ai/inference", "warning", "{}/v1"),
        ("https://h.example.com/vllm/models", "error", None),
    ],
)
def test_version_may_be_anywhere_in_the_path(url: str, severity: str | None, corrected: str | None) -> None:
    findings = check(url)
    assert [(finding.rule, finding.severity) for finding in findings] == (
        [("base-url-path", severity)] if severity else []
    )
    for finding in findings:
        assert finding.help is not None
        assert corrected is None or f"`{corrected.format(url.rstrip('/'))}`" in finding.help
        # Only the user knows what follows a custom path.
        assert (finding.fix is None) == (severity != "info")


KEY = "sk-proj-hunter2canary77xyzABC123"


@pytest.mark.parametrize("url", [f"https://h.example.com/{KEY}", f"https://h.example.com/v1/{KEY}/models"])
def test_key_in_the_path_is_redacted_in_reports(url: str) -> None:
    findings = check(url)
    assert {finding.rule for finding in findings} == {"hardcoded-secret", "base-url-path"}
    report = Report(1, tuple(findings), tuple(finding._replace(reason="r") for finding in findings))
    for output in (json.render(report), sarif.render(report)):
        assert "hunter2" not in output
        assert "***" in output


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
def test_metadata_address_in_any_notation(host: str, *, metadata: bool) -> None:
    assert ("metadata-address" in {finding.rule for finding in check(f"http://{host}/v1")}) == metadata


@pytest.mark.parametrize(
    ("name", "more", "model", "key"),
    [
        ("p", ', apiKey: "${P}"', "", "`models.providers.p`"),
        ("p", ', headers: { Authorization: "${P}" }', "", "`models.providers.p`"),
        ("p", "", ', headers: { "X-Api-Key": "${P}" }', "`models.providers.p`"),
        ("vllm", "", "", "`models.providers.vllm`, if VLLM_API_KEY is set,"),
        ("p", "", "", None),
        ("p", "", ', headers: { "X-Team": "a" }', None),
    ],
)
def test_key_sent_unencrypted(name: str, more: str, model: str, key: str | None) -> None:
    findings = check("http://llm.example.com/v1", more, name, model)
    assert [finding.rule for finding in findings] == (["cleartext-credential"] if key else [])
    for finding in findings:
        assert f"the key of {key} " in finding.message
        assert "`llm.example.com`" in finding.message
    assert not check("https://llm.example.com/v1", more, name, model)


@pytest.mark.parametrize(
    "url", ["user:hunter2pw@host:8000/v1", "http://user:hunter2pw/x@host:8000/v1", "https://user:hunter2pw@h:x/v1"]
)
@pytest.mark.parametrize("source", ["URL", "${LLM_URL}"])
def test_password_is_redacted_in_reports(url: str, source: str) -> None:
    variables = Variables((Layer("an --env-file", {"LLM_URL": url}),))
    base_url = url if source == "URL" else source
    text = f'{{ models: {{ providers: {{ p: {{ baseUrl: "{base_url}", models: [{{ id: "m" }}] }} }} }} }}'
    findings = check_config("genesis.json5", text.encode(), variables).diagnostics
    assert "invalid-base-url" in {finding.rule for finding in findings}
    assert "hunter2" not in json.render(Report(1, tuple(findings)))


def test_reference_in_another_tools_syntax_is_reported_once() -> None:
    assert [finding.rule for finding in check("$BASE_URL")] == ["malformed-reference"]
