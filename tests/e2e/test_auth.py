"""`genesis auth`: hidden prompts, pipes, concurrent commands, and no key in any output."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.support import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

    from tests.e2e.support import Genesis

CANARY = "sk-canary-9f3e"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Return the path of the store in the command's home."""
    return tmp_path / "home" / ".config" / "genesis" / "auth-profiles.json"


def environment(stored: Path, **more: str) -> dict[str, str]:
    """Return the environment of the fixture `genesis` with more variables, for commands that are run differently."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {"PATH": os.environ["PATH"], "HOME": str(stored.parents[2]), **kept, **more}


def keys(stored: Path) -> dict[str, str]:
    return {name: entry["key"] for name, entry in json.loads(stored.read_bytes())["profiles"].items()}


def write(stored: Path, profiles: dict[str, dict[str, Any]]) -> bytes:
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_text(json.dumps({"version": 1, "profiles": profiles}), encoding="utf-8")
    stored.chmod(0o600)
    return stored.read_bytes()


def entry(provider: str, **more: Any) -> dict[str, Any]:
    return {"provider": provider, "kind": "api_key", "key": CANARY, **more}


def test_a_piped_key_is_stored_listed_used_and_removed(genesis: Genesis, stored: Path, folder: Path) -> None:
    path = genesis("auth", "path")
    assert (path.returncode, path.stdout, path.stderr) == (0, f"{stored}\n", "")
    assert not stored.parent.exists()

    done = genesis("auth", "set", "vllm", stdin=f"{CANARY}\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert "added" in done.stderr
    assert f"vllm:default in {stored}\n" in done.stderr
    assert CANARY not in done.stderr
    assert keys(stored) == {"vllm:default": CANARY}
    assert (stored.stat().st_mode & 0o777, stored.parent.stat().st_mode & 0o777) == (0o600, 0o700)

    listed = genesis("auth", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    (_, row) = listed.stdout.splitlines()
    assert row.split()[:3] == ["vllm:default", "vllm", "api_key"]

    (folder / "genesis.json5").write_text(
        '{ models: { providers: { vllm: { models: [{ id: "m", contextWindow: 9000 }] } } } }', encoding="utf-8"
    )
    compiled = genesis("compile")
    assert json.loads(compiled.stdout)["providers"]["vllm"]["credential"] == {"profile": "vllm:default"}

    again = genesis("auth", "set", "vllm", stdin="another\r\n")
    assert "replaced" in again.stderr
    assert f"vllm:default in {stored}\n" in again.stderr
    assert "another" not in again.stderr
    assert keys(stored) == {"vllm:default": "another"}

    removed = genesis("auth", "remove", "vllm")
    assert (removed.returncode, removed.stdout) == (0, "")
    assert "removed" in removed.stderr
    assert f"vllm:default from {stored}\n" in removed.stderr
    assert keys(stored) == {}


def test_the_configuration_selects_the_profile(genesis: Genesis, stored: Path, folder: Path) -> None:
    for name in ("vllm:default", "vllm:staging"):
        genesis("auth", "set", "vllm", "--profile", name, stdin=f"key-of-{name}")
    assert keys(stored) == {name: f"key-of-{name}" for name in ("vllm:default", "vllm:staging")}
    entry = "models: { providers: { vllm: { models: [{ id: 'm', contextWindow: 9000 }] } } }"
    for auth, used in (
        ("", "vllm:default"),
        ("auth: { order: { vllm: ['vllm:gone', 'vllm:staging', 'vllm:default'] } }", "vllm:staging"),
        ("auth: { profiles: { 'vllm:staging': { provider: 'vllm' } } }", "vllm:staging"),
        ("auth: { order: { vllm: [] } }", None),
    ):
        (folder / "genesis.json5").write_text(f"{{ {entry}, {auth} }}", encoding="utf-8")
        assert genesis("check").returncode == 0
        credential = json.loads(genesis("compile").stdout)["providers"]["vllm"]["credential"]
        assert credential == (used and {"profile": used})


def test_a_list_shows_ages_but_no_keys(genesis: Genesis, stored: Path, snapshot: SnapshotAssertion) -> None:
    created = datetime.now(UTC) - timedelta(days=3, hours=1)
    stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    write(stored, {"vllm:default": entry("vllm", created=stamp), "\x1b[31m": entry("pool")})

    listed = genesis("auth", "list")
    assert listed.stdout == snapshot
    report = genesis("auth", "list", "--json")
    assert (report.returncode, report.stderr) == (0, "")
    parsed = json.loads(report.stdout)
    assert parsed["version"] == 1
    old, new = parsed["profiles"]
    assert old == {"provider": "pool", "profile": "\x1b[31m", "kind": "api_key", "created": None, "ageSeconds": None}
    assert new.pop("ageSeconds") == pytest.approx(3 * 86400 + 3600, abs=120)
    assert new == {"provider": "vllm", "profile": "vllm:default", "kind": "api_key", "created": stamp}
    for done in (listed, report):
        assert "canary" not in done.stdout + done.stderr


def test_an_empty_list_explains_how_to_add_a_profile(genesis: Genesis, stored: Path) -> None:
    for _ in range(2):
        done = genesis("auth", "list")
        assert (done.returncode, done.stdout) == (0, "")
        assert f"no auth profiles in {stored}" in done.stderr
        assert "`genesis auth set PROVIDER`" in done.stderr
        report = genesis("auth", "list", "--json")
        assert (report.returncode, json.loads(report.stdout)) == (0, {"version": 1, "profiles": []})
        write(stored, {})


@pytest.mark.parametrize(
    "arguments",
    [
        ("set", "vllm", CANARY),
        ("set", CANARY, "vllm"),
        ("set", "vllm", "--", CANARY),
        ("set", "vllm", f"--key={CANARY}"),
        ("set", "vllm", "--key", CANARY),
        ("set", "vllm", f"-k{CANARY}"),
        ("set", f"{CANARY}0123456789abcdef"),
        ("set", "vllm", "--profile", f"{CANARY}0123456789abcdef"),
        ("remove", f"{CANARY}0123456789abcdef"),
        ("remove", "vllm", CANARY),
        ("list", CANARY),
        ("path", CANARY),
        (CANARY,),
    ],
    ids=str,
)
def test_a_key_given_as_an_argument_is_rejected_and_not_repeated(
    arguments: tuple[str, ...], genesis: Genesis, stored: Path
) -> None:
    done = genesis("auth", *arguments, stdin="other")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "canary" not in done.stderr
    assert not stored.exists()


def test_the_error_for_an_extra_argument_explains_what_to_do(genesis: Genesis) -> None:
    done = genesis("auth", "set", "vllm", CANARY)
    assert "`genesis auth set PROVIDER` prompts for the key, or reads it from standard input" in done.stderr
    assert "no such command (commands: set, list, remove, path)" in genesis("auth", "st").stderr


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (
            "",
            "no key on standard input\n  = help: pipe it in (`genesis auth set PROVIDER < FILE`), or run this in a",
        ),
        (" \t\n", "no key on standard input"),
        (f"{CANARY}\nsecond\n", "the key contains a line break, control character or invisible character"),
        (f"{CANARY}\n\n", "the key contains a line break"),
        (f"{CANARY}\x1b[0m", "the key contains a line break"),
        (f" {CANARY}", "the key starts or ends with whitespace"),
        (CANARY.encode() + b"\xff", "the key on standard input is not valid UTF-8"),
        (CANARY * 20_000, "the key is longer than 65536 characters"),
    ],
    ids=["empty", "blank", "two-lines", "two-ends", "control", "space", "not-utf8", "long"],
)
def test_an_invalid_key_is_rejected_and_not_repeated(
    stdin: str | bytes, message: str, genesis: Genesis, stored: Path
) -> None:
    done = genesis("auth", "set", "vllm", stdin=stdin)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert "canary" not in done.stderr
    assert not stored.parent.exists()


def test_a_closed_standard_input_is_an_error(tmp_path: Path, stored: Path) -> None:
    script = 'exec "$@" <&-'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, "auth", "set", "vllm"],
        env=environment(stored),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no key on standard input")


@pytest.mark.parametrize("provider", ["", " ", "a\nb", "vllm "])
def test_an_empty_provider_name_is_rejected(provider: str, genesis: Genesis, stored: Path) -> None:
    done = genesis("auth", "set", provider, stdin=CANARY)
    assert done.returncode == 2
    assert f"the provider id {provider!r} is empty" in done.stderr.replace("\\\\", "\\")
    assert not stored.exists()


def test_concurrent_commands_lose_nothing(genesis: Genesis, stored: Path, folder: Path) -> None:
    running = [
        subprocess.Popen(
            [*COMMAND, "auth", "set", f"p{number}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(stored),
            cwd=folder,
        )
        for number in range(8)
    ]
    ended = [process.communicate(f"key-{number}\n".encode(), timeout=60) for number, process in enumerate(running)]
    assert [process.returncode for process in running] == [0] * 8, ended
    assert keys(stored) == {f"p{number}:default": f"key-{number}" for number in range(8)}
    assert genesis("auth", "list").stdout.count("\n") == 9


def test_a_damaged_store_is_reported_before_the_prompt_and_kept(genesis: Genesis, stored: Path) -> None:
    write(stored, {})
    stored.write_bytes(b'{"version": 1, "profiles": {"a": "sk-canary"}}')
    for arguments in (["set", "vllm"], ["list"], ["list", "--json"], ["remove", "a"]):
        done = genesis("auth", *arguments, stdin="")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: the auth profiles in {stored} are damaged: ")
        assert "\n  = help: the file was left untouched" in done.stderr
        assert "canary" not in done.stderr
    assert stored.read_bytes() == b'{"version": 1, "profiles": {"a": "sk-canary"}}'


def test_a_store_readable_by_others_is_rejected_with_the_chmod_command(genesis: Genesis, stored: Path) -> None:
    before = write(stored, {"vllm:default": entry("vllm")})
    stored.chmod(0o640)
    for arguments in (["set", "vllm"], ["list"], ["remove", "vllm"]):
        done = genesis("auth", *arguments, stdin=CANARY)
        assert done.returncode == 2
        assert f"(mode 0640)\n  = help: run `chmod 600 {stored}`" in done.stderr
    assert stored.read_bytes() == before


def test_a_store_whose_directory_cannot_be_created_is_reported(genesis: Genesis, stored: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / ".config").write_text("mine", encoding="utf-8")
    done = genesis("auth", "set", "vllm", stdin=CANARY)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert f"{stored}: Not a directory\n" in done.stderr


def test_a_missing_profile_cannot_be_removed(genesis: Genesis, stored: Path) -> None:
    before = write(stored, {"vllm:default": entry("vllm"), "pool:a": entry("pool"), "pool:b": entry("pool")})
    for name, message in (
        ("vlm", "no auth profile or provider `vlm`\n  = help: did you mean `vllm`?"),
        ("pool", "the provider `pool` has 2 auth profiles\n  = help: choose one of `pool:a`, `pool:b`"),
    ):
        done = genesis("auth", "remove", name)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")
    assert stored.read_bytes() == before
    assert genesis("auth", "remove", "pool:b").returncode == 0
    assert set(keys(stored)) == {"vllm:default", "pool:a"}


CONFIG = """{
  models: { providers: { pool: { baseUrl: "http://10.0.0.5/v1", models: [{ id: "m" }] } } },
  agents: { defaults: { model: { primary: "first/m", fallbacks: ["second/m"] }, models: { "third/*": {} } } },
}"""


@pytest.mark.parametrize(
    ("provider", "noted"),
    [
        ("pool", []),
        ("first", []),
        ("second", []),
        ("third", []),
        # Implicit, even if it is not in the configuration.
        ("vllm", []),
        ("pol", [("pol", True)]),
        ("foo", [("foo", False)]),
    ],
)
def test_a_provider_missing_from_the_configuration_is_noted(
    provider: str, noted: list[tuple[str, bool]], genesis: Genesis, stored: Path, folder: Path
) -> None:
    (folder / "genesis.json5").write_text(CONFIG, encoding="utf-8")
    done = genesis("auth", "set", provider, stdin=CANARY)
    assert done.returncode == 0
    *notes, added = done.stderr.splitlines()
    for note in notes:
        assert note.startswith("note: genesis.json5 ")
    # The provider, and whether a similar one is suggested.
    assert [(re.findall(r"provider (\w+)", note)[0], "did you mean pool?" in note) for note in notes] == noted
    assert f"{provider}:default in {stored}" in added
    assert keys(stored) == {f"{provider}:default": CANARY}


def test_the_configuration_is_found_as_by_other_commands(genesis: Genesis, folder: Path) -> None:
    (folder / "mine.json5").write_text(CONFIG, encoding="utf-8")
    note = "note: mine.json5 "
    assert "note" not in genesis("auth", "set", "foo", stdin="k").stderr
    assert genesis("auth", "set", "foo", "--config", "mine.json5", stdin="k").stderr.startswith(note)
    assert genesis("auth", "set", "foo", stdin="k", env={"GENESIS_CONFIG": "mine.json5"}).stderr.startswith(note)
    # A configuration given as an option must exist; one from the environment is for other commands.
    gone = genesis("auth", "set", "foo", "--config", "gone.json5", stdin="k")
    assert gone.returncode == 2
    assert "gone.json5: No such file or directory\n" in gone.stderr
    assert genesis("auth", "set", "foo", stdin="k", env={"GENESIS_CONFIG": "gone.json5"}).returncode == 0
    assert genesis("auth", "set", "foo", stdin="k", env={"GENESIS_CONFIG": "-"}).returncode == 0
    both = genesis("auth", "set", "foo", "--config", "-", stdin="k")
    assert both.returncode == 2
    assert "would both be read from standard input" in both.stderr


@pytest.mark.parametrize("text", ["{ models: ", "[]]", '{ $include: "./gone.json5" }'])
def test_an_unreadable_configuration_causes_no_note(text: str, genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_text(text, encoding="utf-8")
    done = genesis("auth", "set", "foo", stdin=CANARY)
    assert done.returncode == 0
    assert "note" not in done.stderr


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["path"]], ids=str)
def test_a_closed_pipe_is_not_an_error(arguments: list[str], stored: Path, folder: Path) -> None:
    write(stored, {"vllm:default": entry("vllm")})
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "auth", *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(stored),
        cwd=folder,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


# Makes the terminal the controlling one of a new session, which `/dev/tty` and Ctrl-C need.
ON_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A command on a terminal of its own, and the text shown there."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.master = master
        self.shown = ""

    def wait_for(self, text: str) -> None:
        while text not in self.shown:
            self._read()

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        """Wait for the command and return its exit code. A terminal that no process has open cannot be read."""
        code = self.process.wait(60)
        while select.select([self.master], [], [], 0.05)[0]:
            try:
                self._read()
            except OSError:
                break
        return code

    def _read(self) -> None:
        ready, _, _ = select.select([self.master], [], [], 60)
        assert ready, self.shown
        data = os.read(self.master, 65536)
        assert data, self.shown
        self.shown += data.decode()


@contextmanager
def terminal(arguments: list[str], stored: Path, folder: Path) -> Iterator[Terminal]:
    """Run the command with a terminal that it can open and on which Ctrl-C can be typed."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, *COMMAND, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment(stored, TERM="xterm-256color", COLUMNS="140"),
        cwd=folder,
        start_new_session=True,
    ) as process:
        try:
            yield Terminal(process, master)
        finally:
            process.kill()
            os.close(slave)
            os.close(master)


