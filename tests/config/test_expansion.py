"""Expansion of references: which strings are expanded, where values come from, and the findings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config import positions
from genesis_config.config.expansion import Layer, Variables, expand, text_span
from genesis_config.credentials.patterns import key_spans
from tests.config.expansion_support import PROVIDER, at, config, environment, expanded, findings_of, read

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = ("agents", "defaults", "model")


def test_first_layer_with_a_variable_wins_and_env_vars_come_last() -> None:
    document = read(config('baseUrl: "${A}${B}${C}${D}"', 'env: { vars: { A: "4", B: "4", C: "4", D: "4" } }'))
    layers = (
        Layer("the environment", {"A": "1"}),
        Layer("one.env", {"A": "2", "B": "2"}),
        Layer("two.env", {"A": "3", "B": "3", "C": "3"}),
    )
    expansion = expand(document, Variables(layers, complete=True))
    string = expansion.strings[(*PROVIDER, "baseUrl")]
    assert string.resolved.value == "1234"
    assert string.origins == {"A": "the environment", "B": "one.env", "C": "two.env", "D": "env.vars"}
    assert at(expansion.value, (*PROVIDER, "baseUrl")) == "1234"


def test_empty_value_in_an_earlier_layer_wins() -> None:
    text = config('baseUrl: "${A:-default}"', 'env: { vars: { A: "declared" } }')
    assert at(expanded(text, A="").value, (*PROVIDER, "baseUrl")) == "default"


def test_each_piece_has_its_origin() -> None:
    string = expanded(config('baseUrl: "http://$<HOST>:${PORT:-8000}/v1"'), HOST="::1").strings[(*PROVIDER, "baseUrl")]
    pieces = [(piece.text, piece.reference and piece.reference.name) for piece in string.resolved.pieces]
    assert pieces == [("http://", None), ("::1", "HOST"), (":", None), ("8000", "PORT"), ("/v1", None)]
    assert string.origins == {"HOST": "the environment"}
    assert string.template == "http://$<HOST>:${PORT:-8000}/v1"


def test_all_missing_variables_are_reported_at_their_places() -> None:
    text = """{
  models: { providers: { vllm: {
    baseUrl: "http://${HOST}:$<PORT>/v1",
    models: [{ id: 'é${MODEL:?say which model}', name: "${EMPTY:?why} ${BLANK}" }],
  } } },
  agents: { defaults: { model: "vllm/${MODEL}" } },
}"""
    assert [finding[:4] for finding in findings_of(expanded(text, EMPTY="", BLANK=""))] == [
        ("unset-variable", 3, 22, "${HOST}"),
        ("unset-variable", 3, 30, "$<PORT>"),
        ("unset-variable", 4, 22, "${MODEL:?say which model}"),
        ("unset-variable", 4, 57, "${EMPTY:?why}"),
        ("empty-variable", 4, 71, "${BLANK}"),
        ("unset-variable", 6, 38, "${MODEL}"),
    ]


@pytest.mark.parametrize(
    ("reference", "rule", "message", "help_"),
    [
        ("${GONE}", "unset-variable", "`GONE`", "`${GONE:-…}`"),
        ("$<GONE:?say which>", "unset-variable", ": say which", "--env-file"),
        ("${EMPTY:?say which}", "unset-variable", ": say which", "the environment"),
        ("${EMPTY}", "empty-variable", "`EMPTY` is empty", "`${EMPTY:-…}`"),
    ],
)
def test_finding_for_a_missing_variable(reference: str, rule: str, message: str, help_: str) -> None:
    (finding,) = findings_of(expanded(config(f'baseUrl: "http://{reference}/v1"'), EMPTY=""))
    assert (finding.rule, finding.text) == (rule, reference)
    assert "`models.providers.vllm.baseUrl`" in finding.message
    assert message in finding.message
    assert finding.help is not None
    assert help_ in finding.help
    # A reference with a message has no use for a default.
    assert (":-" in finding.help) == (":?" not in reference)


def test_string_without_a_value_stays_as_written() -> None:
    expansion = expanded(config('baseUrl: "${GONE}", models: [{ id: "${A}", name: "${A}${GONE}" }]'), A="x")
    assert at(expansion.value, PROVIDER) == {"baseUrl": "${GONE}", "models": [{"id": "x", "name": "${A}${GONE}"}]}


def test_value_is_unknown_without_the_environment() -> None:
    text = config('baseUrl: "${A:-x}", api: "${B:?y}", models: [{ id: "${A}${EMPTY}", name: "$${A}" }]')
    expansion = expand(read(text), environment(False, EMPTY=""))
    known = {path[3:]: (string.unknown, string.resolved.value) for path, string in expansion.strings.items()}
    assert known == {
        ("baseUrl",): (True, None),
        ("api",): (True, None),
        ("models", 0, "id"): (True, None),
        ("models", 0, "name"): (False, "${A}"),
    }
    # A variable that is known to be empty is reported, even next to an unknown one.
    assert [(finding.rule, finding.text) for finding in findings_of(expansion)] == [("empty-variable", "${EMPTY}")]
    assert at(expansion.value, PROVIDER)["baseUrl"] == "${A:-x}"


def test_env_vars_are_known_without_the_environment() -> None:
    text = config('baseUrl: "${A}"', 'env: { vars: { A: "http://h/v1" } }')
    assert at(expand(read(text), Variables()).value, (*PROVIDER, "baseUrl")) == "http://h/v1"


def test_env_vars_are_literal_strings() -> None:
    text = config('baseUrl: "${A}${B:-b}"', 'env: { vars: { A: "${A}$<C>", B: 3, C: "x" } }')
    expansion = expanded(text)
    assert at(expansion.value, (*PROVIDER, "baseUrl")) == "${A}$<C>b"
    assert expansion.value["env"] == {"vars": {"A": "${A}$<C>", "B": 3, "C": "x"}}
    assert expansion.diagnostics == []


@pytest.mark.parametrize("rest", ["env: 3", "env: { vars: [] }", "agents: []", "agents: { defaults: 1 }", "auth: null"])
def test_section_of_the_wrong_type_is_ignored(rest: str) -> None:
    assert at(expanded(config('baseUrl: "${A}"', rest), A="x").value, (*PROVIDER, "baseUrl")) == "x"


@pytest.mark.parametrize("text", ['{ models: "${A}" }', '{ models: { providers: ["${A}"] } }', '{ auth: "${A}" }'])
def test_string_in_place_of_an_object_is_expanded(text: str) -> None:
    assert json.dumps(expanded(text, A="x").value) == json.dumps(read(text).value).replace("${A}", "x")


@pytest.mark.parametrize("dialect", ["%MODEL%", "{{MODEL}}", "os.environ/MODEL"])
def test_other_syntax_is_found_without_a_dollar(dialect: str) -> None:
    (finding,) = findings_of(expanded(f'{{ agents: {{ defaults: {{ model: "{dialect}" }} }} }}'))
    assert (finding.rule, finding.text) == ("malformed-reference", f'"{dialect}"')
    assert "`${MODEL}`" in (finding.help or "")
    (finding,) = findings_of(expanded(f'{{ agents: {{ defaults: {{ model: ["{dialect}"] }} }} }}'))
    assert finding.text == f'"{dialect}"'


@pytest.mark.parametrize("escape", ["\\x24", "\\u0024", "\\$"])
def test_dollar_may_be_written_as_an_escape(escape: str) -> None:
    expansion = expanded(f'{{ agents: {{ defaults: {{ model: "{escape}{{A}}" }} }} }}', A="x")
    assert at(expansion.value, MODEL) == "x"


def test_entries_of_the_selection_and_of_auth_are_expanded() -> None:
    entry = '{ alias: "${A}", params: { n: ["$<A>"] } }'
    text = f'{{ agents: {{ defaults: {{ models: {{ "a/b": {entry} }} }} }}, auth: {{ a: "${{A}}" }} }}'
    expansion = expanded(text, A="x")
    assert at(expansion.value, ("agents", "defaults", "models", "a/b")) == {"alias": "x", "params": {"n": ["x"]}}
    assert expansion.value["auth"] == {"a": "x"}


def test_keys_other_sections_and_extensions_are_not_expanded() -> None:
    text = """{
  $schema: "${A}", "x-note": "${A}", gateway: { port: "${A}" }, env: { other: "${A}" },
  agents: { list: ["${A}"], defaults: { workspace: "${A}", models: { "vllm/${A}": { "x-note": "${A}" } } } },
  models: { $schema: "${A}", "x-old": ["${A}"],
    providers: { "${A}": { "x-note": { deep: "${A}" }, models: [{ "x-a": "$A" }] } } },
}"""
    expansion = expanded(text, A="x")
    assert expansion.value == read(text).value
    assert (expansion.strings, expansion.diagnostics) == ({}, [])


def test_reference_in_the_path_of_an_include_is_ignored() -> None:
    assert expanded('{ models: { $include: ["./${A}.json5"], providers: { $include: "${A}" } } }').strings == {}


def test_no_name_in_params_and_headers_is_an_extension() -> None:
    text = config('params: { "x-a": "${A}", b: { "x-c": ["${A}"], $schema: "${A}" } }, headers: { "x-a": "${B}" }')
    assert at(expanded(text, A="v").value, (*PROVIDER, "params")) == {
        "x-a": "v",
        "b": {"x-c": ["v"], "$schema": "v"},
    }
    assert (*PROVIDER, "headers", "x-a") in expanded(text, A="v").strings


@pytest.mark.parametrize("name", ["TENANT", "SOME_TOKEN"])
def test_string_with_a_secret_variable_stays_as_written(name: str) -> None:
    # One is secret because of its position, the other because of its name. Rules may quote the expanded values.
    text = config(f'baseUrl: "http://${{{name}}}/v1", params: {{ a: "${{A}}" }}, headers: {{ x: "${{TENANT}}" }}')
    expansion = expanded(text, A="v", **{name: "canary"})
    assert at(expansion.value, PROVIDER)["baseUrl"] == f"http://${{{name}}}/v1"
    assert at(expansion.value, PROVIDER)["params"] == {"a": "v"}
    string = expansion.strings[*PROVIDER, "baseUrl"]
    assert (string.resolved.value, string.unknown) == (None, True)


def test_document_is_not_modified_and_copied_only_where_needed() -> None:
    document = read(config('baseUrl: "${A}", params: { a: [1] }, models: [{ id: "${A}", name: "${A}" }, { id: "b" }]'))
    before = json.dumps(document.value)
    expansion = expand(document, environment(A="x"))
    assert json.dumps(document.value) == before
    assert at(expansion.value, (*PROVIDER, "models", 0)) == {"id": "x", "name": "x"}
    for path in (("params",), ("models", 1)):
        assert at(expansion.value, (*PROVIDER, *path)) is at(document.value, (*PROVIDER, *path))
    plain = read(config('baseUrl: "http://h/v1"'))
    assert expand(plain, environment()).value is plain.value


def test_malformed_references_are_reported_at_their_places() -> None:
    text = "{ models: { providers: { v: { baseUrl: 'http://${host}/v1', models: [{ id: 'os.environ/my_name' }] } } } }"
    malformed, foreign = findings_of(expanded(text))
    assert malformed[:4] == ("malformed-reference", 1, 48, "${host}")
    assert "`models.providers.v.baseUrl`" in malformed.message
    assert "`${HOST}`" in (malformed.help or "")
    assert foreign[:4] == ("malformed-reference", 1, 76, "'os.environ/my_name'")
    assert "`models.providers.v.models[0].id`" in foreign.message
    assert "`${MY_NAME}`" in (foreign.help or "")


def test_reference_in_a_string_with_escapes_is_reported_at_the_whole_string() -> None:
    text = config("""baseUrl: "\\x24{GONE}", api: "a\\
