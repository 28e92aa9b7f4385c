"""Defaults, enumerations and names have one definition; the schemas, the docs and the editor hold the same."""

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
# Where `apiKey` as an object may point, by the views that read it.
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
def test_the_schema_has_the_defaults_of_the_code(place: tuple[str, str], value: object) -> None:
    kind, key = place
    assert schema()["$defs"][kind]["properties"][key]["default"] == value


def test_every_other_default_of_the_schema_is_empty() -> None:
    """One that is not is a fact that the code has, too: it belongs in the table above."""
    own = {json.dumps(value) for value in DEFAULTS.values()}
    empty = {"[]", "{}", "0", "false", '"api_key"'}  # `api_key` is the only kind of profile there is
    whole = {json.dumps({keys.INPUT: ["text"]})}
    found = {json.dumps(part["default"]) for part in parts(schema()) if not isinstance(part.get("default", {}), dict)}
    assert found <= own | empty | whole


def test_the_numbers_that_texts_name_are_the_defaults() -> None:
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


def test_the_table_of_keys_shows_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| [^|]* \| (?:`([^`]*)`)? \|", read("docs/keys.md"), re.MULTILINE))
    paths = {
        "provider": "models.providers.<name>.",
        "model": "models.providers.<name>.models[].",
        "compat": "models.providers.<name>.models[].compat.",
    }
    for (kind, key), value in DEFAULTS.items():
        assert json.loads(rows[paths[kind] + key]) == value


def test_the_manifest_takes_what_the_configuration_does() -> None:
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
def test_the_schema_shows_editors_every_name(kind: str, key: str, names: tuple[str, ...]) -> None:
    part = schema()["$defs"][kind]["properties"][key]
    for shown in (part, *([part["items"]] if "items" in part else [])):
        if key != keys.API:
            named = re.findall("`([a-z_]+)`", shown["description"])
            assert [name for name in named if name in names] == list(names)
    examples = part.get("items", part)["examples"]
    assert tuple(examples) == names or set(examples) <= set(names)


def test_the_severities_are_one_list() -> None:
    assert get_args(Severity) == SEVERITIES


def test_the_sources_of_a_secret_are_those_of_the_schema() -> None:
    enums = [set(part["enum"]) for part in parts(schema()["$defs"]["apiKey"]) if "enum" in part]
    assert enums
    for enum in enums:
        assert enum <= SOURCES
    assert enums[0] == SOURCES


def test_the_names_of_files_are_those_of_the_hooks_and_the_docs() -> None:
    for hook in yaml.safe_load(read(".pre-commit-hooks.yaml")):
        for name in NAMES:
            assert re.search(hook["files"], name)
            assert re.search(hook["files"], f"deploy/{name}")
            assert not re.search(hook["files"], f"{name}.bak")
    told = read("docs/configuration.md") + read("docs/recipes.md")
    for name in (*NAMES, *FILES, LOCK_NAME):
        assert f"`{name}`" in told or name in told


@pytest.mark.parametrize("fact", [*NAMES, *FILES, LOCK_NAME, AUTHORIZATION, BEARER, defaults.DEFAULT_BASE_URL])
def test_a_name_is_written_in_one_module(fact: str) -> None:
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
    # The test server is an implementation of its own.
    assert len([place for place in places if not place.startswith("testing/")]) <= 1
