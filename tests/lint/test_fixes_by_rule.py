"""Fixes of the real rules: what each writes, and the laws that hold for all of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.expansion import Variables
from genesis_config.diagnostics.rule_names import RULE_NAMES
from genesis_config.lint.edits import combined_edits
from genesis_config.lint.fixes import FixResult, fix_files, mark_refused
from genesis_config.lint.ignores import apply_comments
from genesis_config.pipeline import check_config
from genesis_config.rules.registry import load_rules
from tests.e2e.support import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from genesis_config.diagnostics.finding import Diagnostic, Edit

ELSEWHERE = [rule.name for rule in load_rules().values() if rule.needs_more]


def findings(data: bytes, name: str = "genesis.json5") -> list[Diagnostic]:
    linted = check_config(name, data, Variables())
    return apply_comments(linted.diagnostics, linted.config.document.sources, RULE_NAMES, ELSEWHERE)[0]


class Linted(NamedTuple):
    findings: list[Diagnostic]


def fix(data: bytes, name: str = "genesis.json5") -> FixResult[Linted]:
    """Fix one file."""
    return fix_files({name: data}, Linted(findings(data, name)), lambda files: Linted(findings(files[name], name)))


def fix_one(data: bytes, name: str = "genesis.json5") -> tuple[bytes, int]:
    """Fix one file; return its new bytes and the number of applied fixes."""
    result = fix(data, name)
    return result.files.get(name, data), result.applied


def fixed(text: str) -> str:
    return fix_one(text.encode())[0].decode()


def provider(inside: str, more: str = "") -> str:
    return f"{{ models: {{ providers: {{ p: {{ {inside} }} }} }}, {more} }}"


MODEL = 'models: [{ id: "m", contextWindow: 9 }]'


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://10.0.0.5:8000", "http://10.0.0.5:8000/v1"),
        ("http://10.0.0.5:8000/", "http://10.0.0.5:8000/v1"),
        ("http://10.0.0.5:8000/v1/", "http://10.0.0.5:8000/v1"),
        ("http://10.0.0.5:8000/v1//", "http://10.0.0.5:8000/v1"),
        ("http://10.0.0.5:8000/v1/v1", "http://10.0.0.5:8000/v1"),
        ("http://10.0.0.5:8000/v1/models", "http://10.0.0.5:8000/v1"),
        ("http://10.0.0.5:8000/v1/chat/completions/", "http://10.0.0.5:8000/v1"),
        ("HTTP://Host/llm/v1/completions", "HTTP://Host/llm/v1"),
        ("http://10.0.0.5/v1beta", "http://10.0.0.5/v1beta"),
        ("http://${H:-x}/v1", "http://${H:-x}/v1"),
    ],
)
def test_base_urls(url: str, expected: str) -> None:
    assert fixed(provider(f'baseUrl: "{url}", {MODEL}')) == provider(f'baseUrl: "{expected}", {MODEL}')


def test_a_slash_after_a_reference_is_removed_but_not_one_in_a_variable() -> None:
    inside = f'baseUrl: "%s", {MODEL}'
    variables = "env: { vars: { HOST: 'h', URL: 'http://h/v1/' } }"
    assert fixed(provider(inside % "http://${HOST}/v1/", variables)) == provider(
        inside % "http://${HOST}/v1", variables
    )
    text = provider(inside % "${URL}", variables)
    assert [(each.rule, each.severity, each.fix) for each in findings(text.encode())] == [
        ("base-url-path", "info", None)
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${model}", "${MODEL}"),
        ("a ${Model} b ${model}", "a ${MODEL} b ${MODEL}"),
        ("$<model>", "$<MODEL>"),
        ("${model:-x}", "${MODEL:-x}"),
        ("${other}", "${other}"),
        ("${model", "${model"),
        ("${model }", "${model }"),
        ("\\x24{model}", "\\x24{model}"),
        ("$${model}", "$${model}"),
        ("${\u017f}", "${\u017f}"),
    ],
)
def test_a_lower_case_reference_whose_upper_case_name_is_declared(written: str, expected: str) -> None:
    text = provider(
        f'baseUrl: "http://h/v1", params: {{ user: "%s" }}, {MODEL}', "env: { vars: { MODEL: 'm', S: 's' } }"
    )
    assert fixed(text % written) == text % expected


def test_a_lower_case_reference_to_a_key_is_not_fixed() -> None:
    # Variables declared in `env.vars` are never used in a secret position.
    text = provider(f'baseUrl: "http://h/v1", apiKey: "${{model}}", {MODEL}', "env: { vars: { MODEL: 'm' } }")
    assert fixed(text) == text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('[\n  "p/m",\n  "p/n",\n]', '[\n  "p/n",\n]'),
        ('[\n  "p/n",\n  "p/m",\n]', '[\n  "p/n",\n]'),
        ('[\r\n  "p/m",\r\n  "p/n"\r\n]', '[\r\n  "p/n"\r\n]'),
        ('[\n  "p/n",\n  "p/m"\n]', '[\n  "p/n"\n]'),
        ('[\n  "p/m", // kept\n  "p/n",\n]', '[\n  // kept\n  "p/n",\n]'),
        ('["p/m", "p/n"]', '["p/n"]'),
    ],
)
def test_a_fallback_is_removed_with_its_line(written: str, expected: str) -> None:
    models = 'models: [{ id: "m", contextWindow: 9 }, { id: "n", contextWindow: 9 }]'
    selection = 'agents: { defaults: { model: { primary: "p/m", fallbacks: %s } } }'
    text = provider(f'baseUrl: "http://h/v1", {models}', selection)
    assert fixed(text.replace("%s", written)) == text.replace("%s", expected)


@pytest.mark.parametrize("line", ['  "p/m",\n', '"p/m", '])
def test_consecutive_fallbacks_are_removed_in_one_round(line: str) -> None:
    selection = 'agents: { defaults: { model: { primary: "p/m", fallbacks: [\n%s] } } }'
    text = provider(f'baseUrl: "http://h/v1", {MODEL}', selection)
    assert fix_one((text % (line * 1100)).encode()) == ((text % "").encode(), 1100)


def test_a_key_in_plain_text_is_never_touched() -> None:
    text = provider(f'baseUrl: "http://h/v1", apiKey: "sk-the0only0copy", {MODEL}')
    assert fixed(text) == text
    assert [each.rule for each in findings(text.encode())] == ["hardcoded-secret"]


def offsets_below_misspelled_keys(name: str, data: bytes) -> set[int]:
    """Return the offsets of members whose misspelled key has a fix."""
    return {
        offset
        for finding in findings(data, name)
        if finding.rule == "unknown-key" and finding.fix and finding.span
        for offset in range(finding.span.start, _end_of_member(finding.span.source.text, finding.span.end))
    }


def _end_of_member(text: str, start: int) -> int:
    """Return the end of the value after a key, determined only by brackets and quotes."""
    depth, quote = 0, ""
    for offset in range(start, len(text)):
        char = text[offset]
        if quote:
            quote = "" if char == quote and text[offset - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif depth == 0 and char in ",}]":
            return offset
        else:
            depth += (char in "[{") - (char in "]}")
    return len(text)


def check_laws(name: str, data: bytes) -> None:
    """Check the laws of fixing.

    It adds no finding except below a misspelled key, is idempotent, and applies or rejects every fix.
    """
    before = findings(data, name)
    hidden = offsets_below_misspelled_keys(name, data)
    result = fix(data, name)
    once = result.files.get(name, data)
    edits = combined_edits(name, data, result.rounds)
    after = Counter(each.rule for each in findings(once, name) if _before(each, edits) not in hidden)
    assert not after - Counter(each.rule for each in before)
    assert (result.applied == 0) == (once == data)
    assert fix_one(once, name) == (once, 0)
    refused = result.refused
    here = [each for each in findings(once, name) if each.fix and each.span and each.span.source.name == name]
    assert all(each.fix is None for each in mark_refused(here, refused))


def _before(finding: Diagnostic, edits: tuple[Edit, ...]) -> int:
    """Return the offset of a finding before the edits."""
    start = finding.span.start if finding.span else -1
    for edit in edits:
        if start >= edit.span.start + len(edit.text):
            start -= len(edit.text) - (edit.span.end - edit.span.start)
        elif start > edit.span.start:
            start = edit.span.start
    return start


@pytest.mark.parametrize(
    ("written", "right", "left"),
    [
        (
            '{ vllm: { baseURL: "http://10.0.0.5:8000", models: [{ id: "m", contextWindow: 8192 }] } }',
            '{ vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [{ id: "m", contextWindow: 8192 }] } }',
            [],
        ),
        (
            '{ vllm: { baseURL: "http://10.0.0.5:8000/v1/", models: [{ id: "m", contextWindow: 8192 }] } }',
            '{ vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [{ id: "m", contextWindow: 8192 }] } }',
            [],
        ),
        (
            '{ vllm: { apikey: "sk-4f9a2b7c", models: [{ id: "m", contextWindow: 8192 }] } }',
            '{ vllm: { apiKey: "sk-4f9a2b7c", models: [{ id: "m", contextWindow: 8192 }] } }',
            ["hardcoded-secret"],
        ),
        (
            '{ vllm: { models: [{ id: "m", contextWindws: "8192" }] } }',
            '{ vllm: { models: [{ id: "m", contextWindow: "8192" }] } }',
            ["wrong-type"],
        ),
        (
            '{ vllm: { models: [{ id: "m", contextWindow: 8192, maxToken: 9000 }] } }',
            '{ vllm: { models: [{ id: "m", contextWindow: 8192, maxTokens: 9000 }] } }',
            ["max-tokens-exceeds-context"],
        ),
        (
            '{ vllm: { modells: [{ id: "m", context_window: 8192, coast: 1, "max-tokens": "1" }] } }',
            '{ vllm: { models: [{ id: "m", contextWindow: 8192, coast: 1, "maxTokens": "1" }] } }',
            ["unknown-key", "wrong-type"],
        ),
        ("{ vllm: { modells: [] } }", "{ vllm: { models: [] } }", ["no-models"]),
    ],
)
def test_fixing_a_misspelled_key_reveals_further_findings(written: str, right: str, left: list[str]) -> None:
    for key in ("providers", "provders"):
        done = fixed(f"{{ models: {{ {key}: {written} }} }}")
        assert done == f"{{ models: {{ providers: {right} }} }}"
        assert [each.rule for each in findings(done.encode())] == left


def test_a_fix_that_would_cause_a_finding_elsewhere_is_rejected() -> None:
    text = provider('baseUrl: "http://llm.example.com/v1", apikey: "${P}", models: [{ id: "m", contextWindow: 9 }]')
    result = fix(text.encode())
    assert (result.files, result.applied) == ({}, 0)
    (left,) = mark_refused(findings(text.encode()), result.refused)
    assert left.fix is None
    assert (left.help or "").endswith("; not fixed automatically: it would cause `cleartext-credential`")


def test_an_ignore_comment_for_an_uncovered_finding_is_kept() -> None:
    text = '{ models: { providers: { vllm: {\n  baseURL: "http://h/own", // genesis: ignore[base-url-path] ours\n'
    text += '  models: [{ id: "m", contextWindow: 9 }] } } } }'
    assert fixed(text) == text.replace("baseURL", "baseUrl")
    assert findings(fixed(text).encode()) == []


@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("*.json5")), ids=lambda path: str(path.relative_to(FIXTURES)))
def test_the_laws_of_fixing_hold_for_every_fixture(path: Path) -> None:
    check_laws(str(path), path.read_bytes())


KEYS = st.sampled_from(
    ["baseUrl", "baseURL", "base_url", "apikey", "apiKey", "contextWindow", "contextWindws", "modells", "x-own", "name"]
)
VALUES = st.sampled_from(
    [
        '"http://10.0.0.5/v1/"',
        '"http://10.0.0.5"',
        '"${HOST}/v1/chat/completions"',
        '"${host}"',
        '"sk-0123456789abcdef"',
        "8192",
        "{}",
        '[{ id: "m", ctxWindow: 1, "id" : "m" }]',
        "",
    ]
)
COMMENTS = st.sampled_from(
    ["", " // genesis: ignore[unknown-key] mine", " // genesis: ignore[unknown-kye] mine", " /* kept */", " // kept"]
)
REFERENCES = st.lists(st.sampled_from(['"p/m"', '"p/n"', '"${host}"', '"p/M"']), max_size=4)


@given(st.lists(st.tuples(KEYS, VALUES, COMMENTS), max_size=6), REFERENCES, COMMENTS)
def test_the_laws_of_fixing_hold_for_generated_configurations(
    members: list[tuple[str, str, str]], references: list[str], comment: str
) -> None:
    inside = "\n".join(f"{key}: {value},{comment}" for key, value, comment in members)
    selection = f"agents: {{ defaults: {{ model: {{ primary: 'p/m', fallbacks: [{', '.join(references)}] }} }} }}"
    text = f"{{{comment}\nenv: {{ vars: {{ HOST: 'http://h' }} }},\n{selection},\n"
    text += f"models: {{ providers: {{ p: {{\n{inside}\n}} }} }} }}"
    check_laws("genesis.json5", text.encode())
    assert fixed(text).count("kept") == text.count("kept")
