"""The real executable, once for each command: it behaves like a child of the warm process, byte for byte."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from genesis_config.cli.group import genesis as group
from genesis_config.testing import Answer, ServedModel, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from genesis_config.testing import FakeVLLM
    from tests.e2e.support import Genesis

LINES = [
    ["--help"],
    ["--version"],
    ["chekc"],
    ["auth", "list"],
    ["auth", "path"],
    ["auth", "remove", "vllm"],
    ["auth", "set", "vllm"],
    ["batch", "requests.jsonl", "-o", "results.jsonl"],
    ["check"],
    ["check", "broken.json5"],
    ["check", "broken.json5", "--fix"],
    ["check", "-", "--format", "sarif"],
    ["compile", "--explain"],
    ["compile", "-o", "manifest.json"],
    ["complete", "-"],
    ["demo", "--help"],
    ["doctor", "--provider", "gone"],
    ["explain", "unknown-key"],
    ["init", "--stdout"],
    ["lock"],
    ["lsp", "--tcp"],
    ["models", "list"],
    ["models", "status", "--json"],
    ["schema", "manifest"],
]


@pytest.fixture
def server() -> Iterator[FakeVLLM]:
    with serving([ServedModel("llama", max_model_len=4096)], answer=Answer(("Übung", " …"))) as running:
        yield running


def write(folder: Path, server: FakeVLLM) -> None:
    folder.mkdir()
    (folder / "genesis.json5").write_text(
        f"""{{ models: {{ providers: {{ vllm: {{ baseUrl: "{server.base_url}", models: [] }} }} }},
  agents: {{ defaults: {{ model: "vllm/llama", models: {{ "vllm/*": {{}} }} }} }} }}""",
        encoding="utf-8",
    )
    (folder / "broken.json5").write_text("{ models: { providers: { vllm: { modles: [] } } } } // …", encoding="utf-8")
    body = '{"model": "vllm/gone", "messages": []}'
    (folder / "requests.jsonl").write_text(f'{{"custom_id": "a", "body": {body}}}\n', encoding="utf-8")


def test_every_command_is_covered() -> None:
    assert {line[0] for line in LINES if line[0][0] != "-"} == {*group.list_commands(None), "chekc"}  # type: ignore[arg-type] # it needs no context


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_the_executable_behaves_like_the_warm_process(
    line: list[str], genesis: Genesis, executable: Genesis, tmp_path: Path, server: FakeVLLM
) -> None:
    seen = []
    for name, run in (("warm", genesis), ("real", executable)):
        write(tmp_path / name, server)
        done = run(*line, cwd=tmp_path / name, stdin="{ modles: 'Ünïcödé …' }")
        files = {path.name: (path.read_bytes(), path.stat().st_mode) for path in (tmp_path / name).iterdir()}
        seen.append((done.returncode, done.stdout, done.stderr, files))
        assert done.stdout or done.stderr or "manifest.json" in files
        if (store := tmp_path / "home" / ".config" / "genesis").exists():
            (store / "auth-profiles.json").unlink()
    assert seen[0] == seen[1]


def test_runs_do_not_affect_each_other(genesis: Genesis, folder: Path, tmp_path: Path) -> None:
    (folder / "genesis.json5").write_text("{ modles: '${A}' }", encoding="utf-8")
    settings = folder / "genesis.toml"
    text = genesis("check").stdout
    settings.write_text('ignore = ["unknown-section"]', encoding="utf-8")
    assert genesis("check", env={"GENESIS_FORMAT": "json", "A": "1"}).stdout.startswith("{")
    settings.unlink()
    assert genesis("check", stdin="unread").stdout == text
    assert f" --> {folder.name}/genesis.json5:1:3\n" in genesis("check", cwd=tmp_path).stdout
    assert genesis("check", "-", stdin="{}").returncode == 0
    assert genesis("check").stdout == text
    assert genesis("auth", "path", env={"HOME": "/nowhere"}).stdout.startswith("/nowhere")


@pytest.mark.parametrize("mask", [0o022, 0o027])
def test_a_run_has_the_umask_of_the_test(mask: int, genesis: Genesis, executable: Genesis, folder: Path) -> None:
    before = os.umask(mask)
    try:
        for name, run in (("warm", genesis), ("real", executable)):
            run("check", "-", "-o", f"{name}.txt", stdin="{}")
            assert (folder / f"{name}.txt").stat().st_mode & 0o777 == 0o666 & ~mask
    finally:
        os.umask(before)


def test_input_and_output_may_exceed_the_size_of_a_pipe(genesis: Genesis, executable: Genesis) -> None:
    text = f"{{ {', '.join(f'other{number}: 1' for number in range(5000))} }}"
    warm, real = (run("check", "-", "--format", "concise", stdin=text) for run in (genesis, executable))
    assert len(warm.stdout) > 300_000
    assert (warm.returncode, warm.stdout, warm.stderr) == (real.returncode, real.stdout, real.stderr)
