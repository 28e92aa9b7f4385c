"""Open files and their findings: which ones are configurations, whose text is used, when they are checked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.lint.linter import CheckResult, check_text
from genesis_config.lsp.open_files import OpenFiles
from genesis_config.lsp.uris import from_path
from tests.lsp.support import open_text

if TYPE_CHECKING:
    from pathlib import Path

MISSPELLED = '{ baseURL: "http://127.0.0.1:8000/v1" }'
ROOT = '{ models: { providers: { vllm: { $include: "./vllm.json5" } } } }'


class Editor:
    """An editor with files in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.open_files = OpenFiles()
        self.version = 0

    def uri(self, name: str) -> str:
        return from_path(str(self.directory / name))

    def save(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def open(self, name: str, text: str) -> None:
        self.version += 1
        self.open_files.open(self.uri(name), text, self.version)

    def change(self, name: str, text: str) -> None:
        self.version += 1
        self.open_files.change(self.uri(name), text, self.version)

    def found(self) -> dict[str, list[str]]:
        """Return the rule names of the findings, by file."""
        names = {uri.rpartition("/")[2]: uri for uri in self.open_files.findings()}
        return {name: [finding.rule for finding in self.open_files.findings()[uri]] for name, uri in names.items()}


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path)


def test_open_texts_take_precedence_and_closed_ones_have_no_findings(editor: Editor) -> None:
    editor.save("genesis.json5", "{}")
    editor.open("genesis.json5", "{ x: 1 }")
    assert editor.found() == {"genesis.json5": ["unknown-section"]}
    editor.change("genesis.json5", "{ env: {} }")
    assert editor.found() == {"genesis.json5": []}
    editor.open_files.close(editor.uri("genesis.json5"))
    assert editor.found() == {}


def test_a_finding_is_reported_in_the_file_that_contains_it(editor: Editor) -> None:
    editor.save("vllm.json5", MISSPELLED)
    editor.open("genesis.json5", ROOT)
    assert editor.found() == {"genesis.json5": ["no-models"], "vllm.json5": ["unknown-key"]}
    editor.change("genesis.json5", "{}")
    assert editor.found() == {"genesis.json5": []}


def test_the_open_text_of_an_included_file_takes_precedence(editor: Editor) -> None:
    editor.save("vllm.json5", "{ models: [] }")
    editor.open("genesis.json5", ROOT)
    editor.open("vllm.json5", MISSPELLED)
    assert editor.found()["vllm.json5"] == ["unknown-key"]
    editor.change("vllm.json5", MISSPELLED.replace("URL", "Url"))
    assert editor.found()["vllm.json5"] == []
    editor.open_files.close(editor.uri("vllm.json5"))
    editor.save("vllm.json5", MISSPELLED)
    editor.open_files.reread()
    assert editor.found()["vllm.json5"] == ["unknown-key"]


def test_a_file_that_a_configuration_above_includes_is_checked_as_a_part_of_it(editor: Editor) -> None:
    editor.save("genesis.json5", ROOT.replace("./vllm", "./parts/vllm"))
    editor.save("parts/genesis.json5", "{}")
    editor.open("parts/vllm.json5", MISSPELLED)  # not saved
    assert editor.found() == {"vllm.json5": ["unknown-key"], "genesis.json5": ["no-models"]}


def test_the_search_for_a_configuration_ends_with_the_repository(editor: Editor) -> None:
    editor.save("genesis.json5", ROOT.replace("./vllm", "./parts/vllm"))
    editor.save("parts/.git/config", "")
    editor.save("parts/vllm.json5", "{}")
    editor.open("parts/vllm.json5", MISSPELLED)
    assert editor.found() == {"vllm.json5": ["unknown-section"]}


def test_two_files_that_include_each_other_are_checked_once(editor: Editor) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        editor.save(f"{one}.json5", f'{{ $include: "./{other}.json5" }}')
    for name in ("a.json5", "b.json5"):
        editor.open(name, (editor.directory / name).read_text(encoding="utf-8"))
    assert sorted(editor.found()) == ["a.json5", "b.json5"]
    assert sum(map(len, editor.found().values())) == 1


def test_a_file_that_two_configurations_include_has_each_finding_once(editor: Editor) -> None:
    editor.save("vllm.json5", MISSPELLED)
    editor.open("genesis.json5", ROOT)
    editor.open("genesis.json", ROOT)
    assert editor.found()["vllm.json5"] == ["unknown-key"]


