"""The schemas, and that both validators and the manifest's types agree with them."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genesis_config.config import defaults, keys
from genesis_config.config.validation import SECTIONS, schema_text, validate
from genesis_config.diagnostics.source import Source
from genesis_config.manifest import Compat, ManifestError, dumps, loads
from genesis_config.syntax import parse
from tests.e2e.support import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

CONFIG: Any = json.loads(schema_text("config"))
MANIFEST: Any = json.loads(schema_text("manifest"))
SCHEMAS = {"config": CONFIG, "manifest": MANIFEST, "lock": json.loads(schema_text("lock"))}

EVERYTHING: Any = {
    "$schema": "./config.schema.json",
    "x-mine": 1,
    "models": {
        "providers": {
            "vllm": {
                "baseUrl": "http://127.0.0.1:8000/v1",
                "apiKey": {"source": "env", "id": "VLLM_API_KEY"},
                "api": "openai-completions",
                "headers": {"X-Tenant": "research"},
                "timeoutSeconds": 60,
                "maxConnections": 5,
                "params": {"temperature": 0.5, "deep": {"a": [1, None]}},
                "models": [
                    {
                        "id": "a",
                        "name": "A",
                        "reasoning": True,
                        "input": ["text", "image"],
                        "cost": {"input": 1, "output": 2.5, "cacheRead": 0, "cacheWrite": 0},
                        "contextWindow": 4096,
                        "maxTokens": 512,
                        "params": {},
                        "headers": {},
                        "compat": {"maxTokensField": "max_tokens"},
                    },
                    {"$include": "./model.json5"},
                ],
            },
            "file": {"baseUrl": "http://10.0.0.1/v1", "apiKey": {"source": "file", "path": "/run/key"}, "models": []},
        }
    },
    "agents": {
        "defaults": {
            "model": {"primary": "vllm/a", "fallbacks": ["vllm/b"]},
            "models": {"vllm/a": {"alias": "fast", "params": {"top_k": 1}}, "vllm/*": {}},
        }
    },
    "auth": {
        "profiles": {"vllm:default": {"provider": "vllm", "mode": "api_key"}},
        "order": {"vllm": ["vllm:default"]},
    },
    "env": {"vars": {"STAGE": "test"}},
}


def schemas_in(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema that describes a value, with its path; conditions are skipped."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword in ("properties", "patternProperties", "$defs"):
        for name, child in schema.get(keyword, {}).items():
            yield from schemas_in(child, f"{path}/{keyword}/{name}")
    for keyword in ("additionalProperties", "items"):
        yield from schemas_in(schema.get(keyword), f"{path}/{keyword}")
    for keyword in ("anyOf", "oneOf", "allOf"):
        for index, child in enumerate(schema.get(keyword, ())):
            yield from schemas_in(child, f"{path}/{keyword}/{index}")


def resolved(root: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema merged with the target of its reference; its own keys win."""
    if "$ref" not in schema:
        return schema
    target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return {**resolved(root, target), **{key: value for key, value in schema.items() if key != "$ref"}}


