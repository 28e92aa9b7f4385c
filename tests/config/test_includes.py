"""`$include`: what is merged, where spans point, and each file that cannot be included."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.config.includes import Inclusion, include, with_origin
from genesis_config.diagnostics.source import Source
from genesis_config.syntax import parse

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def included(folder: Path, root: str, **files: str) -> Inclusion:
    write(folder, {f"{name.replace('__', '/')}.json5": text for name, text in files.items()})
    return include(parse(Source(str(folder / "genesis.json5"), root)))


def value(folder: Path, root: str, **files: str) -> Any:
    done = included(folder, root, **files)
    assert done.diagnostics == []
    return done.document.value


def problem(folder: Path, root: str, **files: str) -> tuple[str, str | None]:
    """Give the one finding's message, its path left out, and the text that it is about."""
    (finding,) = included(folder, root, **files).diagnostics
    assert finding.rule == "include"
    assert finding.span is not None
    span = finding.span
    assert span.source.text[span.start : span.end].startswith(('"', "["))
    return finding.message.partition(" cannot include ")[2], finding.help


def test_a_file_stands_for_its_object(tmp_path: Path) -> None:
    assert value(tmp_path, '{ a: { $include: "./x.json5" } }', x="{ b: 1 }") == {"a": {"b": 1}}


def test_at_the_root_it_is_the_whole_configuration(tmp_path: Path) -> None:
    assert value(tmp_path, '{ $include: "x.json5", c: 2 }', x="{ b: 1 }") == {"b": 1, "c": 2}


def test_several_are_merged_deep_and_the_later_wins(tmp_path: Path) -> None:
    merged = value(
        tmp_path,
        '{ $include: ["x.json5", "y.json5"] }',
        x="{ a: { p: 1, q: [1, 2], r: { s: 1 } }, b: 1 }",
        y="{ a: { p: 2, q: [3], r: { t: 2 } } }",
    )
    assert merged == {"a": {"p": 2, "q": [3], "r": {"s": 1, "t": 2}}, "b": 1}


def test_keys_beside_it_win_wherever_they_stand(tmp_path: Path) -> None:
    for root in ('{ a: { z: 1 }, $include: "x.json5" }', '{ $include: "x.json5", a: { z: 1 } }'):
        assert value(tmp_path, root, x="{ a: { z: 0, y: 2 } }") == {"a": {"z": 1, "y": 2}}


def test_paths_are_relative_to_the_file_that_includes(tmp_path: Path) -> None:
    files = {"sub__x": '{ $include: "deeper/y.json5" }', "sub__deeper__y": '{ $include: "../../z.json5" }'}
    assert value(tmp_path, '{ $include: "sub/x.json5" }', z="{ z: 1 }", **files) == {"z": 1}


def test_inside_arrays_too(tmp_path: Path) -> None:
    assert value(tmp_path, '{ a: [{ $include: "x.json5", n: 2 }, 3] }', x="{ m: 1 }") == {"a": [{"m": 1, "n": 2}, 3]}


def test_the_same_file_twice_is_no_circle(tmp_path: Path) -> None:
    root = '{ a: { $include: "x.json5" }, b: { $include: "x.json5" } }'
    done = included(tmp_path, root, x="{ m: 1 }")
    assert done.document.value == {"a": {"m": 1}, "b": {"m": 1}}
    assert [file.path for file in done.files] == ["x.json5", "x.json5"]


def test_the_texts_as_written_are_not_changed(tmp_path: Path) -> None:
    document = parse(Source(str(tmp_path / "genesis.json5"), '{ a: { $include: "x.json5", b: { c: 1 } } }'))
    write(tmp_path, {"x.json5": "{ b: { d: 2 } }"})
    assert include(document).document.value == {"a": {"b": {"c": 1, "d": 2}}}
    assert document.value == {"a": {"$include": "x.json5", "b": {"c": 1}}}


def test_spans_keep_their_file(tmp_path: Path) -> None:
    done = included(tmp_path, '{ a: { $include: "x.json5", own: 1 } }', x="{ b: { c: 'theirs' } }")
    theirs = done.document.value_span(("a", "b", "c"))
    assert theirs.source.name == str(tmp_path / "x.json5")
    assert theirs.source.text[theirs.start : theirs.end] == "'theirs'"
    key = done.document.key_span(("a", "b"))
    assert key.source.text[key.start : key.end] == "b"
    own = done.document.value_span(("a", "own"))
    assert own.source.name == str(tmp_path / "genesis.json5")
    assert own.source.text[own.start : own.end] == "1"


def test_a_syntax_error_is_placed_in_the_included_file_with_who_included_it(tmp_path: Path) -> None:
    done = included(tmp_path, '{ a: { $include: "x.json5" }, b: 1 }', x="{ m: 1,, n: 2 }")
    assert done.document.value == {"a": {"m": 1, "n": 2}, "b": 1}
    (finding,) = with_origin(done.files, done.diagnostics)
    assert finding.rule == "syntax"
    assert finding.span is not None
    assert finding.span.source.name == str(tmp_path / "x.json5")
    (origin,) = finding.related
    assert origin.message == "included here"
    assert origin.span.source.text[origin.span.start : origin.span.end] == '"x.json5"'


