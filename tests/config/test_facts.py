"""Defaults, enumerations and names have one definition, with which the schemas, the docs and the editor agree."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any, get_args

import pytest
import yaml

from genesis_config.config import defaults, keys
from genesis_config.config.validation import schema_text
from genesis_config.credentials.names import AUTHORIZATION, BEARER
from genesis_config.diagnostics.finding import SEVERITIES, Severity
from genesis_config.lint.discovery import NAMES
from genesis_config.lint.settings import FILES
from genesis_config.manifest import model
from genesis_config.resolve.lock import LOCK_NAME
from tests.e2e.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULTS = {
    ("provider", keys.API): defaults.DEFAULT_API,
    ("provider", keys.TIMEOUT_SECONDS): defaults.DEFAULT_TIMEOUT_SECONDS,
    ("provider", keys.MAX_CONNECTIONS): defaults.DEFAULT_MAX_CONNECTIONS,
    ("model", keys.CONTEXT_WINDOW): defaults.DEFAULT_CONTEXT_WINDOW,
    ("model", keys.MAX_TOKENS): defaults.DEFAULT_MAX_TOKENS,
    ("model", keys.INPUT): list(defaults.DEFAULT_INPUT),
    ("compat", keys.MAX_TOKENS_FIELD): defaults.DEFAULT_MAX_TOKENS_FIELD,
}
# The sources that an `apiKey` object may have, by the views that read them.
SOURCES = {"env", "file"}


def schema(name: str = "config") -> Any:
    return json.loads(schema_text(name))


def parts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        yield from (part for child in node.values() for part in parts(child))
    elif isinstance(node, list):
        yield from (part for child in node for part in parts(child))


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(("place", "value"), DEFAULTS.items(), ids=str)
def test_defaults_of_the_schema_match_the_code(place: tuple[str, str], value: object) -> None:
    kind, key = place
    assert schema()["$defs"][kind]["properties"][key]["default"] == value


def test_other_defaults_of_the_schema_are_empty() -> None:
    """A default that is not empty is also defined in the code, and belongs in the table above."""
    own = {json.dumps(value) for value in DEFAULTS.values()}
    empty = {"[]", "{}", "0", "false", '"api_key"'}  # `api_key` is the only type of profile
    whole = {json.dumps({keys.INPUT: ["text"]})}
    found = {json.dumps(part["default"]) for part in parts(schema()) if not isinstance(part.get("default", {}), dict)}
    assert found <= own | empty | whole


def test_numbers_in_texts_match_the_defaults() -> None:
    window, limit = defaults.DEFAULT_CONTEXT_WINDOW, defaults.DEFAULT_MAX_TOKENS
    model_keys = schema()["$defs"]["model"]["properties"]
    for text in (model_keys[keys.CONTEXT_WINDOW]["description"], read("docs/configuration.md")):
        assert re.search(rf"\b{window}\b", text)
    for text in (model_keys[keys.MAX_TOKENS]["description"], read("docs/configuration.md")):
        assert re.search(rf"\b{limit}\b", text)
    base_url = schema()["$defs"]["provider"]["properties"][keys.BASE_URL]
    assert defaults.DEFAULT_BASE_URL in base_url["description"]
    assert defaults.DEFAULT_BASE_URL in base_url["examples"]
    assert defaults.DEFAULT_BASE_URL in read("docs/configuration.md")


def test_table_of_keys_shows_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| [^|]* \| (?:`([^`]*)`)? \|", read("docs/keys.md"), re.MULTILINE))
    paths = {
        "provider": "models.providers.<name>.",
        "model": "models.providers.<name>.models[].",
        "compat": "models.providers.<name>.models[].compat.",
    }
    for (kind, key), value in DEFAULTS.items():
        assert json.loads(rows[paths[kind] + key]) == value


def test_manifest_schema_accepts_the_values_of_the_configuration() -> None:
    assert get_args(model.InputKind) == defaults.INPUTS
    assert get_args(model.MaxTokensField) == defaults.MAX_TOKENS_FIELDS
    enums = [part["enum"] for part in parts(schema("manifest")) if "enum" in part]
    for names in (defaults.INPUTS, defaults.MAX_TOKENS_FIELDS):
        assert sorted(names) in map(sorted, enums)


@pytest.mark.parametrize(
    ("kind", "key", "names"),
    [
        ("model", keys.INPUT, defaults.INPUTS),
        ("compat", keys.MAX_TOKENS_FIELD, defaults.MAX_TOKENS_FIELDS),
        ("provider", keys.API, defaults.APIS),
    ],
)
def test_editors_see_every_allowed_name(kind: str, key: str, names: tuple[str, ...]) -> None:
    part = schema()["$defs"][kind]["properties"][key]
    for shown in (part, *([part["items"]] if "items" in part else [])):
        if key != keys.API:
            named = re.findall("`([a-z_]+)`", shown["description"])
            assert [name for name in named if name in names] == list(names)
    examples = part.get("items", part)["examples"]
    assert tuple(examples) == names or set(examples) <= set(names)


def test_severities_have_one_definition() -> None:
    assert get_args(Severity) == SEVERITIES


def test_sources_of_a_secret_match_the_schema() -> None:
    enums = [set(part["enum"]) for part in parts(schema()["$defs"]["apiKey"]) if "enum" in part]
    assert enums
    for enum in enums:
        assert enum <= SOURCES
    assert enums[0] == SOURCES


def test_file_names_match_the_hooks_and_the_docs() -> None:
    for hook in yaml.safe_load(read(".pre-commit-hooks.yaml")):
        for name in NAMES:
            assert re.search(hook["files"], name)
            assert re.search(hook["files"], f"deploy/{name}")
            assert not re.search(hook["files"], f"{name}.bak")
    documented = read("docs/configuration.md") + read("docs/recipes.md")
    for name in (*NAMES, *FILES, LOCK_NAME):
        assert f"`{name}`" in documented or name in documented


@pytest.mark.parametrize("fact", [*NAMES, *FILES, LOCK_NAME, AUTHORIZATION, BEARER, defaults.DEFAULT_BASE_URL])
def test_each_name_is_defined_in_one_module(fact: str) -> None:
    package = ROOT / "compiler" / "genesis_config"
    places = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if fact in path.read_text(encoding="utf-8")
        and any(
            isinstance(node, ast.Constant) and node.value == fact
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    # The test server is an independent implementation.
    assert len([place for place in places if not place.startswith("testing/")]) <= 1
