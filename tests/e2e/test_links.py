"""Links out of the tree, pipes and endless devices are not shown, not written, and not waited for."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

import pytest

from genesis_config.lsp.open_files import OpenFiles

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.e2e.support import Genesis

CANARY: Final = "hunter2"
FORMATS: Final = ("text", "concise", "json", "sarif", "github", "gitlab", "junit")
CONFIG: Final = """{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:9/v1", models: [
  { id: "m", contextWindow: 8192, maxTokens: 512 } ] } } }, agents: { defaults: { model: "vllm/m" } } }
"""
FOUND: Final = ("genesis.json5", "genesis.json", "genesis.lock.json", "genesis.toml", "pyproject.toml", ".gitignore")

# Possible targets of a link. None of them is a configuration, and each has a secret where a different rule finds it.
TEXTS: Final = {
    "environment": f"HOME=/x\0TOKEN={CANARY}abc\0OTHER={CANARY}def",
    "token": f"{CANARY}-abcdef\n",
    "unended": f'{{ "auths": {{ "{CANARY}',
    "json": f'{{ "auths": {{ "{CANARY}.io": {{ "auth": "{CANARY}" }} }}, "{CANARY}": 1 }}',
    "keys": f'{{ models: {{ provider: 1, providers: {{ {CANARY}: {{ modles: [], baseURL: "{CANARY}", api: "{CANARY}" '
    f'}} }} }}, agents: {{ defaults: {{ model: "{CANARY}/{CANARY}", models: {{ "{CANARY}": {{}} }} }} }} }}',
    "member": f"{{ models: {{ {CANARY}: 1 }} }}",
    "references": f'{{ models: {{ providers: {{ p: {{ baseUrl: "${{{CANARY}:?{CANARY}", apiKey: "${CANARY}" '
    "} } } }",
    "comments": f"{{ // genesis: ignore[{CANARY}] {CANARY}\n"
    f" // genesis: ignore[unknown-section] {CANARY}\n {CANARY}: {{}} }}",
    "include": f'{{ $include: "./{CANARY}.json5", models: {{ $include: "{CANARY}" }} }}',
    "bytes": f"{{ {CANARY}: '\udcff' }}",
    "toml": f'[{CANARY}]\nselect = ["{CANARY}"]\n{CANARY} = "{CANARY}"\n',
    "lock": f'{{"lockVersion": "{CANARY}", "providers": {{"{CANARY}": 1}}}}',
    "conflict": f"{CANARY}\n<<<<<<< {CANARY}\n",
}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return the path of a file outside of the repository."""
    return tmp_path / "secret"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")