def test_a_terminal_prompts_for_the_key_and_hides_it(stored: Path, folder: Path) -> None:
    (folder / "genesis.json5").write_text(CONFIG, encoding="utf-8")
    with terminal(["auth", "set", "foo"], stored, folder) as run:
        run.wait_for("Key for foo (hidden): ")
        # Shown before the user looks for the key.
        assert run.shown.startswith("note: genesis.json5 does not refer to a provider foo")
        run.type(f"{CANARY}\n")
        assert run.end() == 0
        assert f"added auth profile foo:default in {stored}" in run.shown
        assert "canary" not in run.shown
    assert keys(stored) == {"foo:default": CANARY}


@pytest.mark.parametrize("typed", ["\x03", "half of sk-canary\x03"])
def test_an_interruption_at_the_prompt_changes_nothing(typed: str, stored: Path, folder: Path) -> None:
    before = write(stored, {"vllm:default": entry("vllm")})
    with terminal(["auth", "set", "vllm"], stored, folder) as run:
        run.wait_for("(hidden): ")
        run.type(typed)
        assert run.end() == 130
        assert run.shown.endswith("\r\nerror: interrupted\r\n")
        assert "canary" not in run.shown
        assert "Traceback" not in run.shown
        # The terminal echoes again.
        assert termios.tcgetattr(run.master)[3] & termios.ECHO
    assert stored.read_bytes() == before
    assert os.listdir(stored.parent) == ["auth-profiles.json"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("\n", "the key is empty or only whitespace"),
        ("  \n", "the key is empty or only whitespace"),
        ("\x04", "no key was entered; nothing was changed"),
        ("sk-canary\x16\x1b[A\n", "the key contains a line break, control character or invisible character"),
        # A terminal would truncate it silently.
        ("sk-canary" * 500 + "\n", "the key may be truncated"),
    ],
    ids=["empty", "blank", "end", "arrow", "long"],
)
def test_an_invalid_typed_key_is_rejected(typed: str, message: str, stored: Path, folder: Path) -> None:
    with terminal(["auth", "set", "vllm"], stored, folder) as run:
        run.wait_for("(hidden): ")
        run.type(typed)
        assert run.end() == 2
        assert f"error: {message}" in run.shown
        assert "canary" not in run.shown
    assert not stored.exists()


def test_a_list_on_a_terminal_is_a_table(stored: Path, folder: Path) -> None:
    write(stored, {"vllm:default": entry("vllm"), "[red]": entry("vllm")})
    with terminal(["auth", "list"], stored, folder) as run:
        assert run.end() == 0
        assert "\x1b[1m" in run.shown
        assert re.search(r"\[red\].* +vllm +api_key +unknown", run.shown)
        assert "canary" not in run.shown
