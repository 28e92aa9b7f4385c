"""Included files in the whole linter: merged values keep their places, and a problem in a file is reported once."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.expansion import Variables
from genesis_config.config.includes import IncludeResult, resolve_includes
from genesis_config.diagnostics.source import Source
from genesis_config.pipeline import check_config
from genesis_config.syntax import parse

if TYPE_CHECKING:
    from pathlib import Path

    from genesis_config.syntax import Document

GOOD = '{ baseUrl: "http://127.0.0.1:8000/v1", models: [{ id: "a" }] }'


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / f"{name}.json5").write_text(text, encoding="utf-8")


def resolve(directory: Path, root: str, **files: str) -> IncludeResult:
    write(directory, **files)
    return resolve_includes(parse(Source(str(directory / "genesis.json5"), root)))


def check(directory: Path, root: str | bytes, **files: str) -> list[tuple[str, str, int, int, list[tuple[str, str]]]]:
    """Return each finding of a configuration: rule, file, line, column, and the related places with their text."""
    write(directory, **files)
    findings: list[tuple[str, str, int, int, list[tuple[str, str]]]] = []
    data = root if isinstance(root, bytes) else root.encode()
    for finding in check_config(str(directory / "genesis.json5"), data, Variables()).diagnostics:
        assert finding.span is not None
        if finding.severity == "info":
            continue  # assumed context windows are irrelevant here
        related = [(other.message, text_at(other.span)) for other in finding.related]
        source, start, _ = finding.span
        findings.append((finding.rule, os.path.basename(source.name), *source.position(start), related))
    return findings


def text_at(span: tuple[Source, int, int]) -> str:
    source, start, end = span
    return source.text[start:end]


def test_findings_are_reported_in_the_included_file_with_its_origin(tmp_path: Path) -> None:
    root = '{ models: { providers: {\n  a: { $include: "./p.json5", timeoutSeconds: "long" } } } }'
    here = [("included here", '"./p.json5"')]
    assert check(tmp_path, root, p='{ baseUrl: "nowhere",\n  modles: 1,\n  models: [{ id: "a" }, { id: 3 }] }') == [
        ("wrong-type", "genesis.json5", 2, 47, []),
        ("invalid-base-url", "p.json5", 1, 12, here),
        ("unknown-key", "p.json5", 2, 3, here),
        ("wrong-type", "p.json5", 3, 31, here),
    ]


def test_problems_in_a_file_are_reported_once_however_often_it_is_included(tmp_path: Path) -> None:
    root = '{ models: { providers: { a: { $include: "p.json5" }, b: { $include: ["./p.json5", "p.json5"] } } } }'
    text = f"{GOOD[:-1]}, id: 1,, id: 2 }}"
    assert [(rule, column) for rule, _, _, column, _ in check(tmp_path, root, p=text)] == [
        ("syntax", 70),
        ("duplicate-key", 72),
        # The schema is checked for each of the two places.
        ("unknown-key", 72),
        ("unknown-key", 72),
    ]


def test_encoding_and_syntax_of_an_included_file_are_both_reported(tmp_path: Path) -> None:
    (tmp_path / "p.json5").write_bytes(GOOD[:-1].encode() + b', params: { a: "\xff",, b: 1 } }')
    findings = check(tmp_path, '{ models: { providers: { a: { $include: "p.json5" } } } }')
    assert [(rule, name) for rule, name, *_ in findings] == [("not-utf8", "p.json5"), ("syntax", "p.json5")]


@pytest.mark.parametrize("key", [r'"\u0024include"', r'"$incl\x75de"', r"$\u0069nclude", r"'\$include'"])
def test_include_key_may_be_written_with_escapes(key: str, tmp_path: Path) -> None:
    result = resolve(tmp_path, f'{{ a: {{ {key}: "x.json5" }} }}', x="{ m: 1 }")
    assert (result.document.value, result.diagnostics) == ({"a": {"m": 1}}, [])


def test_other_escapes_change_nothing(tmp_path: Path) -> None:
    document = parse(Source(str(tmp_path / "genesis.json5"), r'{ a: { b: ["\n"] }, c: "$include" }'))
    assert resolve_includes(document) == (document, (), [])


def test_values_without_includes_are_not_copied(tmp_path: Path) -> None:
    write(tmp_path, x="{ m: 1 }")
    document = parse(Source(str(tmp_path / "genesis.json5"), '{ a: { $include: "x.json5" }, b: { c: [1] } }'))
    assert resolve_includes(document).document.value["b"] is document.value["b"]


def test_merged_keys_keep_their_order(tmp_path: Path) -> None:
    root = '{ own: 1, b: 2, $include: ["x.json5", "y.json5"] }'
    result = resolve(tmp_path, root, x="{ a: 0, b: 0 }", y="{ c: 0, a: 1 }")
    assert list(result.document.value.items()) == [("a", 1), ("b", 2), ("c", 0), ("own", 1)]


@pytest.mark.parametrize(
    ("x", "y", "merged"),
    [
        ("{ a: { b: 1 } }", "{ a: 1 }", 1),
        ("{ a: 1 }", "{ a: { b: 1 } }", {"b": 1}),
        ("{ a: { b: 1 } }", "{ a: null }", None),
        ("{ a: { b: 1 } }", "{ a: [] }", []),
        ("{ a: [{ b: 1 }] }", "{ a: [{ c: 1 }] }", [{"c": 1}]),
        ("{ a: { b: { c: 1 } } }", "{ a: { b: {} } }", {"b": {"c": 1}}),
    ],
)
def test_objects_merge_and_other_values_are_replaced(x: str, y: str, merged: Any, tmp_path: Path) -> None:
    assert resolve(tmp_path, '{ $include: ["x.json5", "y.json5"] }', x=x, y=y).document.value == {"a": merged}


def test_keys_of_a_file_win_over_its_own_includes(tmp_path: Path) -> None:
    files = {"x": '{ $include: "y.json5", a: { p: 2 } }', "y": "{ a: { p: 1, q: 1, r: 1 } }"}
    result = resolve(tmp_path, '{ $include: "x.json5", a: { q: 3 } }', **files)
    assert result.document.value == {"a": {"p": 2, "q": 3, "r": 1}}
    assert [file.path for file in result.files] == ["x.json5", "y.json5"]
    assert [file.data.decode() for file in result.files] == list(files.values())
    assert [source.name for source in result.document.sources] == [
        str(tmp_path / name) for name in ("genesis.json5", "x.json5", "y.json5")
    ]


def test_help_names_the_file_that_a_path_is_relative_to(tmp_path: Path) -> None:
    result = resolve(tmp_path, '{ a: [{ $include: "x.json5" }] }', x='{ b: { $include: ["gone.json5"] } }')
    (finding,) = result.diagnostics
    assert finding.rule == "include"
    assert finding.message.startswith("`a[0].b.$include` ")
    assert "`gone.json5`: no such file" in finding.message
    assert finding.help is not None
    assert str(tmp_path / "x.json5") in finding.help
    assert finding.span is not None
    assert text_at(finding.span) == '"gone.json5"'
    assert finding.span.source.name == str(tmp_path / "x.json5")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.json5/y.json5", "not a directory"),
        ("loop.json5", "too many levels of symbolic links"),
        ("n" * 300, "file name too long"),
        ("..", "outside"),
        ("up/genesis.json5", "outside"),
        ("./sub/../../outside.json5", "outside"),
    ],
)
def test_other_invalid_paths(name: str, reason: str, tmp_path: Path) -> None:
    directory = tmp_path / "config"
    directory.mkdir()
    write(tmp_path, outside="{}", genesis="{}")
    (directory / "loop.json5").symlink_to("loop.json5")
    (directory / "up").symlink_to("..")
    (finding,) = resolve(directory, f'{{ $include: "{name}" }}', x="{}").diagnostics
    assert finding.message.startswith(f"`$include` cannot include `{name}`: ")
    assert reason in finding.message


def test_sibling_directory_with_the_same_prefix_is_outside(tmp_path: Path) -> None:
    for name in ("config", "config-other"):
        (tmp_path / name).mkdir()
    write(tmp_path / "config-other", x="{}")
    (finding,) = resolve(tmp_path / "config", '{ $include: "../config-other/x.json5" }').diagnostics
    assert "outside" in finding.message


def test_directory_may_be_a_link_and_the_path_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "real", x="{ m: 1 }")
    monkeypatch.chdir(tmp_path / "link")
    for name in ("genesis.json5", "./genesis.json5", "../link/genesis.json5", str(tmp_path / "link" / "genesis.json5")):
        result = resolve_includes(parse(Source(name, '{ $include: "x.json5" }')))
        assert (result.document.value, [file.path for file in result.files]) == ({"m": 1}, ["x.json5"])


def test_file_that_is_included_too_often(tmp_path: Path) -> None:
    root = "{ $include: [" + '"x.json5",' * 1001 + "] }"
    (finding,) = resolve(tmp_path, root, x="{ m: 1 }").diagnostics
    assert finding.message.startswith("`$include` cannot include `x.json5`: ")
    assert "1000" in finding.message


def test_failed_include_does_not_cause_schema_findings(tmp_path: Path) -> None:
    # A model without its id, through one file and through two.
    model = '{ models: { providers: { a: { baseUrl: "http://127.0.0.1/v1", models: [{ $include: "x.json5" }] } } } }'
    findings = check(tmp_path, model.replace("x.json5", "gone.json5"))
    assert [(rule, name) for rule, name, *_ in findings] == [("include", "genesis.json5")]
    findings = check(tmp_path, model, x='{ $include: "gone.json5" }')
    assert [(rule, name) for rule, name, *_ in findings] == [("include", "x.json5")]
    findings = check(tmp_path, model, x='{ name: "n", : "a" }')
    assert [(rule, name) for rule, name, *_ in findings] == [("syntax", "x.json5")]
    findings = check(tmp_path, '{ models: { providers: { a: { $include: ["gone.json5"] } } } }')
    assert [(rule, name) for rule, name, *_ in findings] == [("include", "genesis.json5")]
    # Without a failed include, the missing key is reported.
    findings = check(tmp_path, model, x='{ name: "n" }')
    assert [(rule, name) for rule, name, *_ in findings] == [("missing-key", "genesis.json5")]


VALUES = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(st.lists(OBJECTS, min_size=1, max_size=3), OBJECTS)
def test_merge_is_deep_and_keeps_places(
    tmp_path_factory: pytest.TempPathFactory, parts: list[dict[str, Any]], own: dict[str, Any]
) -> None:
    directory = tmp_path_factory.getbasetemp() / "merged"
    directory.mkdir(exist_ok=True)
    files = {f"part{index}": json.dumps(part) for index, part in enumerate(parts)}
    root = json.dumps({"$include": [f"{name}.json5" for name in files], **own})
    result = resolve(directory, root, **files)
    expected: dict[str, Any] = {}
    for part in [*parts, own]:
        expected = deep(expected, part)
    assert result.diagnostics == []
    assert result.document.value == expected
    check_places(result.document, expected, ())


def deep(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: deep(base[key], over[key])
        for key in base
        if isinstance(base[key], dict) and isinstance(over.get(key), dict)
    }
    return base | over | both


def check_places(document: Document, value: Any, path: tuple[str | int, ...]) -> None:
    """Check that the span of each value leads to its text, and of a merged object to the part that won."""
    text = text_at(document.value_span(path))
    if not isinstance(value, dict):
        assert json.loads(text) == value
    elif path:
        assert json.loads(text).keys() <= value.keys()
    if path and isinstance(path[-1], str):
        assert json.loads(text_at(document.key_span(path))) == path[-1]
    for key, item in value.items() if isinstance(value, dict) else ():
        check_places(document, item, (*path, key))
