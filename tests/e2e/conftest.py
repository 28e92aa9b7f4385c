"""The real command in a minimal environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import INSTALLED, PACKAGE, minimal_environment, runner
from tests.e2e.warm import WarmProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.support import Genesis


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the directory in which the command runs."""
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the command's home, an empty directory."""
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmProcess | None]:
    """Yield the process whose children run the commands; None if an installed command is tested."""
    if INSTALLED:
        yield None
    else:
        with WarmProcess(PACKAGE, minimal_environment(tmp_path_factory.mktemp("home"))) as process:
            yield process


@pytest.fixture
def genesis(home: Path, folder: Path, warm: WarmProcess | None) -> Genesis:
    """Return the command, run in a child of a warm process."""
    return runner(home, folder, warm)


@pytest.fixture
def executable(home: Path, folder: Path) -> Genesis:
    """Return the command, run as the real executable."""
    return runner(home, folder, measured=False)