def test_any_file_that_nothing_includes_is_a_configuration(editor: Editor) -> None:
    editor.open("z.json5", '{ $include: "./a.json5" }')
    editor.open("a.json5", "{ x: 1 }")
    editor.save("a.json5", "{}")
    editor.open_files.reread()
    assert editor.found() == {"z.json5": [], "a.json5": ["unknown-section"]}
    assert [name.rpartition("/")[2] for name in editor.open_files.roots()] == ["z.json5"]


def test_a_text_without_a_file_is_checked(editor: Editor) -> None:
    editor.open_files.open("untitled:Untitled-1", "{ x: 1 }", 1)
    assert [finding.rule for finding in editor.open_files.findings()["untitled:Untitled-1"]] == ["unknown-section"]


def test_settings_and_ignore_comments_apply(editor: Editor) -> None:
    editor.save("genesis.toml", 'ignore = ["unknown-section"]')
    editor.open("genesis.json5", "{ x: 1 }")
    assert editor.found() == {"genesis.json5": []}
    editor.save("genesis.toml", '[severity]\nunknown-section = "error"')
    editor.open_files.reread()
    assert [finding.severity for finding in editor.open_files.findings()[editor.uri("genesis.json5")]] == ["error"]
    editor.change("genesis.json5", "{\n// genesis: ignore[unknown-section] of another program\n x: 1 }")
    assert editor.found() == {"genesis.json5": []}


def test_invalid_settings_are_reported_once_and_hide_nothing(editor: Editor) -> None:
    editor.save("genesis.toml", "selct = []")
    editor.open("genesis.json5", "{ x: 1 }")
    assert editor.found() == {"genesis.json5": ["unknown-section"]}
    editor.change("genesis.json5", "{ y: 1 }")
    assert editor.found() == {"genesis.json5": ["unknown-section"]}
    (complaint,) = editor.open_files.complaints
    assert "unknown key `selct`" in complaint


def test_a_change_rechecks_only_the_configurations_with_the_file(editor: Editor) -> None:
    editor.save("vllm.json5", "{}")
    editor.open("genesis.json5", ROOT)
    editor.open("other/genesis.json5", "{}")
    before = editor.open_files.roots()
    editor.change("vllm.json5", MISSPELLED)
    after = editor.open_files.roots()
    same = {name.rpartition("/")[0].rpartition("/")[2]: before[name] is after[name] for name in after}
    assert same == {editor.directory.name: False, "other": True}


@pytest.mark.parametrize("text", ["\ufeff{ x: 1 }", "{ x: '\ud800' }", "", "\0", "[1]", "\u2028{ x: 1,\u2028 y }"])
def test_odd_texts_are_checked(text: str, editor: Editor) -> None:
    editor.open("genesis.json5", text)
    assert editor.found()["genesis.json5"]


def test_the_view_of_a_file_has_the_path_at_which_it_is_included(editor: Editor) -> None:
    editor.save("genesis.json5", '{ models: { $include: ["./empty.json5", "./models.json5"] } }')
    editor.save("empty.json5", "{}")
    editor.save("models.json5", '{ providers: { vllm: { $include: "./vllm.json5" } } }')
    editor.save("vllm.json5", MISSPELLED)
    view, _ = open_text(editor.directory / "vllm.json5", f"{MISSPELLED}|", editor.open_files)
    assert view.prefix == ("models", "providers", "vllm")
    view, _ = open_text(editor.directory / "models.json5", "{ providers: {} }|", editor.open_files)
    assert view.prefix == ("models",)


def test_a_file_that_is_not_open_has_no_view(editor: Editor) -> None:
    assert editor.open_files.view(editor.uri("genesis.json5")) is None


def test_file_whose_check_fails_does_not_hide_the_findings_of_others(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(name: str, *args: Any, **kwargs: Any) -> CheckResult:
        if "broken" in name:
            raise RuntimeError
        return check_text(name, *args, **kwargs)

    monkeypatch.setattr("genesis_config.lsp.open_files.check_text", check)
    editor.open("broken/genesis.json5", "{}")
    editor.open("genesis.json5", "{ x: 1 }")
    found = editor.open_files.findings()
    assert found[editor.uri("broken/genesis.json5")] == []
    assert [finding.rule for finding in found[editor.uri("genesis.json5")]] == ["unknown-section"]
    assert [type(bug) for bug in editor.open_files.bugs] == [RuntimeError]
