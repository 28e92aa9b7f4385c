"""The real command in a scrubbed environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import runner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder that the command runs in."""
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def genesis(tmp_path: Path, folder: Path) -> Genesis:
    """Give the command; its home is an empty folder, and so is where it runs."""
    home = tmp_path / "home"
    home.mkdir()
    return runner(home, folder)