${GONE}", models: [{ id: "${GONE}" }]""")
    assert [finding.text for finding in findings_of(expanded(text))] == ['"\\x24{GONE}"', '"a\\\n${GONE}"', "${GONE}"]
    document = read(text)
    span = text_span(document, (*PROVIDER, "models", 0, "id"), "${GONE}", 2, 6)
    assert span.source.text[span.start : span.end] == "GONE"


LEAVES = st.sampled_from(["${A}", "$<B>", "$${A}", "${C:-d}", "plain", "${", "$A", 1, None, True])
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "${A}", "x-b"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(TREES, st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["", "v", "${A}", "$<B>"])))
def test_expansion_changes_only_the_strings_that_it_lists(tree: Any, values: dict[str, str]) -> None:
    document = read(json.dumps({"models": {"providers": {"vllm": {"params": tree}}}}))
    expansion = expand(document, Variables((Layer("here", values),), complete=True))
    expected = json.loads(json.dumps(document.value))
    for path, string in expansion.strings.items():
        assert at(document.value, path) == string.template
        if string.resolved.value is not None:
            at(expected, path[:-1])[path[-1]] = string.resolved.value
    assert expansion.value == expected
    # Every reference is listed, and the values of variables are not expanded again.
    assert set(expansion.strings) == set(_dollars(document.value, ()))


def _dollars(value: Any, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    if isinstance(value, str):
        return [path] if "$" in value else []
    items = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    return [place for key, item in items for place in _dollars(item, (*path, key))]


def test_string_with_many_malformed_references_is_checked_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []

    def counted(text: str) -> Iterator[tuple[int, int]]:
        searched.append(len(text))
        return key_spans(text)

    monkeypatch.setattr(positions, "key_spans", counted)
    template = "${a} " * 400
    assert len(findings_of(expanded(config(f'baseUrl: "{template}"')))) == 400
    # The whole string is searched for keys once, not for each reference.
    assert 0 < sum(searched) < 3 * len(template)