@pytest.mark.parametrize(
    ("name", "message", "help_"),
    [
        ("gone.json5", "`gone.json5`: no such file or directory", "the path is relative to {root}"),
        ("pipe.json5", "`pipe.json5`: it is not a regular file", "write the path of a file"),
        ("folder", "`folder`: is a directory", "the path is relative to {root}"),
        ("", "``: is a directory", "the path is relative to {root}"),
        (
            "../out.json5",
            "`../out.json5`: it is not below the folder of the configuration",
            "move it there, and write a relative path",
        ),
        (
            "/etc/passwd",
            "`/etc/passwd`: it is not below the folder of the configuration",
            "move it there, and write a relative path",
        ),
        (
            "link.json5",
            "`link.json5`: it is not below the folder of the configuration",
            "move it there, and write a relative path",
        ),
        (
            "a\\0b",
            "`a\0b`: it is not below the folder of the configuration",
            "move it there, and write a relative path",
        ),
        (
            "genesis.json5",
            "`genesis.json5`: that closes a circle of files that include each other",
            "remove one of the includes",
        ),
    ],
)
def test_each_file_that_cannot_be_included_is_told_why(name: str, message: str, help_: str, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    write(folder, {"list.json5": "[1]", "folder/x.json5": "{}", "../out.json5": "{}"})
    (folder / "link.json5").symlink_to(tmp_path / "out.json5")
    os.mkfifo(folder / "pipe.json5")
    root = str(folder / "genesis.json5")
    assert problem(folder, f'{{ $include: "{name}", own: 1 }}') == (message, help_.format(root=root))


def test_what_else_is_there_is_kept_when_a_file_cannot_be_included(tmp_path: Path) -> None:
    done = included(tmp_path, '{ $include: ["gone.json5", "x.json5"], own: 1 }', x="{ m: 1 }")
    assert {key: item for key, item in done.document.value.items() if key != "$include"} == {"m": 1, "own": 1}
    assert [finding.rule for finding in done.diagnostics] == ["include"]


def test_a_file_that_holds_no_object_is_a_finding_in_that_file(tmp_path: Path) -> None:
    done = included(tmp_path, '{ a: { $include: "x.json5" }, b: 1 }', x="[1]")
    (finding,) = done.diagnostics
    assert finding.rule == "wrong-type"
    assert finding.span is not None
    assert finding.span.source.name == str(tmp_path / "x.json5")


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    write(tmp_path, {"real.json5": "{ m: 1 }"})
    (tmp_path / "link.json5").symlink_to("real.json5")
    done = included(tmp_path, '{ $include: "link.json5" }')
    assert done.document.value == {"m": 1}
    assert [file.path for file in done.files] == ["link.json5"]


def test_a_circle_is_found_through_other_files_and_links(tmp_path: Path) -> None:
    write(tmp_path, {"y.json5": '{ $include: "again.json5" }'})
    (tmp_path / "again.json5").symlink_to("x.json5")
    message, _ = problem(tmp_path, '{ $include: "x.json5" }', x='{ $include: "y.json5" }')
    assert message == "`again.json5`: that closes a circle of files that include each other"


def test_ten_deep_is_fine_and_eleven_is_not(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path, {f"f{number}.json5": f'{{ $include: "f{number + 1}.json5" }}'})
    write(tmp_path, {"f9.json5": "{ bottom: 1 }"})
    assert value(tmp_path, '{ $include: "f0.json5" }') == {"bottom": 1}
    write(tmp_path, {"f9.json5": '{ $include: "f10.json5" }', "f10.json5": "{}"})
    assert problem(tmp_path, '{ $include: "f0.json5" }') == (
        "`f10.json5`: files include each other more than 10 deep",
        "include it further up",
    )


def test_files_that_multiply_are_stopped(tmp_path: Path) -> None:
    for number in range(4):
        inner = ", ".join(f'k{index}: {{ $include: "f{number + 1}.json5" }}' for index in range(10))
        write(tmp_path, {f"f{number}.json5": f"{{ {inner} }}"})
    write(tmp_path, {"f4.json5": "{}"})
    done = included(tmp_path, '{ $include: "f0.json5" }')
    assert len(done.files) == 1000
    assert {finding.rule for finding in done.diagnostics} == {"include"}
    assert done.diagnostics[0].message.endswith("more than 1000 files are included")


def test_nesting_counts_through_files(tmp_path: Path) -> None:
    deep = "{ a: " * 100
    done = included(tmp_path, f'{deep} {{ $include: "x.json5" }} {"}" * 100}', x=f"{deep} 1 {'}' * 100}")
    assert done.diagnostics == []
    done = included(tmp_path, f'{deep} {{ $include: "x.json5" }} {"}" * 100}', x=f"{deep} {{ a: 1 }} {'}' * 100}")
    assert [finding.rule for finding in done.diagnostics] == ["include"]
    assert done.diagnostics[0].message.endswith("objects are nested more than 200 deep with what it includes")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"x.json5": "{}"})
    (tmp_path / "x.json5").chmod(0)
    assert problem(tmp_path, '{ $include: "x.json5" }')[0] == "`x.json5`: permission denied"


def test_a_document_without_includes_is_given_back_as_it_is(tmp_path: Path) -> None:
    document = parse(Source(str(tmp_path / "genesis.json5"), "{ a: 1 }"))
    assert include(document).document is document


def test_a_value_that_names_no_file_is_left_to_the_schema(tmp_path: Path) -> None:
    for stated in ("3", "[]", '["x.json5", 3]', "{}"):
        done = included(tmp_path, f"{{ $include: {stated} }}", x="{}")
        assert done.diagnostics == []
        assert "$include" in done.document.value
