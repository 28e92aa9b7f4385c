"""`$include`: merging, spans, and files that cannot be included."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.config.includes import IncludeResult, complete_findings, resolve_includes
from genesis_config.diagnostics.source import Source
from genesis_config.syntax import parse

if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def resolve(directory: Path, root: str, **files: str) -> IncludeResult:
    write(directory, {f"{name.replace('__', '/')}.json5": text for name, text in files.items()})
    return resolve_includes(parse(Source(str(directory / "genesis.json5"), root)))


def value(directory: Path, root: str, **files: str) -> Any:
    result = resolve(directory, root, **files)
    assert result.diagnostics == []
    return result.document.value


def problem(directory: Path, root: str, **files: str) -> tuple[str, str | None]:
    """Return the message of the only finding, without the place, and its help."""
    (finding,) = resolve(directory, root, **files).diagnostics
    assert finding.rule == "include"
    assert finding.span is not None
    span = finding.span
    assert span.source.text[span.start : span.end].startswith(('"', "["))
    return finding.message.partition(" cannot include ")[2], finding.help


def test_include_is_replaced_by_the_object_in_the_file(tmp_path: Path) -> None:
    assert value(tmp_path, '{ a: { $include: "./x.json5" } }', x="{ b: 1 }") == {"a": {"b": 1}}


def test_include_at_the_root(tmp_path: Path) -> None:
    assert value(tmp_path, '{ $include: "x.json5", c: 2 }', x="{ b: 1 }") == {"b": 1, "c": 2}


def test_files_are_merged_deeply_and_later_files_win(tmp_path: Path) -> None:
    merged = value(
        tmp_path,
        '{ $include: ["x.json5", "y.json5"] }',
        x="{ a: { p: 1, q: [1, 2], r: { s: 1 } }, b: 1 }",
        y="{ a: { p: 2, q: [3], r: { t: 2 } } }",
    )
    assert merged == {"a": {"p": 2, "q": [3], "r": {"s": 1, "t": 2}}, "b": 1}


def test_keys_next_to_an_include_win(tmp_path: Path) -> None:
    for root in ('{ a: { z: 1 }, $include: "x.json5" }', '{ $include: "x.json5", a: { z: 1 } }'):
        assert value(tmp_path, root, x="{ a: { z: 0, y: 2 } }") == {"a": {"z": 1, "y": 2}}


def test_paths_are_relative_to_the_including_file(tmp_path: Path) -> None:
    files = {"sub__x": '{ $include: "deeper/y.json5" }', "sub__deeper__y": '{ $include: "../../z.json5" }'}
    assert value(tmp_path, '{ $include: "sub/x.json5" }', z="{ z: 1 }", **files) == {"z": 1}


def test_include_in_an_array(tmp_path: Path) -> None:
    assert value(tmp_path, '{ a: [{ $include: "x.json5", n: 2 }, 3] }', x="{ m: 1 }") == {"a": [{"m": 1, "n": 2}, 3]}


def test_including_a_file_twice_is_not_circular(tmp_path: Path) -> None:
    root = '{ a: { $include: "x.json5" }, b: { $include: "x.json5" } }'
    result = resolve(tmp_path, root, x="{ m: 1 }")
    assert result.document.value == {"a": {"m": 1}, "b": {"m": 1}}
    assert [file.path for file in result.files] == ["x.json5", "x.json5"]


def test_original_document_is_not_modified(tmp_path: Path) -> None:
    document = parse(Source(str(tmp_path / "genesis.json5"), '{ a: { $include: "x.json5", b: { c: 1 } } }'))
    write(tmp_path, {"x.json5": "{ b: { d: 2 } }"})
    assert resolve_includes(document).document.value == {"a": {"b": {"c": 1, "d": 2}}}
    assert document.value == {"a": {"$include": "x.json5", "b": {"c": 1}}}


def test_spans_refer_to_their_own_file(tmp_path: Path) -> None:
    result = resolve(tmp_path, '{ a: { $include: "x.json5", own: 1 } }', x="{ b: { c: 'theirs' } }")
    theirs = result.document.value_span(("a", "b", "c"))
    assert theirs.source.name == str(tmp_path / "x.json5")
    assert theirs.source.text[theirs.start : theirs.end] == "'theirs'"
    key = result.document.key_span(("a", "b"))
    assert key.source.text[key.start : key.end] == "b"
    own = result.document.value_span(("a", "own"))
    assert own.source.name == str(tmp_path / "genesis.json5")
    assert own.source.text[own.start : own.end] == "1"


def test_syntax_error_is_reported_in_the_included_file_with_its_origin(tmp_path: Path) -> None:
    result = resolve(tmp_path, '{ a: { $include: "x.json5" }, b: 1 }', x="{ m: 1,, n: 2 }")
    assert result.document.value == {"a": {"m": 1, "n": 2}, "b": 1}
    (finding,) = complete_findings(result.files, result.diagnostics)
    assert finding.rule == "syntax"
    assert finding.span is not None
    assert finding.span.source.name == str(tmp_path / "x.json5")
    (origin,) = finding.related
    assert "included" in origin.message
    assert origin.span.source.text[origin.span.start : origin.span.end] == '"x.json5"'


@pytest.mark.parametrize(
    ("name", "message", "help_"),
    [
        ("gone.json5", "no such file or directory", "{root}"),
        ("pipe.json5", "not a regular file", "regular file"),
        ("directory", "is a directory", "{root}"),
        ("", "is a directory", "{root}"),
        ("../out.json5", "outside", "relative path"),
        ("/etc/passwd", "outside", "relative path"),
        ("link.json5", "outside", "relative path"),
        ("a\\0b", "outside", "relative path"),
        ("genesis.json5", "circular", "remove"),
    ],
)
def test_finding_for_a_file_that_cannot_be_included(name: str, message: str, help_: str, tmp_path: Path) -> None:
    directory = tmp_path / "config"
    write(directory, {"list.json5": "[1]", "directory/x.json5": "{}", "../out.json5": "{}"})
    (directory / "link.json5").symlink_to(tmp_path / "out.json5")
    os.mkfifo(directory / "pipe.json5")
    shown, help_shown = problem(directory, f'{{ $include: "{name}", own: 1 }}')
    assert shown.startswith("`{}`: ".format(name.replace("\\0", "\0")))
    assert message in shown
    assert help_.format(root=directory / "genesis.json5") in (help_shown or "")


def test_failed_include_keeps_everything_else(tmp_path: Path) -> None:
    result = resolve(tmp_path, '{ $include: ["gone.json5", "x.json5"], own: 1 }', x="{ m: 1 }")
    assert {key: item for key, item in result.document.value.items() if key != "$include"} == {"m": 1, "own": 1}
    assert [finding.rule for finding in result.diagnostics] == ["include"]


def test_included_file_without_an_object_is_reported_in_that_file(tmp_path: Path) -> None:
    result = resolve(tmp_path, '{ a: { $include: "x.json5" }, b: 1 }', x="[1]")
    (finding,) = result.diagnostics
    assert finding.rule == "wrong-type"
    assert finding.span is not None
    assert finding.span.source.name == str(tmp_path / "x.json5")


def test_link_inside_the_directory_is_followed(tmp_path: Path) -> None:
    write(tmp_path, {"real.json5": "{ m: 1 }"})
    (tmp_path / "link.json5").symlink_to("real.json5")
    result = resolve(tmp_path, '{ $include: "link.json5" }')
    assert result.document.value == {"m": 1}
    assert [file.path for file in result.files] == ["link.json5"]


def test_circular_include_through_other_files_and_links(tmp_path: Path) -> None:
    write(tmp_path, {"y.json5": '{ $include: "again.json5" }'})
    (tmp_path / "again.json5").symlink_to("x.json5")
    message, _ = problem(tmp_path, '{ $include: "x.json5" }', x='{ $include: "y.json5" }')
    assert message.startswith("`again.json5`: circular")


def test_includes_can_be_nested_ten_levels_deep(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path, {f"f{number}.json5": f'{{ $include: "f{number + 1}.json5" }}'})
    write(tmp_path, {"f9.json5": "{ bottom: 1 }"})
    assert value(tmp_path, '{ $include: "f0.json5" }') == {"bottom": 1}
    write(tmp_path, {"f9.json5": '{ $include: "f10.json5" }', "f10.json5": "{}"})
    message, _ = problem(tmp_path, '{ $include: "f0.json5" }')
    assert message.startswith("`f10.json5`: ")
    assert "10 levels" in message


def test_number_of_included_files_is_limited(tmp_path: Path) -> None:
    for number in range(4):
        inner = ", ".join(f'k{index}: {{ $include: "f{number + 1}.json5" }}' for index in range(10))
        write(tmp_path, {f"f{number}.json5": f"{{ {inner} }}"})
    write(tmp_path, {"f4.json5": "{}"})
    result = resolve(tmp_path, '{ $include: "f0.json5" }')
    assert len(result.files) == 1000
    assert {finding.rule for finding in result.diagnostics} == {"include"}
    assert result.diagnostics[0].message.endswith("more than 1000 files are included")


def test_nesting_limit_applies_across_files(tmp_path: Path) -> None:
    deep = "{ a: " * 100
    result = resolve(tmp_path, f'{deep} {{ $include: "x.json5" }} {"}" * 100}', x=f"{deep} 1 {'}' * 100}")
    assert result.diagnostics == []
    result = resolve(tmp_path, f'{deep} {{ $include: "x.json5" }} {"}" * 100}', x=f"{deep} {{ a: 1 }} {'}' * 100}")
    assert [finding.rule for finding in result.diagnostics] == ["include"]
    assert "200 levels" in result.diagnostics[0].message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_reported(tmp_path: Path) -> None:
    write(tmp_path, {"x.json5": "{}"})
    (tmp_path / "x.json5").chmod(0)
    assert problem(tmp_path, '{ $include: "x.json5" }')[0] == "`x.json5`: permission denied"


def test_document_without_includes_is_returned_unchanged(tmp_path: Path) -> None:
    document = parse(Source(str(tmp_path / "genesis.json5"), "{ a: 1 }"))
    assert resolve_includes(document).document is document


def test_invalid_include_value_is_left_to_validation(tmp_path: Path) -> None:
    for include in ("3", "[]", '["x.json5", 3]', "{}"):
        result = resolve(tmp_path, f"{{ $include: {include} }}", x="{}")
        assert result.diagnostics == []
        assert "$include" in result.document.value
