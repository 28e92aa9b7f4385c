"""Many files in one run, and concurrent runs."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import COMMAND, on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis

CLEAN = "{ agents: { defaults: { model: 'vllm/m' } } }"
BROKEN = "{ models: { providers: { vllm: { modles: [{ id: 'm', contextWindow: 1 }], // kept\n } } } }"
FIXED = BROKEN.replace("modles", "models")


def test_progress_on_a_terminal_is_erased_at_the_end(folder: Path) -> None:
    for name in ("a", "c"):
        (folder / f"{name}.json5").write_text(CLEAN, encoding="utf-8")
    os.mkfifo(folder / "b.json5")

    def write() -> None:
        with open(folder / "b.json5", "w", encoding="utf-8") as slow:
            time.sleep(1.3)
            slow.write(CLEAN)

    writer = threading.Thread(target=write)
    writer.start()
    code, shown = on_terminal("check", "a.json5", "b.json5", "c.json5", cwd=folder, stream="stderr")
    writer.join()
    assert code == 0
    assert "checking" in shown
    # The line of the progress bar is erased.
    assert "\x1b[2K" in shown.rpartition("checking")[2]


def test_no_progress_is_shown_without_a_terminal(genesis: Genesis, folder: Path) -> None:
    for number in range(50):
        (folder / f"{number}.json5").write_text(CLEAN, encoding="utf-8")
    done = genesis("check", "*.json5")
    assert (done.stdout, done.stderr) == ("50 files checked: no findings\n", "")


@pytest.mark.parametrize("overlap", [False, True], ids=["shards", "the same files"])
def test_concurrent_runs_leave_every_file_complete_and_fixed(folder: Path, *, overlap: bool) -> None:
    names = [f"{number}.json5" for number in range(40)]
    for name in names:
        (folder / name).write_text(BROKEN, encoding="utf-8")
    shards = [names] * 4 if overlap else [names[number::4] for number in range(4)]
    runs = [
        subprocess.Popen([*COMMAND, "check", "--fix", *shard], cwd=folder, stdout=subprocess.PIPE, text=True)
        for shard in shards
    ]
    outputs = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4
    assert all(f"{len(shards[0])} files checked: no findings" in text for text in outputs)
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == dict.fromkeys(names, FIXED)
