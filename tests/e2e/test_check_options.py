"""`genesis check` as configured by a team: settings, formats, patterns, ignore comments, fixes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest

from genesis_config.cli.check import command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis

# An error, a warning that can only be fixed by hand, and a warning.
TEXT = """{
  models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", modells: 1,
    models: [{ id: "m", contextWindow: 1 }] } } },
  agents: { defaults: { model: { primary: "vllm/m", fallbacks: ["vllm/m"] } } },
  gateway: {},
}
"""


@pytest.fixture
def config(folder: Path) -> Path:
    path = folder / "genesis.json5"
    path.write_text(TEXT, encoding="utf-8")
    return path


def rules(genesis: Genesis, *arguments: str) -> list[str]:
    report = json.loads(genesis("check", "--format", "json", *arguments).stdout)
    return [f"{finding['severity']} {finding['rule']}" for finding in report["findings"]]


ALL = ["error unknown-key", "warning duplicate-fallback", "warning unknown-section"]


def test_rules_are_selected_on_the_command_line(genesis: Genesis, config: Path) -> None:
    assert config.exists()
    assert rules(genesis) == ALL
    assert rules(genesis, "--select", "unknown-key", "--select", "duplicate-fallback") == ALL[:2]
    assert rules(genesis, "--ignore", "unknown-key") == ALL[1:]
    assert rules(genesis, "--error", "unknown-section", "--warn", "unknown-key") == [
        "warning unknown-key",
        "warning duplicate-fallback",
        "error unknown-section",
    ]
    assert genesis("check", "--warn", "unknown-key").returncode == 0
    assert genesis("check").returncode == 1
    assert genesis("check", "--exit-zero").returncode == 0
    wrong = genesis("check", "--ignore", "unknown-kye")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: --ignore: ")
    assert "`unknown-kye`\n  = help: " in wrong.stderr
    assert "`unknown-key`" in wrong.stderr


@pytest.mark.parametrize(
    ("name", "prefix"), [("pyproject.toml", "tool.genesis"), ("genesis.toml", "")], ids=["pyproject", "genesis"]
)
def test_the_settings_of_the_nearest_directory_apply(name: str, prefix: str, genesis: Genesis, config: Path) -> None:
    def table(key: str) -> str:
        return f"[{'.'.join(part for part in (prefix, key) if part)}]\n" if prefix or key else ""

    settings = config.parent / name
    settings.write_text(
        f'{table("")}ignore = ["unknown-section"]\n{table("severity")}duplicate-fallback = "error"\n'
        f'{table("per-path")}"examples/**" = ["unknown-key"]\n',
        encoding="utf-8",
    )
    example = config.parent / "examples" / "deep" / "genesis.json5"
    example.parent.mkdir(parents=True)
    example.write_text(TEXT, encoding="utf-8")
    assert rules(genesis, "genesis.json5") == ["error unknown-key", "error duplicate-fallback"]
    assert rules(genesis, str(example)) == ["error duplicate-fallback"]
    assert rules(genesis, "genesis.json5", "--ignore", "unknown-key") == ["error duplicate-fallback"]
    (example.parent / name).write_text(f'{table("")}select = ["unknown-section"]\n', encoding="utf-8")
    assert rules(genesis, "examples") == ["warning unknown-section"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.genesis]\nignroe = []", "unknown key `ignroe`\n  = help: did you mean `ignore`?"),
        (
            '[tool.genesis]\nignore = ["unknown-kye"]',
            "`ignore`: unknown rule `unknown-kye`\n  = help: did you mean `unknown-key`?",
        ),
        ('[tool.genesis]\nignore = "unknown-key"', "`ignore` must be an array of rule names"),
        (
            '[tool.genesis.severity]\nunknown-key = "fatal"',
            "`severity.unknown-key` must be one of `error`, `warning`, `info`",
        ),
        (
            '[tool.genesis.severity]\nnope-nope = "error"',
            "`severity`: unknown rule `nope-nope`\n  = help: run `genesis explain` to list all rules",
        ),
        ("[tool]\ngenesis = 1", "`tool.genesis` must be a table"),
        ("[tool.genesis]\nper-path = 1", "`per-path` must be a table"),
        ("[tool.genesis", "pyproject.toml is not valid TOML: "),
    ],
)
def test_invalid_settings_are_reported(text: str, message: str, genesis: Genesis, config: Path) -> None:
    (config.parent / "pyproject.toml").write_text(text, encoding="utf-8")
    done = genesis("check")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.startswith("error: pyproject.toml")
    assert genesis("check", "genesis.json5").stderr == done.stderr


def test_settings_of_other_tools_are_ignored(genesis: Genesis, config: Path) -> None:
    (config.parent / "pyproject.toml").write_text('[project]\nname = "genesis-user"\n[tool.other]\nx = 1\n', "utf-8")
    assert rules(genesis) == ALL


def test_several_reports_in_one_run(genesis: Genesis, config: Path) -> None:
    folder = config.parent
    done = genesis(
        "check", "--format", "sarif", "-o", "a.sarif", "--format=concise", "--format", "gitlab", "--output=b.json"
    )
    assert done.returncode == 1
    assert done.stdout == genesis("check", "--format", "concise").stdout
    assert (folder / "a.sarif").read_text(encoding="utf-8") == genesis("check", "--format", "sarif").stdout
    assert (folder / "b.json").read_text(encoding="utf-8") == genesis("check", "--format", "gitlab").stdout
    alone = genesis("check", "-o", "c.txt")
    assert (alone.returncode, alone.stdout) == (1, "")
    assert (folder / "c.txt").read_text(encoding="utf-8") == genesis("check").stdout
    assert genesis("check", "--format", "json", "-o", "a", "-o", "b").returncode == 2
    gone = genesis("check", "-o", "gone/c.txt")
    assert gone.returncode == 2
    assert "gone/c.txt: No such file or directory\n" in gone.stderr


@pytest.mark.parametrize("name", ["part.json5", "some.env", "genesis.lock.json"])
def test_files_that_belong_to_the_input_are_not_overwritten(name: str, genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_text('{ models: { $include: "./part.json5" } }', encoding="utf-8")
    (folder / "part.json5").write_text("{ providers: {} }", encoding="utf-8")
    (folder / "some.env").write_text("A=1\n", encoding="utf-8")
    (folder / "genesis.lock.json").write_text('{"lockVersion": 1, "providers": {}}\n', encoding="utf-8")
    before = (folder / name).read_bytes()
    done = genesis("check", "--env-file", "some.env", "--format", "json", "-o", name)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: -o {name} ")
    assert (folder / name).read_bytes() == before


def test_an_input_file_is_not_overwritten(genesis: Genesis, config: Path) -> None:
    before = config.read_bytes()
    done = genesis("check", "--format", "json", "-o", f"./{config.name}", "--format", "text")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: -o ./{config.name} ")
    assert done.stdout == genesis("check").stdout
    assert config.read_bytes() == before


def test_the_environment_may_set_the_format(genesis: Genesis, config: Path) -> None:
    concise = genesis("check", "--format", "concise").stdout
    assert genesis("check", env={"GENESIS_FORMAT": "concise"}).stdout == concise
    assert genesis("check", config.name, env={"GENESIS_FORMAT": "concise"}).stdout == concise
    assert genesis("check", config.name, env={"GENESIS_FORMAT": "concise", "GENESIS_OUTPUT": "out"}).stdout == ""
    # It also applies to a command line of files only, which is parsed without the options.
    assert genesis("check", config.name, env={"GENESIS_OUTPUT": "text"}).stdout == ""
    assert (config.parent / "text").read_text("utf-8") == genesis("check", config.name).stdout
    assert (config.parent / "out").read_text(encoding="utf-8") == concise
    assert "GENESIS_FORMAT is 'xml'" in genesis("check", env={"GENESIS_FORMAT": "xml"}).stderr
    assert genesis("check", "--format", "concise", env={"GENESIS_FORMAT": "xml"}).stdout == concise


@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif", "github", "gitlab", "junit"])
def test_the_exit_code_is_the_same_in_every_format(form: str, genesis: Genesis, config: Path) -> None:
    assert genesis("check", "--format", form).returncode == 1
    assert genesis("check", "--format", form, "--ignore", "unknown-key").returncode == 0
    assert genesis("check", "--format", form, "--ignore", "unknown-key", "--fail-on", "warning").returncode == 1
    config.write_text("{}", encoding="utf-8")
    assert genesis("check", "--format", form).returncode == 0
    assert genesis("check", "--format", form, "gone.json5").returncode == 2


def test_ignore_comments_suppress_findings_and_are_counted(genesis: Genesis, config: Path) -> None:
    text = TEXT.replace("  gateway", "  // genesis: ignore[unknown-section] it is the gateway's\n  gateway")
    config.write_text(text, encoding="utf-8")
    done = genesis("check")
    assert "unknown-section" not in done.stdout
    assert done.stdout.endswith("1 file checked: 1 error, 1 warning (1 fixable with --fix), 1 ignored\n")
    results = json.loads(genesis("check", "--format", "sarif").stdout)["runs"][0]["results"]
    assert [result.get("suppressions") for result in results if result["ruleId"] == "unknown-section"] == [
        [{"kind": "inSource", "justification": "it is the gateway's"}]
    ]
    config.write_text(text.replace("  gateway: {},\n", ""), encoding="utf-8")
    assert "warning unused-ignore" in rules(genesis)


def test_a_comment_used_only_with_an_option_is_not_unused_without_it(genesis: Genesis, config: Path) -> None:
    config.write_text(
        '{ models: { providers: { vllm: {\n  params: { user: "${TEAM}" }, // genesis: ignore[empty-variable] may be\n'
        '  baseUrl: "${URL}", // genesis: ignore[base-url-path, lock-stale] ours\n'
        '  models: [{ id: "m", contextWindow: 9 }] } } } }',
        encoding="utf-8",
    )
    (config.parent / "some.env").write_text("TEAM=\nURL=http://h/own\n", encoding="utf-8")
    without = genesis("check", "--fix").stdout
    assert ("no findings" in without, "ignored" in without) == (True, False)
    assert "no findings, 2 ignored" in genesis("check", "--env-file", "some.env").stdout


def test_an_unused_comment_is_removed_by_fix_and_shown_by_diff(genesis: Genesis, config: Path) -> None:
    text = "// a note\n{\n  agents: {}, // genesis: ignore[unknown-key] long gone\n}\n"
    config.write_text(text, encoding="utf-8")
    shown = genesis("check", "--fix", "--diff")
    assert "-  agents: {}, // genesis: ignore[unknown-key] long gone\n+  agents: {},\n" in shown.stdout
    assert "(1 fixable with --fix)" in shown.stdout
    assert config.read_text(encoding="utf-8") == text
    done = genesis("check", "--fix")
    assert done.returncode == 0
    assert "no findings, 1 fixed" in done.stdout
    assert config.read_text(encoding="utf-8") == "// a note\n{\n  agents: {},\n}\n"
    assert genesis("check", "--diff").returncode == 2
    assert genesis("check", "--fix", "-", stdin="{}").returncode == 2


def test_files_from_directories_patterns_and_standard_input_are_checked_once(genesis: Genesis, folder: Path) -> None:
    for name in (
        "a/genesis.json5",
        "b/genesis.json",
        "b/other.json5",
        "node_modules/x/genesis.json5",
        "out/genesis.json5",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{ x: 1 }", encoding="utf-8")

    def files(*arguments: str) -> list[str]:
        report = json.loads(genesis("check", "--format", "json", *arguments, stdin="{ x: 1 }").stdout)
        return [finding["path"] for finding in report["findings"]]

    assert files() == ["a/genesis.json5", "b/genesis.json", "out/genesis.json5"]
    assert files("b/other.json5", "b", "b/genesis.json") == ["b/genesis.json", "b/other.json5"]
    assert files("*/*.json5") == ["a/genesis.json5", "b/other.json5", "out/genesis.json5"]
    assert files("-", "--stdin-filename", "a/new.json5") == ["a/new.json5"]
    assert genesis("check", "z*/**").returncode == 2
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text("out/\nb/*\n!b/genesis.json\n", encoding="utf-8")
    assert files() == ["a/genesis.json5", "b/genesis.json"]
    (folder / "a" / ".gitignore").write_text("*.json5\n", encoding="utf-8")
    assert files() == ["b/genesis.json"]
    assert files("out/genesis.json5") == files("out") == ["out/genesis.json5"]
    left = genesis("check", "a")
    assert left.returncode == 2
    assert left.stderr.endswith(
        " in a\n  = help: a/genesis.json5 is ignored by .gitignore; pass it explicitly to check it\n"
    )
    assert files("*/*.json5", "a/genesis.json5") == ["a/genesis.json5"]


def test_a_finding_about_a_comment_shows_no_key(genesis: Genesis) -> None:
    key = "sk-canary4be1c09dcanary4be1c09d"
    done = genesis("check", "-", stdin=f"{{\n  // genesis: ignore[{key}] copied to the wrong place\n}}")
    assert "unused-ignore" in done.stdout
    assert key not in done.stdout


def test_a_reason_shows_no_key_and_is_truncated(genesis: Genesis) -> None:
    key = "sk-canary4be1c09dcanary4be1c09d"
    text = f"{{\n  gateway: {{}}, // genesis: ignore[unknown-section] like {key} {'why ' * 250_000}\n}}"
    done = genesis("check", "-", "--format", "sarif", stdin=text)
    assert "suppressions" in done.stdout
    assert key not in done.stdout
    assert len(done.stdout) < 200_000


def test_invalid_settings_hide_no_other_file(genesis: Genesis, config: Path) -> None:
    for name in ("a", "b"):
        (config.parent / name).mkdir()
        (config.parent / name / "genesis.json5").write_text(TEXT, encoding="utf-8")
    (config.parent / "b" / "genesis.toml").write_text("ignroe = []", encoding="utf-8")
    (config.parent / "b" / "second.json5").write_text(TEXT, encoding="utf-8")
    done = genesis("check", ".", "b/second.json5", "--format", "json", "-o", "report.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: b/genesis.toml: ")
    assert "`ignroe`\n  = help: " in done.stderr
    assert "`ignore`" in done.stderr
    report = json.loads((config.parent / "report.json").read_text(encoding="utf-8"))
    assert {finding["path"] for finding in report["findings"]} == {"genesis.json5", "a/genesis.json5"}


def test_an_unreadable_file_is_left_to_the_run() -> None:
    (paths,) = [parameter for parameter in command.params if parameter.name == "paths"]
    assert isinstance(paths.type, click.Path)
    # click would reject the whole command line for it.
    assert not paths.type.readable


@pytest.mark.parametrize("pattern", ["!", "[z-a]", "a\\\\"])
def test_an_invalid_pattern(pattern: str, genesis: Genesis, config: Path) -> None:
    (config.parent / "genesis.toml").write_text(f'[per-path]\n"{pattern}" = ["unknown-key"]', encoding="utf-8")
    done = genesis("check")
    assert done.returncode == 2
    assert "genesis.toml: `per-path` contains an invalid pattern: `" in done.stderr


def test_patterns_may_start_with_a_dot_slash_and_settings_with_a_byte_order_mark(
    genesis: Genesis, config: Path
) -> None:
    (config.parent / "genesis.toml").write_text(
        '\ufeffignore = ["unknown-section"]\n[per-path]\n"./genesis.json5" = ["unknown-key"]', encoding="utf-8"
    )
    assert rules(genesis) == ["warning duplicate-fallback"]


def test_per_path_settings_apply_to_the_file_that_contains_the_finding(genesis: Genesis, config: Path) -> None:
    config.write_text("{ modles: 1, models: { $include: './part/it.json5' } }", encoding="utf-8")
    (config.parent / "part").mkdir()
    (config.parent / "part" / "it.json5").write_text("{ wrong: 1, // genesis: ignore[syntax] no\n }", encoding="utf-8")
    (config.parent / "part" / "genesis.toml").write_text('ignore = ["unknown-section"]', encoding="utf-8")
    settings = config.parent / "genesis.toml"
    settings.write_text('[per-path]\n"part/**" = ["unknown-key"]\n"genesis.json5" = ["unused-ignore"]', "utf-8")
    # The file is part of a configuration, so the settings of that configuration apply.
    assert rules(genesis) == ["warning unknown-section", "warning unused-ignore"]


def test_a_variable_replaces_a_missing_option(genesis: Genesis, config: Path) -> None:
    folder = config.parent
    concise = genesis("check", "--format", "concise").stdout
    assert genesis("check", "-o", "a", env={"GENESIS_FORMAT": "concise"}).stdout == ""
    assert genesis("check", "--format", "concise", env={"GENESIS_OUTPUT": "b"}).stdout == ""
    done = genesis("check", "--format", "text", "--format", "concise", env={"GENESIS_OUTPUT": "c"})
    assert done.stdout == genesis("check").stdout
    assert [(folder / name).read_text("utf-8") for name in "abc"] == [concise] * 3
    both = genesis("check", "--format", "concise", "-o", "d", env={"GENESIS_OUTPUT": "e", "GENESIS_FORMAT": "xml"})
    assert both.returncode == 1
    assert not (folder / "e").exists()


def test_contradictory_options_are_rejected(genesis: Genesis, config: Path) -> None:
    two = genesis("check", "--format", "json", "-o", "a", "--format", "sarif", "-o", "./a")
    assert (two.returncode, two.stdout) == (2, "")
    assert "two reports cannot be written to the same file" in two.stderr
    name = genesis("check", config.name, "--stdin-filename", "x.json5")
    assert (name.returncode, name.stdout) == (2, "")
    assert "--stdin-filename requires -" in name.stderr
    nothing = genesis("check", "nope*.json5", config.name)
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("error: ")
    assert "nope*.json5" in nothing.stderr
    assert "1 file checked" in nothing.stdout


PATHS = [
    "-osub/genesis.json5",
    "--env-file=e/genesis.json5",
    "--fix/genesis.json",
    "-/genesis.json5",
    "--/genesis.json5",
]


@pytest.mark.parametrize("name", PATHS)
def test_the_path_of_a_configuration_is_not_an_option(name: str, genesis: Genesis, config: Path) -> None:
    path = config.parent / name
    path.parent.mkdir()
    path.write_text("{ modles: 1 }", encoding="utf-8")
    (config.parent / "sub").mkdir()
    for before in ([], ["--exit-zero", "--format", "concise"]):
        done = genesis("check", *before, name, config.name)
        assert (done.returncode, done.stderr) == (0 if before else 1, "")
        assert f"./{name}:1:3" in done.stdout
        assert f"{config.name}:2:" in done.stdout
    assert not list((config.parent / "sub").iterdir())
    assert path.read_text(encoding="utf-8") == "{ modles: 1 }"


@pytest.mark.parametrize(
    "name", ["-ox.json5", "--env-file=x.json5", "--exit-zero", "--ignore=unknown-key/x.json5", "-osub/genesis.json5\n"]
)
def test_an_option_that_is_also_a_file_is_rejected(name: str, genesis: Genesis, config: Path) -> None:
    assert "could be an option" not in genesis("check", name).stderr
    (config.parent / "x.json5").unlink(missing_ok=True)
    path = config.parent / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{ modles: 1 }", encoding="utf-8")
    refused = genesis("check", name, config.name)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert repr(f"./{name}") in refused.stderr
    assert not (config.parent / "x.json5").exists()
    for words in ([f"./{name}"], ["--", name]):
        assert rules(genesis, *words) == ["warning unknown-section"]


def test_a_link_named_like_an_option_is_rejected_whatever_its_target(genesis: Genesis, config: Path) -> None:
    for target in ("nowhere", "."):
        (config.parent / "-ox.json5").unlink(missing_ok=True)
        (config.parent / "-ox.json5").symlink_to(target)
        assert genesis("check", config.name, "-ox.json5").returncode == 2
        assert not (config.parent / "x.json5").exists()


def test_a_directory_named_like_an_option_does_not_change_the_option(genesis: Genesis, config: Path) -> None:
    (config.parent / "--exit-zero").mkdir()
    (config.parent / "--exit-zero" / config.name).write_text("{ modles: 1 }", encoding="utf-8")
    assert genesis("check", config.name, "--exit-zero").returncode == 0


def test_an_option_may_name_a_configuration_that_is_not_a_path(genesis: Genesis, config: Path) -> None:
    done = genesis("check", f"--stdin-filename=deploy/{config.name}", "-", stdin="{ modles: 1 }")
    assert f"deploy/{config.name}:1:3" in done.stdout
