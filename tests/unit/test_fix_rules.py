"""The fixes of the real rules: what each writes, and the laws that hold for all of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.expand import Variables
from genesis.fix import fix
from genesis.pipeline import lint
from genesis.rules.catalogue import CATALOGUE, COMPILE_ONLY
from genesis.suppress import apply
from tests.e2e.support import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from genesis.diagnostics import Diagnostic


def findings(data: bytes, name: str = "genesis.json5") -> list[Diagnostic]:
    linted = lint(name, data, Variables())
    return apply(linted.diagnostics, linted.context.document.sources, CATALOGUE, COMPILE_ONLY)[0]


def fixed(text: str) -> str:
    return fix("genesis.json5", text.encode(), findings).data.decode()


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


def test_a_slash_after_a_reference_is_taken_away_and_one_in_a_variable_is_left() -> None:
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


def test_a_lower_case_reference_to_a_key_is_left_for_a_person() -> None:
    # What `env.vars` declares is never an answer in a secret position.
    text = provider(f'baseUrl: "http://h/v1", apiKey: "${{model}}", {MODEL}', "env: { vars: { MODEL: 'm' } }")
    assert fixed(text) == text


def test_a_key_in_plain_text_is_never_touched() -> None:
    text = provider(f'baseUrl: "http://h/v1", apiKey: "sk-the-only-copy", {MODEL}')
    assert fixed(text) == text
    assert [each.rule for each in findings(text.encode())] == ["hardcoded-secret"]


def holds(name: str, data: bytes) -> None:
    """Fixing adds no finding of any rule, changes nothing when it is done again, and leaves comments alone."""
    before = Counter(each.rule for each in findings(data, name))
    once = fix(name, data, lambda changed: findings(changed, name))
    after = Counter(each.rule for each in findings(once.data, name))
    assert not after - before
    assert before.total() - after.total() >= once.made
    assert fix(name, once.data, lambda changed: findings(changed, name)) == (once.data, 0)


@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("*.json5")), ids=lambda path: str(path.relative_to(FIXTURES)))
def test_the_laws_of_fixing_hold_for_every_fixture(path: Path) -> None:
    holds(str(path), path.read_bytes())


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
def test_the_laws_of_fixing_hold_for_what_people_might_write(
    members: list[tuple[str, str, str]], references: list[str], comment: str
) -> None:
    inside = "\n".join(f"{key}: {value},{comment}" for key, value, comment in members)
    selection = f"agents: {{ defaults: {{ model: {{ primary: 'p/m', fallbacks: [{', '.join(references)}] }} }} }}"
    text = f"{{{comment}\nenv: {{ vars: {{ HOST: 'http://h' }} }},\n{selection},\n"
    text += f"models: {{ providers: {{ p: {{\n{inside}\n}} }} }} }}"
    holds("genesis.json5", text.encode())
    kept = fix("genesis.json5", text.encode(), findings).data.decode()
    assert kept.count("kept") == text.count("kept")
