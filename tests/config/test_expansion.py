"""References in a document: what is expanded and what never is, from where, and what is said of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.expansion import Layer, Variables, expand, text_span
from tests.config.expansion_support import PROVIDER, at, config, environment, expanded, found, read

MODEL = ("agents", "defaults", "model")


def test_the_first_layer_that_has_a_variable_answers_and_env_vars_come_last() -> None:
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


def test_an_empty_value_of_an_earlier_layer_is_a_hit() -> None:
    text = config('baseUrl: "${A:-default}"', 'env: { vars: { A: "declared" } }')
    assert at(expanded(text, A="").value, (*PROVIDER, "baseUrl")) == "default"


def test_every_piece_keeps_its_origin() -> None:
    string = expanded(config('baseUrl: "http://$<HOST>:${PORT:-8000}/v1"'), HOST="::1").strings[(*PROVIDER, "baseUrl")]
    pieces = [(piece.text, piece.reference and piece.reference.name) for piece in string.resolved.pieces]
    assert pieces == [("http://", None), ("::1", "HOST"), (":", None), ("8000", "PORT"), ("/v1", None)]
    assert string.origins == {"HOST": "the environment"}
    assert string.template == "http://$<HOST>:${PORT:-8000}/v1"


def test_all_that_are_missing_are_told_in_one_run_each_where_it_stands() -> None:
    text = """{
  models: { providers: { vllm: {
    baseUrl: "http://${HOST}:$<PORT>/v1",
    models: [{ id: 'é${MODEL:?say which model}', name: "${EMPTY:?why} ${BLANK}" }],
  } } },
  agents: { defaults: { model: "vllm/${MODEL}" } },
}"""
    assert [finding[:4] for finding in found(expanded(text, EMPTY="", BLANK=""))] == [
        ("unset-variable", 3, 22, "${HOST}"),
        ("unset-variable", 3, 30, "$<PORT>"),
        ("unset-variable", 4, 22, "${MODEL:?say which model}"),
        ("unset-variable", 4, 57, "${EMPTY:?why}"),
        ("empty-variable", 4, 71, "${BLANK}"),
        ("unset-variable", 6, 38, "${MODEL}"),
    ]


@pytest.mark.parametrize(
    ("reference", "message", "help_"),
    [
        (
            "${GONE}",
            "the variable `GONE` is not set, and {where} needs it",
            "export GONE or put it into an --env-file, or write a default: `${GONE:-…}`",
        ),
        (
            "$<GONE:?say which>",
            "the variable `GONE` is not set, and {where} needs it: say which",
            "export GONE or put it into an --env-file",
        ),
        (
            "${EMPTY:?say which}",
            "the variable `EMPTY` is empty, and {where} needs it: say which",
            "give it a value where it comes from: the environment",
        ),
        (
            "${EMPTY}",
            "the variable `EMPTY` is empty, and {where} uses it as it is",
            "give it a value where it comes from (the environment), or write a default: `${EMPTY:-…}`",
        ),
    ],
)
def test_what_is_missing_says_how_and_the_way_out(reference: str, message: str, help_: str) -> None:
    (finding,) = found(expanded(config(f'baseUrl: "http://{reference}/v1"'), EMPTY=""))
    assert finding.text == reference
    assert finding.message == message.replace("{where}", "`models.providers.vllm.baseUrl`")
    assert finding.help == help_


def test_what_has_no_value_stays_as_it_is_written_and_the_rest_is_expanded() -> None:
    expansion = expanded(config('baseUrl: "${GONE}", models: [{ id: "${A}", name: "${A}${GONE}" }]'), A="x")
    assert at(expansion.value, PROVIDER) == {"baseUrl": "${GONE}", "models": [{"id": "x", "name": "${A}${GONE}"}]}


def test_without_the_machine_any_other_reference_is_an_unknown_string() -> None:
    text = config('baseUrl: "${A:-x}", api: "${B:?y}", models: [{ id: "${A}${EMPTY}", name: "$${A}" }]')
    expansion = expand(read(text), environment(False, EMPTY=""))
    known = {path[3:]: (string.unknown, string.resolved.value) for path, string in expansion.strings.items()}
    assert known == {
        ("baseUrl",): (True, None),
        ("api",): (True, None),
        ("models", 0, "id"): (True, None),
        ("models", 0, "name"): (False, "${A}"),
    }
    # What is known to be empty is said, even beside an unknown.
    assert [(finding.rule, finding.text) for finding in found(expansion)] == [("empty-variable", "${EMPTY}")]
    assert at(expansion.value, PROVIDER)["baseUrl"] == "${A:-x}"


def test_env_vars_are_known_without_the_machine() -> None:
    text = config('baseUrl: "${A}"', 'env: { vars: { A: "http://h/v1" } }')
    assert at(expand(read(text), Variables()).value, (*PROVIDER, "baseUrl")) == "http://h/v1"


def test_env_vars_are_never_expanded_and_what_is_no_string_there_is_no_variable() -> None:
    text = config('baseUrl: "${A}${B:-b}"', 'env: { vars: { A: "${A}$<C>", B: 3, C: "x" } }')
    expansion = expanded(text)
    assert at(expansion.value, (*PROVIDER, "baseUrl")) == "${A}$<C>b"
    assert expansion.value["env"] == {"vars": {"A": "${A}$<C>", "B": 3, "C": "x"}}
    assert expansion.diagnostics == []


@pytest.mark.parametrize("rest", ["env: 3", "env: { vars: [] }", "agents: []", "agents: { defaults: 1 }", "auth: null"])
def test_a_section_of_a_wrong_type_is_passed_over(rest: str) -> None:
    assert at(expanded(config('baseUrl: "${A}"', rest), A="x").value, (*PROVIDER, "baseUrl")) == "x"


@pytest.mark.parametrize("text", ['{ models: "${A}" }', '{ models: { providers: ["${A}"] } }', '{ auth: "${A}" }'])
def test_a_string_where_an_object_belongs_is_expanded_too(text: str) -> None:
    assert json.dumps(expanded(text, A="x").value) == json.dumps(read(text).value).replace("${A}", "x")


@pytest.mark.parametrize("dialect", ["%MODEL%", "{{MODEL}}", "os.environ/MODEL"])
def test_a_dialect_is_found_in_a_text_without_any_dollar(dialect: str) -> None:
    (finding,) = found(expanded(f'{{ agents: {{ defaults: {{ model: "{dialect}" }} }} }}'))
    assert (finding.rule, finding.text, finding.help) == ("malformed-reference", f'"{dialect}"', "write `${MODEL}`")
    (finding,) = found(expanded(f'{{ agents: {{ defaults: {{ model: ["{dialect}"] }} }} }}'))
    assert finding.text == f'"{dialect}"'


@pytest.mark.parametrize("escape", ["\\x24", "\\u0024", "\\$"])
def test_a_dollar_may_be_written_as_an_escape(escape: str) -> None:
    expansion = expanded(f'{{ agents: {{ defaults: {{ model: "{escape}{{A}}" }} }} }}', A="x")
    assert at(expansion.value, MODEL) == "x"


def test_entries_of_the_selection_and_of_auth_are_expanded() -> None:
    entry = '{ alias: "${A}", params: { n: ["$<A>"] } }'
    text = f'{{ agents: {{ defaults: {{ models: {{ "a/b": {entry} }} }} }}, auth: {{ a: "${{A}}" }} }}'
    expansion = expanded(text, A="x")
    assert at(expansion.value, ("agents", "defaults", "models", "a/b")) == {"alias": "x", "params": {"n": ["x"]}}
    assert expansion.value["auth"] == {"a": "x"}


def test_keys_and_other_sections_and_extensions_are_never_expanded() -> None:
    text = """{
  $schema: "${A}", "x-note": "${A}", gateway: { port: "${A}" }, env: { other: "${A}" },
  agents: { list: ["${A}"], defaults: { workspace: "${A}", models: { "vllm/${A}": { "x-note": "${A}" } } } },
  models: { $schema: "${A}", "x-old": ["${A}"],
    providers: { "${A}": { "x-note": { deep: "${A}" }, models: [{ "x-a": "$A" }] } } },
}"""
    expansion = expanded(text, A="x")
    assert expansion.value == read(text).value
    assert (expansion.strings, expansion.diagnostics) == ({}, [])


def test_a_reference_in_the_path_of_an_include_is_left_alone() -> None:
    assert expanded('{ models: { $include: ["./${A}.json5"], providers: { $include: "${A}" } } }').strings == {}


def test_in_params_and_headers_every_name_is_meant() -> None:
    text = config('params: { "x-a": "${A}", b: { "x-c": ["${A}"], $schema: "${A}" } }, headers: { "x-a": "${B}" }')
    assert at(expanded(text, A="v").value, (*PROVIDER, "params")) == {
        "x-a": "v",
        "b": {"x-c": ["v"], "$schema": "v"},
    }
    assert (*PROVIDER, "headers", "x-a") in expanded(text, A="v").strings


@pytest.mark.parametrize("name", ["TENANT", "SOME_TOKEN"])
def test_what_holds_a_secret_variable_stays_as_it_is_written(name: str) -> None:
    # One is a secret by where it is used, the other by its name: what rules quote of the values is no key.
    text = config(f'baseUrl: "http://${{{name}}}/v1", params: {{ a: "${{A}}" }}, headers: {{ x: "${{TENANT}}" }}')
    expansion = expanded(text, A="v", **{name: "canary"})
    assert at(expansion.value, PROVIDER)["baseUrl"] == f"http://${{{name}}}/v1"
    assert at(expansion.value, PROVIDER)["params"] == {"a": "v"}
    string = expansion.strings[*PROVIDER, "baseUrl"]
    assert (string.resolved.value, string.unknown) == (None, True)


def test_the_document_itself_is_never_changed_and_nothing_is_copied_in_vain() -> None:
    document = read(config('baseUrl: "${A}", params: { a: [1] }, models: [{ id: "${A}", name: "${A}" }, { id: "b" }]'))
    before = json.dumps(document.value)
    expansion = expand(document, environment(A="x"))
    assert json.dumps(document.value) == before
    assert at(expansion.value, (*PROVIDER, "models", 0)) == {"id": "x", "name": "x"}
    for path in (("params",), ("models", 1)):
        assert at(expansion.value, (*PROVIDER, *path)) is at(document.value, (*PROVIDER, *path))
    plain = read(config('baseUrl: "http://h/v1"'))
    assert expand(plain, environment()).value is plain.value


def test_a_mistake_is_placed_and_named() -> None:
    text = "{ models: { providers: { v: { baseUrl: 'http://${host}/v1', models: [{ id: 'os.environ/my_name' }] } } } }"
    malformed, foreign = found(expanded(text))
    assert malformed[:4] == ("malformed-reference", 1, 48, "${host}")
    assert "`models.providers.v.baseUrl`" in malformed.message
    assert "`${HOST}`" in (malformed.help or "")
    assert foreign[:4] == ("malformed-reference", 1, 76, "'os.environ/my_name'")
    assert "`models.providers.v.models[0].id`" in foreign.message
    assert foreign.help == "write `${MY_NAME}`"


def test_where_escapes_hide_a_reference_the_whole_string_is_placed() -> None:
    text = config("""baseUrl: "\\x24{GONE}", api: "a\\
${GONE}", models: [{ id: "${GONE}" }]""")
    assert [finding.text for finding in found(expanded(text))] == ['"\\x24{GONE}"', '"a\\\n${GONE}"', "${GONE}"]
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
def test_expansion_keeps_the_shape_and_changes_only_strings_that_it_lists(tree: Any, values: dict[str, str]) -> None:
    document = read(json.dumps({"models": {"providers": {"vllm": {"params": tree}}}}))
    expansion = expand(document, Variables((Layer("here", values),), complete=True))
    expected = json.loads(json.dumps(document.value))
    for path, string in expansion.strings.items():
        assert at(document.value, path) == string.template
        if string.resolved.value is not None:
            at(expected, path[:-1])[path[-1]] = string.resolved.value
    assert expansion.value == expected
    # Nothing is left that could be resolved: what stands in a variable is not read again.
    assert set(expansion.strings) == set(_dollars(document.value, ()))


def _dollars(value: Any, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    if isinstance(value, str):
        return [path] if "$" in value else []
    items = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    return [place for key, item in items for place in _dollars(item, (*path, key))]
