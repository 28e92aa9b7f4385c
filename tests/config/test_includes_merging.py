"""Included files through the whole linter: merged values keep their places, and a mistake in a file is said once."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_config.config.expansion import Variables
from genesis_config.config.includes import Inclusion, include
from genesis_config.diagnostics.source import Source
from genesis_config.pipeline import check_config
from genesis_config.syntax import parse

if TYPE_CHECKING:
    from pathlib import Path

    from genesis_config.syntax import Document

GOOD = '{ baseUrl: "http://127.0.0.1:8000/v1", models: [{ id: "a" }] }'


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.json5").write_text(text, encoding="utf-8")


def included(folder: Path, root: str, **files: str) -> Inclusion:
    write(folder, **files)
    return include(parse(Source(str(folder / "genesis.json5"), root)))


def linted(folder: Path, root: str | bytes, **files: str) -> list[tuple[str, str, int, int, list[tuple[str, str]]]]:
    """Lint a configuration: rule, file, line, column, and the related places with the text there."""
    write(folder, **files)
    found: list[tuple[str, str, int, int, list[tuple[str, str]]]] = []
    data = root if isinstance(root, bytes) else root.encode()
    for finding in check_config(str(folder / "genesis.json5"), data, Variables()).diagnostics:
        assert finding.span is not None
        if finding.severity == "info":
            continue  # that a window is assumed is no matter here
        related = [(other.message, text_at(other.span)) for other in finding.related]
        source, start, _ = finding.span
        found.append((finding.rule, os.path.basename(source.name), *source.position(start), related))
    return found


def text_at(span: tuple[Source, int, int]) -> str:
    source, start, end = span
    return source.text[start:end]


def test_findings_of_an_included_file_are_placed_in_it_with_who_included_it(tmp_path: Path) -> None:
    root = '{ models: { providers: {\n  a: { $include: "./p.json5", timeoutSeconds: "long" } } } }'
    here = [("included here", '"./p.json5"')]
    assert linted(tmp_path, root, p='{ baseUrl: "nowhere",\n  modles: 1,\n  models: [{ id: "a" }, { id: 3 }] }') == [
        ("wrong-type", "genesis.json5", 2, 47, []),
        ("invalid-base-url", "p.json5", 1, 12, here),
        ("unknown-key", "p.json5", 2, 3, here),
        ("wrong-type", "p.json5", 3, 31, here),
    ]


def test_what_is_wrong_with_a_text_is_said_once_however_often_it_is_included(tmp_path: Path) -> None:
    root = '{ models: { providers: { a: { $include: "p.json5" }, b: { $include: ["./p.json5", "p.json5"] } } } }'
    text = f"{GOOD[:-1]}, id: 1,, id: 2 }}"
    assert [(rule, column) for rule, _, _, column, _ in linted(tmp_path, root, p=text)] == [
        ("syntax", 70),
        ("duplicate-key", 72),
        # What the schema says of each of the two places is not the same finding.
        ("unknown-key", 72),
        ("unknown-key", 72),
    ]


def test_both_the_bytes_and_the_syntax_of_a_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "p.json5").write_bytes(GOOD[:-1].encode() + b', params: { a: "\xff",, b: 1 } }')
    found = linted(tmp_path, '{ models: { providers: { a: { $include: "p.json5" } } } }')
    assert [(rule, name) for rule, name, *_ in found] == [("not-utf8", "p.json5"), ("syntax", "p.json5")]


@pytest.mark.parametrize("key", [r'"\u0024include"', r'"$incl\x75de"', r"$\u0069nclude", r"'\$include'"])
def test_an_escape_does_not_hide_the_key(key: str, tmp_path: Path) -> None:
    done = included(tmp_path, f'{{ a: {{ {key}: "x.json5" }} }}', x="{ m: 1 }")
    assert (done.document.value, done.diagnostics) == ({"a": {"m": 1}}, [])


def test_an_escape_elsewhere_changes_nothing(tmp_path: Path) -> None:
    document = parse(Source(str(tmp_path / "genesis.json5"), r'{ a: { b: ["\n"] }, c: "$include" }'))
    assert include(document) == (document, (), [])


def test_what_is_not_included_is_not_copied(tmp_path: Path) -> None:
    write(tmp_path, x="{ m: 1 }")
    document = parse(Source(str(tmp_path / "genesis.json5"), '{ a: { $include: "x.json5" }, b: { c: [1] } }'))
    assert include(document).document.value["b"] is document.value["b"]


def test_keys_stand_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    root = '{ own: 1, b: 2, $include: ["x.json5", "y.json5"] }'
    done = included(tmp_path, root, x="{ a: 0, b: 0 }", y="{ c: 0, a: 1 }")
    assert list(done.document.value.items()) == [("a", 1), ("b", 2), ("c", 0), ("own", 1)]


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
def test_objects_merge_and_everything_else_is_replaced(x: str, y: str, merged: Any, tmp_path: Path) -> None:
    assert included(tmp_path, '{ $include: ["x.json5", "y.json5"] }', x=x, y=y).document.value == {"a": merged}


def test_an_included_files_own_includes_come_before_its_keys(tmp_path: Path) -> None:
    files = {"x": '{ $include: "y.json5", a: { p: 2 } }', "y": "{ a: { p: 1, q: 1, r: 1 } }"}
    done = included(tmp_path, '{ $include: "x.json5", a: { q: 3 } }', **files)
    assert done.document.value == {"a": {"p": 2, "q": 3, "r": 1}}
    assert [file.path for file in done.files] == ["x.json5", "y.json5"]
    assert [file.data.decode() for file in done.files] == list(files.values())
    assert [source.name for source in done.document.sources] == [
        str(tmp_path / name) for name in ("genesis.json5", "x.json5", "y.json5")
    ]


def test_a_mistake_in_a_path_names_the_file_that_it_is_relative_to(tmp_path: Path) -> None:
    done = included(tmp_path, '{ a: [{ $include: "x.json5" }] }', x='{ b: { $include: ["gone.json5"] } }')
    (finding,) = done.diagnostics
    assert finding.message == "`a[0].b.$include` cannot include `gone.json5`: no such file or directory"
    assert finding.help == f"the path is relative to {tmp_path / 'x.json5'}"
    assert finding.span is not None
    assert text_at(finding.span) == '"gone.json5"'
    assert finding.span.source.name == str(tmp_path / "x.json5")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.json5/y.json5", "not a directory"),
        ("loop.json5", "too many levels of symbolic links"),
        ("n" * 300, "file name too long"),
        ("..", "it is not below the folder of the configuration"),
        ("up/genesis.json5", "it is not below the folder of the configuration"),
        ("./sub/../../outside.json5", "it is not below the folder of the configuration"),
    ],
)
def test_other_paths_that_lead_nowhere_or_outside(name: str, reason: str, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    write(tmp_path, outside="{}", genesis="{}")
    (folder / "loop.json5").symlink_to("loop.json5")
    (folder / "up").symlink_to("..")
    (finding,) = included(folder, f'{{ $include: "{name}" }}', x="{}").diagnostics
    assert finding.message == f"`$include` cannot include `{name}`: {reason}"


def test_a_neighbour_whose_name_starts_like_the_folder_is_outside(tmp_path: Path) -> None:
    for name in ("config", "config-other"):
        (tmp_path / name).mkdir()
    write(tmp_path / "config-other", x="{}")
    (finding,) = included(tmp_path / "config", '{ $include: "../config-other/x.json5" }').diagnostics
    assert finding.message.endswith("it is not below the folder of the configuration")


def test_the_folder_may_be_a_link_and_the_path_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "real", x="{ m: 1 }")
    monkeypatch.chdir(tmp_path / "link")
    for name in ("genesis.json5", "./genesis.json5", "../link/genesis.json5", str(tmp_path / "link" / "genesis.json5")):
        done = include(parse(Source(name, '{ $include: "x.json5" }')))
        assert (done.document.value, [file.path for file in done.files]) == ({"m": 1}, ["x.json5"])


def test_a_file_that_is_included_too_often_says_what_to_do(tmp_path: Path) -> None:
    root = "{ $include: [" + '"x.json5",' * 1001 + "] }"
    (finding,) = included(tmp_path, root, x="{ m: 1 }").diagnostics
    assert finding.message == "`$include` cannot include `x.json5`: more than 1000 files are included"
    assert finding.help == "include fewer"


def test_what_a_failed_include_leaves_out_is_no_finding_of_the_schema(tmp_path: Path) -> None:
    # A model without its id, through one file and through two.
    model = '{ models: { providers: { a: { baseUrl: "http://127.0.0.1/v1", models: [{ $include: "x.json5" }] } } } }'
    found = linted(tmp_path, model.replace("x.json5", "gone.json5"))
    assert [(rule, name) for rule, name, *_ in found] == [("include", "genesis.json5")]
    found = linted(tmp_path, model, x='{ $include: "gone.json5" }')
    assert [(rule, name) for rule, name, *_ in found] == [("include", "x.json5")]
    found = linted(tmp_path, model, x='{ name: "n", : "a" }')
    assert [(rule, name) for rule, name, *_ in found] == [("syntax", "x.json5")]
    found = linted(tmp_path, '{ models: { providers: { a: { $include: ["gone.json5"] } } } }')
    assert [(rule, name) for rule, name, *_ in found] == [("include", "genesis.json5")]
    # Without such a mistake it is one.
    found = linted(tmp_path, model, x='{ name: "n" }')
    assert [(rule, name) for rule, name, *_ in found] == [("missing-key", "genesis.json5")]


VALUES = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(st.lists(OBJECTS, min_size=1, max_size=3), OBJECTS)
def test_merged_values_are_those_of_a_deep_merge_and_keep_their_places(
    tmp_path_factory: pytest.TempPathFactory, parts: list[dict[str, Any]], own: dict[str, Any]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "merged"
    folder.mkdir(exist_ok=True)
    files = {f"part{index}": json.dumps(part) for index, part in enumerate(parts)}
    root = json.dumps({"$include": [f"{name}.json5" for name in files], **own})
    done = included(folder, root, **files)
    expected: dict[str, Any] = {}
    for part in [*parts, own]:
        expected = deep(expected, part)
    assert done.diagnostics == []
    assert done.document.value == expected
    check_places(done.document, expected, ())


def deep(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: deep(base[key], over[key])
        for key in base
        if isinstance(base[key], dict) and isinstance(over.get(key), dict)
    }
    return base | over | both


def check_places(document: Document, value: Any, path: tuple[str | int, ...]) -> None:
    """Each value is written where its span says; of one that was merged, the part that won."""
    text = text_at(document.value_span(path))
    if not isinstance(value, dict):
        assert json.loads(text) == value
    elif path:
        assert json.loads(text).keys() <= value.keys()
    if path and isinstance(path[-1], str):
        assert json.loads(text_at(document.key_span(path))) == path[-1]
    for key, item in value.items() if isinstance(value, dict) else ():
        check_places(document, item, (*path, key))
