"""Tables on terminals of different widths: nothing that a user would copy is truncated or wrapped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

CONFIG = """{
  models: { providers: {
    vllm: { apiKey: "${VLLM_API_KEY}", models: [
      { id: "meta-llama/Llama-3.1-8B-Instruct", contextWindow: 131072, maxTokens: 4096 },
      { id: "qwen", contextWindow: 32768, input: ["text", "image"], reasoning: true },
    ] },
    remote: { baseUrl: "http://inference.prod.internal:8000/v1", apiKey: "${REMOTE}", models: [{ id: "[bold]" }] },
  } },
  agents: { defaults: {
    model: { primary: "vllm/meta-llama/Llama-3.1-8B-Instruct", fallbacks: ["vllm/qwen"] },
    models: { "vllm/qwen": { alias: "fast" } },
  } },
}
"""


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("command", ["list", "status"])
def test_models_on_a_terminal(command: str, width: int, folder: Path, snapshot: SnapshotAssertion) -> None:
    (folder / "genesis.json5").write_text(CONFIG, encoding="utf-8")
    # Without keys no server is queried.
    _, shown = on_terminal("models", command, cwd=folder, env={"COLUMNS": str(width), "VLLM_API_KEY": ""})
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n")
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for whole in (
        ("vllm/meta-llama/Llama-3.1-8B-Instruct", "131072 config")
        if command == "list"
        else ("http://inference.prod.internal:8000/v1",)
    ):
        assert whole in text
    assert text == snapshot
