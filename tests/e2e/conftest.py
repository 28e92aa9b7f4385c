"""The real command in a scrubbed environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import runner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """Give the command; its home is an empty folder, and so is where it runs."""
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    return runner(home, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder that the command runs in."""
    return tmp_path / "work"