def properties() -> Iterator[Any]:
    for root_name, root in SCHEMAS.items():
        for path, schema in schemas_in(root):
            for name, child in schema.get("properties", {}).items():
                if isinstance(child, dict) and child != {"not": {}}:
                    yield pytest.param(root, child, id=f"{root_name}{path}/{name}")


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_valid(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema_text(name).endswith("}\n")


@pytest.mark.parametrize(("root", "schema"), list(properties()))
def test_every_property_is_documented(root: Any, schema: dict[str, Any]) -> None:
    whole = resolved(root, schema)
    assert whole["title"]
    assert whole["description"].endswith(".")
    assert whole["examples"]
    validator = jsonschema.Draft202012Validator({**whole, "$defs": root["$defs"]})
    for example in [*whole["examples"], *([whole["default"]] if "default" in whole else [])]:
        validator.validate(example)


def test_optional_settings_have_documented_defaults() -> None:
    required = {"id", "source", "path", "provider"}
    # These have no default value: without them there is no key, no alias or no selected model, a model is named by its
    # id, and a base URL has a default only for one provider.
    nothing = {"apiKey", "alias", "model", "primary", "name", "baseUrl", "$schema", "$include"}
    without = {
        name
        for _, owner in schemas_in(CONFIG)
        for name, schema in owner.get("properties", {}).items()
        if isinstance(schema, dict) and "title" in (whole := resolved(CONFIG, schema)) and "default" not in whole
    }
    assert without == required | nothing


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_use_only_keywords_that_both_validators_treat_alike(name: str) -> None:
    for path, schema in schemas_in(SCHEMAS[name]):
        assert not {"multipleOf", "format", "dependencies"} & schema.keys(), path
        for pattern in [schema.get("pattern", ""), *schema.get("patternProperties", {})]:
            assert not any(part in pattern for part in ("\\d", "\\w", "\\s", "\\b", "$")), path


def test_genesis_sections_are_strict_but_allow_extensions() -> None:
    for path, schema in schemas_in(CONFIG):
        if "properties" in schema and path not in {"", "/properties/agents", "/properties/agents/properties/defaults"}:
            assert "additionalProperties" in schema, path
            assert "$include" in schema["properties"], path
        if schema.get("additionalProperties") is False:
            assert schema["patternProperties"] == {"^x-": True}, path
            assert schema["properties"]["$schema"] == {"$ref": "#/$defs/schemaKey"}, path
    assert set(CONFIG["properties"]) == set(SECTIONS)


def verdicts(value: Any, schema: Any = CONFIG) -> bool:
    """Return whether a value is valid, on which both validators must agree."""
    slow = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(value) == slow, value
    return slow


def test_configuration_with_every_key_is_valid() -> None:
    assert verdicts(EVERYTHING)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, 1, -1, 0.0, 1.0, 1e308, "", "a", "openai-completions", "text", "max_tokens", "env", "file"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "models", "source", "path", "$include", "x-a", "zzz"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


def changed(base: Any, path: tuple[str | int, ...], how: str, what: Any) -> Any:
    """Return a value with one change: a replaced or removed part, or an added key or item."""
    value = copy.deepcopy(base)
    if not path:
        return what
    owner = value
    for key in path[:-1]:
        owner = owner[key]
    if how == "remove":
        del owner[path[-1]]
    elif how == "add" and isinstance(owner[path[-1]], dict):
        owner[path[-1]]["unknown"] = what
    elif how == "add" and isinstance(owner[path[-1]], list):
        owner[path[-1]].append(what)
    else:
        owner[path[-1]] = what
    return value


@given(st.sampled_from(list(places(EVERYTHING))), st.sampled_from(["replace", "remove", "add"]), anything)
@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
def test_validators_agree_and_invalid_documents_have_findings(
    path: tuple[str | int, ...], how: str, what: object
) -> None:
    value = changed(EVERYTHING, path, how, what)
    valid = verdicts(value)
    document = parse(Source("genesis.json5", json.dumps(value)))
    if not isinstance(document.value, dict):
        return
    findings = [finding for finding in validate(document) if finding.rule != "unknown-section"]
    assert bool(findings) != valid, (value, findings)
    for finding in findings:
        assert finding.span is not None
        assert finding.span.source.text[finding.span.start : finding.span.end]


Errors = Counter[tuple[tuple[str | int, ...], str, frozenset[Any]]]


def errors_of_both(value: Any, schema: Any = CONFIG) -> tuple[Errors, Errors]:
    """Return the errors of `jsonschema` and `jsonschema_rs`: path, keyword and, for a union, those of its branches."""

    def by_branch(branches: dict[int, list[Any]], convert: Callable[[list[Any]], Errors]) -> frozenset[Any]:
        return frozenset((index, frozenset(convert(errors).items())) for index, errors in branches.items())

    def of_slow(errors: Iterable[jsonschema.ValidationError]) -> Errors:
        found: Errors = Counter()
        for error in errors:
            branches: dict[int, list[Any]] = {}
            for child in error.context or ():
                branches.setdefault(int(child.schema_path[0]), []).append(child)
            found[tuple(error.absolute_path), str(error.validator), by_branch(branches, of_slow)] += 1
        return found

    def of_fast(errors: Iterable[jsonschema_rs.ValidationError]) -> Errors:
        found: Errors = Counter()
        for error in errors:
            branches = dict(enumerate(error.kind.value)) if error.kind.name == "anyOf" else {}
            found[tuple(error.instance_path), error.kind.name, by_branch(branches, of_fast)] += 1
        return found

    slow = jsonschema.Draft202012Validator(schema).iter_errors(value)
    return of_slow(slow), of_fast(jsonschema_rs.Draft202012Validator(schema).iter_errors(value))


@given(st.lists(st.tuples(st.sampled_from(list(places(EVERYTHING))), anything), min_size=1, max_size=4))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_validators_report_the_same_errors(changes: list[tuple[tuple[str | int, ...], Any]]) -> None:
    value = EVERYTHING
    for path, what in changes:
        if path in set(places(value)):
            value = changed(value, path, "add" if what == [] else "replace", what)
    slow, fast = errors_of_both(value)
    assert slow == fast


def test_documented_manifests_are_valid() -> None:
    for value in manifests():
        assert verdicts(value, MANIFEST)


def test_integer_in_a_manifest_may_be_written_as_a_float() -> None:
    text = (FIXTURES / "documented" / "explicit" / "manifest.json").read_text(encoding="utf-8")
    written = re.sub(r"(: \d+),$", r"\1.0,", text, flags=re.MULTILINE)
    assert '"timeoutSeconds": 120.0,' in written
    assert verdicts(json.loads(written), MANIFEST)
    assert dumps(loads(written)) == text.encode()
    large, broken = (written.replace("120.0", number) for number in ("1e300", "120.5"))
    assert verdicts(json.loads(large), MANIFEST)
    assert loads(large).providers["vllm"].timeout_seconds == int(1e300)
    assert not verdicts(json.loads(broken), MANIFEST)
    with pytest.raises(ManifestError, match="timeoutSeconds"):
        loads(broken)


def manifests() -> list[Any]:
    paths = sorted((FIXTURES / "documented").glob("*/manifest.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


@given(
    st.sampled_from([(base, path) for base in manifests() for path in places(base)]),
    st.sampled_from(["replace", "remove", "add"]),
    anything,
)
@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
def test_types_accept_what_the_manifest_schema_accepts(
    place: tuple[Any, tuple[str | int, ...]], how: str, what: object
) -> None:
    value = changed(*place, how, what)
    try:
        loads(json.dumps(value).encode())
        read = True
    except ManifestError:
        read = False
    # The types are more lenient in one respect: values with a default may be missing.
    assert read or not verdicts(value, MANIFEST), value


def test_defaults_of_code_and_schema_are_equal() -> None:
    provider, model = CONFIG["$defs"]["provider"]["properties"], CONFIG["$defs"]["model"]["properties"]
    field = CONFIG["$defs"]["compat"]["properties"][keys.MAX_TOKENS_FIELD]["default"]
    assert {key: part["default"] for key, part in provider.items() if "default" in part} == {
        keys.API: defaults.DEFAULT_API,
        keys.TIMEOUT_SECONDS: defaults.DEFAULT_TIMEOUT_SECONDS,
        keys.MAX_CONNECTIONS: defaults.DEFAULT_MAX_CONNECTIONS,
        keys.MODELS: [],
    }
    assert {key: part["default"] for key, part in model.items() if "default" in part} == {
        keys.REASONING: False,
        keys.INPUT: list(defaults.DEFAULT_INPUT),
        keys.CONTEXT_WINDOW: defaults.DEFAULT_CONTEXT_WINDOW,
        keys.MAX_TOKENS: defaults.DEFAULT_MAX_TOKENS,
    }
    assert (field, Compat().max_tokens_field) == (defaults.DEFAULT_MAX_TOKENS_FIELD,) * 2
    assert get_args(get_type_hints(Compat)["max_tokens_field"]) == defaults.MAX_TOKENS_FIELDS


def test_keys_in_the_code_are_keys_of_the_schema() -> None:
    known = set(places_of_keys(CONFIG))
    for name in keys.__all__:
        key = getattr(keys, name)
        if name.isupper():
            assert set((key,) if isinstance(key, str) else key) <= known, name


def places_of_keys(schema: Any) -> Iterator[str]:
    """Yield the names of all properties in a schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from places_of_keys(part)
