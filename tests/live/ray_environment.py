"""Install Ray and Genesis once into an environment of their own, kept like that of vLLM: 600 MB, half a minute."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.live.install import environment

__all__ = ["genesis_with_ray"]

RAY = "2.60.0"
ROOT = Path(__file__).resolve().parents[2]


def genesis_with_ray() -> Path:
    """Return the command `genesis` in an environment with Ray and this checkout.

    Raises:
        subprocess.CalledProcessError: pip failed. The next call deletes the incomplete environment.
    """
    target = environment().with_name(f"ray-{RAY}-py{sys.version_info.major}{sys.version_info.minor}")
    done = target / "installed"
    if not done.exists():
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
        _pip(target, f"ray[data]=={RAY}", str(ROOT))
        done.touch()
    # The current checkout, which may differ from what was installed before.
    _pip(target, "--no-deps", "--force-reinstall", str(ROOT))
    return target / "bin" / "genesis"


def _pip(target: Path, *arguments: str) -> None:
    command = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True)