def reports(genesis: Genesis, folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """Run `check` with every format. Return the finished process and the reports by format."""
    options = [word for form in FORMATS for word in ("--format", form, "-o", f"../report.{form}")]
    done = genesis("check", *arguments, *options)
    by_format = {path.suffix[1:]: path.read_text(encoding="utf-8") for path in folder.parent.glob("report.*")}
    return done, by_format


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_text_behind_a_link_is_reported(genesis: Genesis, folder: Path, secret: Path, text: str) -> None:
    write(secret, text)
    (folder / "genesis.json5").symlink_to(secret)
    done, by_format = reports(genesis, folder, "genesis.json5", "--use-env")
    assert CANARY not in done.stdout + done.stderr
    assert set(by_format) == set(FORMATS)
    for form, report in by_format.items():
        assert CANARY not in report, form
    listed = json.loads(by_format["json"])["findings"]
    assert listed
    assert all(finding["path"] == "genesis.json5" and finding["fix"] is None for finding in listed)


def test_a_finding_behind_a_link_keeps_its_rule_and_its_place(genesis: Genesis, folder: Path, secret: Path) -> None:
    text = TEXTS["keys"].replace(" agents", "\n agents")
    write(secret, text)
    (folder / "link.json5").symlink_to(secret)
    write(folder / "copy.json5", text)

    def places(name: str) -> list[tuple[str, int, int]]:
        report = json.loads(genesis("check", name, "--format", "json").stdout)
        return sorted((finding["rule"], finding["line"], finding["column"]) for finding in report["findings"])

    assert places("link.json5") == places("copy.json5") != []


@pytest.mark.parametrize("diff", [(), ("--diff",)], ids=["written", "diff"])
def test_no_fix_is_written_through_a_link(genesis: Genesis, folder: Path, secret: Path, diff: tuple[str, ...]) -> None:
    text = f"{{ models: {{ providers: {{ {CANARY}: {{ modles: [{{ id: 'm', contextWindow: 1 }}] }} }} }} }}"
    write(secret, text)
    (folder / "genesis.json5").symlink_to(secret)
    for named in ("genesis.json5", "."):
        done = genesis("check", "--fix", *diff, named)
        assert done.returncode == 2
        assert "genesis.json5" in done.stderr
        assert CANARY not in done.stdout + done.stderr
    assert secret.read_text(encoding="utf-8") == text
    assert (folder / "genesis.json5").is_symlink()


@pytest.mark.parametrize("kind", ["link", "environ", "pipe", "zero"])
@pytest.mark.parametrize("name", [*FOUND, "part.json5"])
def test_a_search_finds_only_files_in_its_tree(
    genesis: Genesis, folder: Path, secret: Path, name: str, kind: str
) -> None:
    write(secret, TEXTS["keys"])
    if name != "genesis.json5":
        write(folder / "genesis.json5", '{ $include: "./part.json5" }' if name == "part.json5" else CONFIG)
    if kind == "pipe":
        os.mkfifo(folder / name)
    else:
        targets = {"link": str(secret), "environ": "/proc/self/environ", "zero": "/dev/zero"}
        (folder / name).symlink_to(targets[kind])
    done, by_format = reports(genesis, folder)
    shown = done.stdout + done.stderr + "".join(by_format.values())
    assert CANARY not in shown
    assert "HOME=" not in shown
    assert name in shown
    assert done.returncode == {"genesis.lock.json": 0, "part.json5": 1}.get(name, 2)


@pytest.mark.parametrize(
    "command",
    [
        ("compile",),
        ("compile", "--frozen"),
        ("lock",),
        ("models", "list"),
        ("models", "status"),
        ("doctor",),
        ("complete", "hi"),
        ("batch", "in.jsonl", "-o", "out.jsonl"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("text", ["environment", "json", "member"])
def test_no_command_shows_what_is_behind_a_link(
    genesis: Genesis, folder: Path, secret: Path, command: tuple[str, ...], text: str
) -> None:
    write(secret, TEXTS[text])
    (folder / "genesis.json5").symlink_to(secret)
    body = {"model": "vllm/m", "messages": [{"role": "user", "content": "hi"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    write(folder / "in.jsonl", json.dumps(line))
    done = genesis(*command)
    assert done.returncode == 2
    assert "genesis.json5" in done.stderr
    assert CANARY not in done.stdout + done.stderr
    # A user named it, so it is read but still not shown.
    option = [] if command[0] in {"compile", "lock"} else ["--config"]
    done = genesis(*command, *option, "genesis.json5")
    assert done.returncode < 2  # the JSON of another program has no errors
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["file", "nothing", "pipe"])
def test_a_lock_is_not_written_through_a_link(genesis: Genesis, folder: Path, secret: Path, kind: str) -> None:
    write(folder / "genesis.json5", CONFIG)  # without discovery, so the lock file is empty
    if kind == "file":
        write(secret, CANARY)
    if kind == "pipe":
        os.mkfifo(folder / "genesis.lock.json")
    else:
        (folder / "genesis.lock.json").symlink_to(secret)
    done = genesis("lock")
    assert done.returncode == 2
    assert "genesis.lock.json" in done.stderr
    assert secret.exists() == (kind == "file")
    assert kind != "file" or secret.read_text(encoding="utf-8") == CANARY


def test_a_finding_in_a_lock_file_shows_no_unused_string(genesis: Genesis, folder: Path) -> None:
    write(folder / "genesis.json5", CONFIG)
    members = f'"baseUrl": "https://user:{CANARY}@h/v1", "note": "{CANARY}", "models": {{}}'
    write(folder / "genesis.lock.json", f'{{"lockVersion": 1, "providers": {{"mistral": {{{members}}}}}}}')
    done, by_format = reports(genesis, folder)
    assert {finding["rule"] for finding in json.loads(by_format["json"])["findings"]} == {"lock-stale"}
    assert '"mistral": {"baseUrl": "https://***@h/v1"' in by_format["text"]
    assert CANARY not in done.stdout + done.stderr + "".join(by_format.values())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_finding_about_an_invalid_lock_file_shows_no_text(genesis: Genesis, folder: Path, text: str) -> None:
    write(folder / "genesis.json5", CONFIG)
    write(folder / "genesis.lock.json", text)
    _, by_format = reports(genesis, folder)
    assert "lock-stale" in by_format["concise"]
    assert CANARY not in "".join(by_format.values())


@pytest.mark.parametrize("repository", [True, False])
def test_links_within_the_tree_are_followed(genesis: Genesis, folder: Path, *, repository: bool) -> None:
    if repository:
        (folder / ".git").mkdir()
    write(folder / "shared" / "config", "{ gateway: {} }")
    write(folder / "shared" / "lock", "{}")
    write(folder / "shared" / "settings", '[severity]\n"unknown-section" = "error"\n')
    write(folder / "shared" / "ignored", "left/\n")
    write(folder / "conf" / "left" / "genesis.json5", "{")
    for name, target in {
        "genesis.json5": "config",
        "genesis.lock.json": "lock",
        "genesis.toml": "settings",
        ".gitignore": "ignored",
    }.items():
        (folder / "conf" / name).symlink_to(f"../shared/{target}")
    report = json.loads(genesis("check", "--format", "json").stdout)
    seen = {(finding["path"], finding["rule"], finding["severity"]) for finding in report["findings"]}
    assert seen == {
        ("conf/genesis.json5", "unknown-section", "error"),
        ("conf/genesis.lock.json", "lock-stale", "warning"),
    }


def test_a_mounted_config_map_is_an_ordinary_directory(genesis: Genesis, folder: Path) -> None:
    write(folder / "..2026_11" / "genesis.json5", f'{{ $include: "./part.json5", gateway: {{}}, // {CANARY}\n }}')
    write(folder / "..2026_11" / "part.json5", CONFIG)
    write(folder / "..2026_11" / "genesis.lock.json", '{"lockVersion": 1, "providers": {}}')
    (folder / "..data").symlink_to("..2026_11")
    for name in ("genesis.json5", "part.json5", "genesis.lock.json"):
        (folder / name).symlink_to(f"..data/{name}")
    for named in ("genesis.json5", "."):
        report = json.loads(genesis("check", "--format", "json", named).stdout)
        assert [(finding["path"], finding["rule"]) for finding in report["findings"]] == [
            ("genesis.json5", "unknown-section")
        ]
        assert "gateway" in report["findings"][0]["message"]
    assert genesis("check", "*.json5").returncode == 0
    done = genesis("compile", "--frozen")
    assert done.returncode == 0, done.stderr
    source = json.loads(done.stdout)["source"]
    assert source["path"] == "genesis.json5"
    assert [include["path"] for include in source["includes"]] == ["part.json5"]


def test_patterns_and_searches_do_not_enter_linked_directories(genesis: Genesis, folder: Path, secret: Path) -> None:
    write(secret / "genesis.json5", f"{{ {CANARY}")
    for depth in ("", "a", "a/b"):
        write(folder / depth / "genesis.json5", CONFIG)
        for name in ("one", "two"):
            (folder / depth / name).symlink_to(".")
        (folder / depth / "out").symlink_to(secret)
    for pattern in ("**/*.json5", "**/**/**/genesis.*", "**", ".", "*/**/b/../*.json5"):
        done = genesis("check", pattern)
        assert done.returncode == 0, done.stderr
        wanted = "1 file checked" if ".." in pattern else "3 files checked"
        assert done.stdout.startswith(wanted), pattern
    # They are not entered even if a part of a pattern names them.
    assert genesis("check", "*/out/*.json5").returncode == 2
    assert genesis("check", "o*/genesis.json5").returncode == 2


def test_a_path_may_be_a_stream(genesis: Genesis, folder: Path) -> None:
    write(folder / "genesis.json5", CONFIG)
    done = genesis("check", "/dev/stdin", stdin="{ gateway: {} }")
    assert "gateway" in done.stdout
    assert done.returncode == 0
    assert "too-large" in genesis("check", "/dev/zero").stdout
    assert "too-large" in genesis("compile", "/dev/zero").stderr


def test_the_language_server_follows_no_link_out_of_the_tree(folder: Path, secret: Path) -> None:
    write(secret, TEXTS["keys"])
    for name in ("genesis.lock.json", "part.json5", "genesis.toml"):
        (folder / name).symlink_to(secret)
    write(folder / "genesis.json5", '{ $include: "./part.json5" }')
    session = OpenFiles()
    session.open((folder / "genesis.json5").as_uri(), '{ $include: "./part.json5" }', 1)
    all_findings = [finding for findings in session.findings().values() for finding in findings]
    assert {finding.rule for finding in all_findings} == {"include", "lock-stale"}
    assert "genesis.toml" in session.complaints[0]
    words = [(finding.message, finding.help, finding.span and finding.span.source.text) for finding in all_findings]
    assert CANARY not in repr((words, session.complaints))


def test_the_users_own_configuration_may_be_a_link(
    genesis: Genesis, folder: Path, secret: Path, tmp_path: Path
) -> None:
    write(secret, CONFIG.replace("agents", f"{CANARY}: {{}}, agents"))
    own = tmp_path / "home" / ".config" / "genesis" / "genesis.json5"
    own.parent.mkdir(parents=True)
    own.symlink_to(secret)
    done = genesis("compile", cwd=folder)
    assert done.returncode == 0
    assert '"vllm"' in done.stdout
    assert "unknown-section" in done.stderr
    assert CANARY not in done.stderr


def test_a_provider_behind_a_link_is_not_named(genesis: Genesis, folder: Path, secret: Path) -> None:
    write(secret, CONFIG.replace("vllm", CANARY))
    (folder / "genesis.json5").symlink_to(secret)
    done = genesis("auth", "set", "foo", "--config", "genesis.json5", stdin="k")
    assert done.returncode == 0
    assert CANARY not in done.stderr


def test_parent_of_a_link_is_the_parent_of_its_target(genesis: Genesis, folder: Path) -> None:
    write(folder / "far" / "inner" / "part.json5", "{}")
    write(folder / "far" / "repo" / "genesis.json5", '{ far: 1, x: { $include: "./dl/../b.json5" } }')
    write(folder / "far" / "repo" / "sub" / "b.json5", "{ included: 1 }")
    write(folder / "far" / "repo" / "sub" / "c" / "d.json5", "{}")
    write(folder / "repo" / "genesis.json5", "{ near: 1 }")
    (folder / "dl").symlink_to("far/inner")
    (folder / "far" / "repo" / "dl").symlink_to("sub/c")
    for named in ("dl/../repo", "dl/../repo/genesis.json5", "dl/../repo/*.json5", "dl/../r*/genesis.json5"):
        for path in (named, f"{folder}/{named}"):
            report = json.loads(genesis("check", "--format", "json", path).stdout)
            found = [(finding["path"], finding["message"].split("`")[1]) for finding in report["findings"]]
            prefix = f"{folder}/" if path != named else ""
            assert found == [(f"{prefix}far/repo/genesis.json5", name) for name in ("far", "x")], path
    for config in ("dl/../repo", "dl/../repo/genesis.json5"):
        source = json.loads(genesis("compile", "--frozen", config).stdout)["source"]
        assert [include["path"] for include in source["includes"]] == ["sub/b.json5"]
