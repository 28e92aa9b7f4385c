"""With a live server, no command prints what could be a secret, and none masks anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from genesis_config.cli.checking import FORMATS
from genesis_config.testing import ServedModel, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from genesis_config.testing import FakeVLLM
    from tests.e2e.support import Genesis

KEY = "sk-abcdefghijklmnop12345678"
COMMANDS = [
    *(("check", "--format", form) for form in FORMATS),
    ("compile",),
    ("lock",),
    ("models", "list"),
    ("models", "status"),
    ("doctor",),
]


@pytest.fixture
def server() -> Iterator[FakeVLLM]:
    with serving([ServedModel("llama-3-8b", max_model_len=4096)]) as running:
        yield running


def write(folder: Path, provider: str, model: str) -> None:
    text = f"""{{
  models: {{ providers: {{ vllm: {{ {provider}, models: [] }} }} }},
  agents: {{ defaults: {{ model: "{model}", models: {{ "vllm/*": {{}} }} }} }},
}}
"""
    (folder / "genesis.json5").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_a_key_in_a_model_reference(
    command: tuple[str, ...], genesis: Genesis, folder: Path, server: FakeVLLM
) -> None:
    write(folder, f'baseUrl: "{server.base_url}"', f"vllm/{KEY}")
    done = genesis(*command)
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_a_key_in_a_base_url(
    command: tuple[str, ...], genesis: Genesis, folder: Path, server: FakeVLLM
) -> None:
    write(folder, f'baseUrl: "{server.base_url}/{KEY}"', "vllm/llama-3-8b")
    done = genesis(*command)
    assert KEY not in done.stdout + done.stderr


def test_a_marker_does_not_mask_words_of_the_doctor(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, f'baseUrl: "{server.base_url}", apiKey: "none"', "vllm/llama-3-8b")
    done = genesis("doctor")
    assert "***" not in done.stdout
    assert done.returncode == 0
